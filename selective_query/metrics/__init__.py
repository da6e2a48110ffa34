"""How good it is: arrays in, numbers out."""

from selective_query.metrics.areas import deferral_area
from selective_query.metrics.at_coverage import (
    accuracy_at_coverage,
    selective_accuracy_at_coverage,
)
from selective_query.metrics.curves import (
    AccuracyCoverageCurve,
    accuracy_coverage_curve,
)

__all__ = [
    "AccuracyCoverageCurve",
    "accuracy_at_coverage",
    "accuracy_coverage_curve",
    "deferral_area",
    "selective_accuracy_at_coverage",
]
