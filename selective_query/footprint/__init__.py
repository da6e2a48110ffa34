"""How large a model or router is, and whether a device has room for it."""

from selective_query._utils import publish
from selective_query.footprint.estimator_profile import EstimatorProfile
from selective_query.footprint.profiling import profile_estimator
from selective_query.footprint.report import Footprint, FootprintReport

__all__ = ["EstimatorProfile", "Footprint", "FootprintReport", "profile_estimator"]

publish(globals())
