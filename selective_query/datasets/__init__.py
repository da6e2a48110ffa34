"""Datasets: a simulator with a known optimal rule, and readers of real data."""

from selective_query._utils import publish
from selective_query.datasets.readers import DATASETS, load_dataset
from selective_query.datasets.simulator import (
    SelectiveQuerySample,
    make_selective_query,
)

__all__ = ["DATASETS", "SelectiveQuerySample", "load_dataset", "make_selective_query"]

publish(globals())
