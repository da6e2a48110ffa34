"""Whom to query: routers rank inputs by how much a query would gain."""

from selective_query.routers._base import BaseRouter
from selective_query.routers.auto import AutoRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.confidence import (
    EntropyRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
)
from selective_query.routers.constrained import ConstrainedRouter
from selective_query.routers.kernel_benefit import KernelBenefitRouter
from selective_query.routers.registry import list_routers, make_router
from selective_query.routers.trivial import (
    AlwaysBaseRouter,
    AlwaysGlobalRouter,
    OracleRouter,
    RandomRouter,
)

__all__ = [
    "AlwaysBaseRouter",
    "AlwaysGlobalRouter",
    "AutoRouter",
    "BaseRouter",
    "BenefitRouter",
    "ConstrainedRouter",
    "EntropyRouter",
    "KernelBenefitRouter",
    "MarginRouter",
    "MaxLogitRouter",
    "MaxProbabilityRouter",
    "OracleRouter",
    "RandomRouter",
    "list_routers",
    "make_router",
]
