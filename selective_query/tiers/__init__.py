"""Chains of more than two models: who answers, at which cost."""

from selective_query._utils import publish
from selective_query.tiers.cascade import CascadePolicy
from selective_query.tiers.operating_point import CascadeOperatingPoint

__all__ = ["CascadeOperatingPoint", "CascadePolicy"]

publish(globals())
