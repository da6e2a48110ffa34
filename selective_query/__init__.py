"""Let a cheap model answer most inputs, and ask an expensive one where it pays."""

from selective_query.abstaining import AbstainingClassifier
from selective_query.crossfit import cross_fit_outcomes, outcomes_from_models
from selective_query.hybrid import HybridClassifier
from selective_query.outcomes import Evidence, Outcomes
from selective_query.policy import RoutingPolicy
from selective_query.probabilities import TopKProba
from selective_query.routers import BaseRouter, list_routers

__version__ = "0.1.0"

__all__ = [
    "AbstainingClassifier",
    "BaseRouter",
    "Evidence",
    "HybridClassifier",
    "Outcomes",
    "RoutingPolicy",
    "TopKProba",
    "cross_fit_outcomes",
    "list_routers",
    "outcomes_from_models",
]
