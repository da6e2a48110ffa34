"""Where to cut: operating points and what is certain about them."""

from selective_query.budgets.thresholds import (
    CalibrationScores,
    Certificate,
    OperatingPoint,
)

__all__ = ["CalibrationScores", "Certificate", "OperatingPoint"]
