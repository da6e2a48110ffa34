"""Let a cheap model answer most inputs, and ask an expensive one where it pays."""

from selective_query.abstaining import AbstainingClassifier
from selective_query.adaptation import AlternatingAdaptation
from selective_query.base_search import BaseSearchCV
from selective_query.comparison import compare_routers
from selective_query.crossfit import cross_fit_outcomes, outcomes_from_models
from selective_query.diagnosis import diagnose
from selective_query.displays import AccuracyCoverageDisplay
from selective_query.evidence import Evidence
from selective_query.hybrid import HybridClassifier
from selective_query.outcomes import Outcomes
from selective_query.persistence import load, save
from selective_query.policy import RoutingPolicy
from selective_query.probabilities import TopKProba
from selective_query.routers import BaseRouter, list_routers
from selective_query.search_space import SearchSpace

__version__ = "0.1.0"

__all__ = [
    "AbstainingClassifier",
    "AccuracyCoverageDisplay",
    "AlternatingAdaptation",
    "BaseRouter",
    "BaseSearchCV",
    "Evidence",
    "HybridClassifier",
    "Outcomes",
    "RoutingPolicy",
    "SearchSpace",
    "TopKProba",
    "compare_routers",
    "cross_fit_outcomes",
    "diagnose",
    "list_routers",
    "load",
    "outcomes_from_models",
    "save",
]
