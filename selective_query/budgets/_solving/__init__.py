"""From a budget to an operating point."""
