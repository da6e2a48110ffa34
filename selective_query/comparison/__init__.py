"""compare_routers: routers and bounds side by side on rows they did not learn from."""

from selective_query.comparison.comparing import compare_routers
from selective_query.comparison.table import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    RouterComparison,
)
from selective_query.routers.allowed import default_routers

__all__ = [
    "COLUMNS",
    "DIFFERENCE_COLUMNS",
    "RouterComparison",
    "compare_routers",
    "default_routers",
]
