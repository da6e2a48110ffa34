"""Chains of two or more models: which one answers, and at what cost."""

from selective_query._utils import publish
from selective_query.tiers.cascade import CascadePolicy
from selective_query.tiers.choice import ModelChoicePolicy
from selective_query.tiers.operating_point import CascadeOperatingPoint
from selective_query.tiers.routing import CascadeRoutingPolicy
from selective_query.tiers.rule import CascadeRule
from selective_query.tiers.selection import worthwhile_tiers

__all__ = [
    "CascadeOperatingPoint",
    "CascadePolicy",
    "CascadeRoutingPolicy",
    "CascadeRule",
    "ModelChoicePolicy",
    "worthwhile_tiers",
]

publish(globals())
