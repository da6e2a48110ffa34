"""Where to cut: budgets, operating points and their certificates."""

from selective_query._utils import publish
from selective_query.budgets._solving.calibration import Calibration
from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.budgets.base import Budget, Floor, Limit
from selective_query.budgets.combined import All, Mixed, as_budget
from selective_query.budgets.floors import (
    MaxExcessError,
    MinAccuracy,
    MinSelectiveAccuracy,
)
from selective_query.budgets.limits import (
    BatteryLife,
    Coverage,
    MaxBytes,
    MaxEnergy,
    MaxLatency,
    MaxPrice,
    QueryRate,
)
from selective_query.budgets.operating_points import (
    Certificate,
    GroupOperatingPoint,
    MixedOperatingPoint,
    OperatingPoint,
)
from selective_query.budgets.rows import (
    GroupCoverage,
    MaxQueryCost,
    RowBudget,
    StayLocal,
)
from selective_query.budgets.sgr import selective_guaranteed_risk
from selective_query.budgets.tier_cost import MaxTierCost

__all__ = [
    "All",
    "BatteryLife",
    "Budget",
    "Calibration",
    "CalibrationScores",
    "Certificate",
    "Coverage",
    "Floor",
    "GroupCoverage",
    "GroupOperatingPoint",
    "JudgedRows",
    "Limit",
    "MaxBytes",
    "MaxEnergy",
    "MaxExcessError",
    "MaxLatency",
    "MaxPrice",
    "MaxQueryCost",
    "MaxTierCost",
    "MinAccuracy",
    "MinSelectiveAccuracy",
    "Mixed",
    "MixedOperatingPoint",
    "OperatingPoint",
    "QueryRate",
    "RowBudget",
    "StayLocal",
    "as_budget",
    "selective_guaranteed_risk",
]

publish(globals())
