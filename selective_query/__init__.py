"""Let a cheap model answer most inputs, and ask an expensive one where it pays."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selective_query.abstaining import AbstainingClassifier
    from selective_query.adaptation import AlternatingAdaptation
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
    from selective_query.search import BaseSearchCV, SearchSpace

__version__ = "0.1.0"

# A name is imported from its home when it is first asked for: whoever needs a policy on
# arrays does not wait for displays and searches.
_HOMES = {
    "AbstainingClassifier": "abstaining",
    "AccuracyCoverageDisplay": "displays",
    "AlternatingAdaptation": "adaptation",
    "BaseRouter": "routers",
    "BaseSearchCV": "search",
    "Evidence": "evidence",
    "HybridClassifier": "hybrid",
    "Outcomes": "outcomes",
    "RoutingPolicy": "policy",
    "SearchSpace": "search",
    "TopKProba": "probabilities",
    "compare_routers": "comparison",
    "cross_fit_outcomes": "crossfit",
    "diagnose": "diagnosis",
    "list_routers": "routers",
    "load": "persistence",
    "outcomes_from_models": "crossfit",
    "save": "persistence",
}
_ROOMS = ("budgets", "costs", "datasets", "displays", "metrics", "routers", "scorers")

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}.")


def __dir__():
    return sorted({*globals(), *_HOMES, *_ROOMS})
