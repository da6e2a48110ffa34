"""Uncertainty of metrics: intervals, bands and paired tests."""

from selective_query.metrics.inference.bands import CurveBand
from selective_query.metrics.inference.paired_means import (
    PairedDifference,
    paired_difference,
)
from selective_query.metrics.inference.paired_scores import PairedScores

__all__ = ["CurveBand", "PairedDifference", "PairedScores", "paired_difference"]
