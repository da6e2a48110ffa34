"""Memory and operations of models and routers, and whether a device holds them."""

from selective_query._utils import publish
from selective_query.footprint.estimator_profile import EstimatorProfile
from selective_query.footprint.profiling import profile_estimator
from selective_query.footprint.report import Footprint, FootprintReport

__all__ = ["EstimatorProfile", "Footprint", "FootprintReport", "profile_estimator"]

publish(globals())
