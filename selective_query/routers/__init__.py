"""Routers: rank inputs by how much a query would gain."""

from selective_query._utils import publish
from selective_query.routers.agreement import AgreementRouter, member_votes
from selective_query.routers.appeal import AppealRouter
from selective_query.routers.auto import AutoRouter
from selective_query.routers.base import BaseRouter
from selective_query.routers.benefit import BenefitRouter
from selective_query.routers.boosted_benefit import BoostedBenefitRouter
from selective_query.routers.class_doubt import ClassDoubtRouter
from selective_query.routers.confidence import (
    EntropyRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
)
from selective_query.routers.constrained import ConstrainedRouter
from selective_query.routers.decision_cost import DecisionCost
from selective_query.routers.deferral_surrogates import (
    CrossEntropyDeferralRouter,
    OneVsAllDeferralRouter,
)
from selective_query.routers.energy import EnergyRouter
from selective_query.routers.features import FeatureRouter
from selective_query.routers.kernel_benefit import KernelBenefitRouter
from selective_query.routers.learned import LearnedRouter
from selective_query.routers.mahalanobis import MahalanobisRouter
from selective_query.routers.neighbours import KNNBenefitRouter, KNNDistanceRouter
from selective_query.routers.pre import PreRouter
from selective_query.routers.program import Program
from selective_query.routers.programmed import ProgramRouter
from selective_query.routers.proxy_logistic import ProxyLogisticRouter
from selective_query.routers.realizable import RealizableDeferralRouter
from selective_query.routers.registry import list_routers, make_router
from selective_query.routers.steps import Steps
from selective_query.routers.trivial import (
    AlwaysBaseRouter,
    AlwaysGlobalRouter,
    OracleRouter,
    RandomRouter,
)
from selective_query.routers.two_stage import TwoStageRouter

__all__ = [
    "AgreementRouter",
    "AlwaysBaseRouter",
    "AlwaysGlobalRouter",
    "AppealRouter",
    "AutoRouter",
    "BaseRouter",
    "BenefitRouter",
    "BoostedBenefitRouter",
    "ClassDoubtRouter",
    "ConstrainedRouter",
    "CrossEntropyDeferralRouter",
    "DecisionCost",
    "EnergyRouter",
    "EntropyRouter",
    "FeatureRouter",
    "KNNBenefitRouter",
    "KNNDistanceRouter",
    "KernelBenefitRouter",
    "LearnedRouter",
    "MahalanobisRouter",
    "MarginRouter",
    "MaxLogitRouter",
    "MaxProbabilityRouter",
    "OneVsAllDeferralRouter",
    "OracleRouter",
    "PreRouter",
    "Program",
    "ProgramRouter",
    "ProxyLogisticRouter",
    "RandomRouter",
    "RealizableDeferralRouter",
    "Steps",
    "TwoStageRouter",
    "list_routers",
    "make_router",
    "member_votes",
]

publish(globals())
