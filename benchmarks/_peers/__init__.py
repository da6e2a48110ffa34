"""The methods compared: one small adapter for each."""

from functools import partial
from importlib.util import find_spec

from _peers.by_hand import ByHand
from _peers.ours import Ours, PublishedOrder

PACKAGES = {"skfb": "scikit-fallback", "mapie": "mapie"}
INSTALLED = {module for module in PACKAGES if find_spec(module)}
PUBLISHED = {
    "deferral_lce": "LCE surrogate",
    "deferral_ova": "OvA surrogate",
    "deferral_realizable": "realizable surrogate",
    "constrained": "paper's net",
}


def missing():
    """Return the names of the peers' packages that are not installed."""
    return [name for module, name in PACKAGES.items() if module not in INSTALLED]


def hybrids():
    """Return the installed methods that decide between a base and a global."""
    found = [Ours(), Ours("max_probability"), ByHand()]
    if "skfb" in INSTALLED:
        from _peers.fallback import FallbackCascade, FallbackRouting

        found += [FallbackCascade(), *map(FallbackRouting, ("logistic", "boosted"))]
    if "mapie" in INSTALLED:
        from _peers.conformal import ConformalSets

        found.append(ConformalSets())
    return found


def published():
    """Return published methods, in this library's implementation, on fitted models."""
    return [PublishedOrder(router, name) for router, name in PUBLISHED.items()]


def abstainers():
    """Return the installed methods that answer or abstain."""
    found = [Ours(), Ours("max_probability"), ByHand()]
    if "skfb" in INSTALLED:
        from _peers.fallback import FallbackRate

        found.append(FallbackRate())
    if "mapie" in INSTALLED:
        from _peers.conformal import ConformalSets

        found.append(ConformalSets())
    return found


def rules():
    """Return rules that answer as many rows as an accuracy allows, by name."""
    from _peers.promises import by_hand, ours

    found = {"selective_query": ours, "threshold by hand": by_hand}
    if "mapie" in INSTALLED:
        from _peers.conformal import risk_control

        for method in ("bonferroni_holm", "fixed_sequence"):
            name = f"MAPIE, {method.replace('_', ' ')}"
            found[name] = partial(risk_control, fwer_method=method)
    return found
