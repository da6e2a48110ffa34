"""Solve a budget into an operating point."""
