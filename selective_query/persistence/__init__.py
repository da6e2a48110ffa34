"""save and load: policies and classifiers as files that run no code when opened."""

from selective_query.persistence.files import load, save

__all__ = ["load", "save"]
