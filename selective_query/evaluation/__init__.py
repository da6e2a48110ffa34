"""How well a router, policy or classifier performs, and why."""

from selective_query._utils import publish
from selective_query.evaluation.comparing import compare_routers, default_routers
from selective_query.evaluation.comparison import (
    COLUMNS,
    DIFFERENCE_COLUMNS,
    RouterComparison,
)
from selective_query.evaluation.diagnosis import diagnose
from selective_query.evaluation.inspection import (
    ClassRouting,
    EvidenceImportance,
    RoutingExamples,
    evidence_importance,
    routing_by_class,
    routing_examples,
)

__all__ = [
    "COLUMNS",
    "DIFFERENCE_COLUMNS",
    "ClassRouting",
    "EvidenceImportance",
    "RouterComparison",
    "RoutingExamples",
    "compare_routers",
    "default_routers",
    "diagnose",
    "evidence_importance",
    "routing_by_class",
    "routing_examples",
]

publish(globals())
