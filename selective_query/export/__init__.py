"""A fitted classifier's edge half in other languages: one file that decides."""

__all__ = []
