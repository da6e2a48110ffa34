"""Plan an operating point within budgets, and compare systems."""

from selective_query._utils import publish
from selective_query.planning.early_exits import early_exit
from selective_query.planning.one_sided import on_cloud, on_device
from selective_query.planning.plans import Plan, charged, plan
from selective_query.planning.rebinding import rebound
from selective_query.planning.routed_system import routed
from selective_query.planning.sensitivity import Sensitivity
from selective_query.planning.system_curve import SystemCurve
from selective_query.planning.system_point import SystemPoint
from selective_query.planning.verdict import RoutingVerdict, routing_verdict
from selective_query.planning.within import best_within

__all__ = [
    "Plan",
    "RoutingVerdict",
    "Sensitivity",
    "SystemCurve",
    "SystemPoint",
    "best_within",
    "charged",
    "early_exit",
    "on_cloud",
    "on_device",
    "plan",
    "rebound",
    "routed",
    "routing_verdict",
]

publish(globals())
