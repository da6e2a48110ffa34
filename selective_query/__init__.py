"""Let a cheap model answer most inputs and query an expensive one where it pays."""

from importlib import import_module
from typing import TYPE_CHECKING

from selective_query._utils.homes import missing

if TYPE_CHECKING:
    from selective_query._models.crossfit import (
        cross_fit_outcomes,
        outcomes_from_models,
    )
    from selective_query.classifiers import (
        AbstainingClassifier,
        AlternatingAdaptation,
        CascadeClassifier,
        HybridClassifier,
        SecondLook,
    )
    from selective_query.displays import AccuracyCoverageDisplay
    from selective_query.evaluation import compare_routers, diagnose
    from selective_query.outcomes import ChainOutcomes, Evidence, Outcomes, TopKProba
    from selective_query.persistence import load, save
    from selective_query.policy import RoutingPolicy
    from selective_query.routers import BaseRouter, list_routers
    from selective_query.rule import Rule
    from selective_query.search import HybridSearchCV, SearchSpace
    from selective_query.tiers import CascadePolicy, CascadeRule

__version__ = "0.1.0"

# Each name is imported on first access, so code that needs only a policy on arrays does
# not wait for displays and searches.
_HOMES = {
    "AbstainingClassifier": "classifiers",
    "AccuracyCoverageDisplay": "displays",
    "AlternatingAdaptation": "classifiers",
    "BaseRouter": "routers",
    "CascadeClassifier": "classifiers",
    "CascadePolicy": "tiers",
    "CascadeRule": "tiers",
    "ChainOutcomes": "outcomes",
    "Evidence": "outcomes",
    "HybridClassifier": "classifiers",
    "HybridSearchCV": "search",
    "Outcomes": "outcomes",
    "RoutingPolicy": "policy",
    "Rule": "rule",
    "SearchSpace": "search",
    "SecondLook": "classifiers",
    "TopKProba": "outcomes",
    "compare_routers": "evaluation",
    "cross_fit_outcomes": "_models.crossfit",
    "diagnose": "evaluation",
    "list_routers": "routers",
    "load": "persistence",
    "outcomes_from_models": "_models.crossfit",
    "save": "persistence",
}
_ROOMS = (
    "budgets",
    "classifiers",
    "cli",
    "costs",
    "datasets",
    "displays",
    "evaluation",
    "exceptions",
    "export",
    "footprint",
    "metrics",
    "nets",
    "outcomes",
    "persistence",
    "planning",
    "policy",
    "reports",
    "routers",
    "rule",
    "scale",
    "search",
    "serving",
    "tiers",
)

__all__ = sorted(_HOMES)


def __getattr__(name):
    if name in _HOMES:
        found = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f"{__name__}.{name}")
    raise missing(__name__, name)


def __dir__():
    return sorted({*globals(), *_HOMES, *_ROOMS})
