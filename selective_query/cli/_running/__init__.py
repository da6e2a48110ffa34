"""Implementations of the commands, imported only when one runs, to keep help fast."""
