"""The command ``selective-query``."""

from selective_query.cli.commands import main

__all__ = ["main"]
