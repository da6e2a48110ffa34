"""Read models and rules, and split predictions into halves."""

import sys
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from selective_query.persistence import load
from selective_query.policy import RoutingPolicy
from selective_query.routers import BaseRouter
from selective_query.routers.registry import router_name
from selective_query.rule import Rule


def load_model(source, trusted=(), app_dir="."):
    """Load a fitted classifier, policy or rule.

    Parameters
    ----------
    source : str
        A file that ``save`` wrote, or ``module:attribute``.
    trusted : sequence of str
        Additional types that the file may contain.
    app_dir : path-like, default="."
        Folder that is searched first for the module.

    Raises
    ------
    ValueError
        If there is no such module, or it has no such attribute.
    """
    module, colon, attribute = source.partition(":")
    if not colon or Path(source).exists():
        return load(source, trusted=trusted)
    folder = str(Path(app_dir).resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        found = import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0] and error.name != module:
            raise  # the module's own import failed
        raise ValueError(
            f"There is no module {module!r} in {folder}, nor is it installed. Run the "
            "command in the folder of its file, or give --app-dir where there is one."
        ) from None
    if not hasattr(found, attribute):
        raise ValueError(f"{module} has no {attribute!r}.")
    return getattr(found, attribute)


def load_rule(path):
    """Load a rule from a file of a rule, fitted policy or classifier.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        If the file contains anything else, or an unfitted policy.
    """
    found = load(path)
    if isinstance(found, RoutingPolicy):
        check_is_fitted(found, "rule_")
    rule = found if isinstance(found, Rule) else vars(found).get("rule_")
    if not isinstance(rule, Rule):
        raise ValueError(
            f"{path} must hold a rule or a fitted RoutingPolicy, as `selective-query "
            f"fit` writes it. Got {type(found).__name__}."
        )
    if not isinstance(rule.router, BaseRouter):
        raise ValueError(
            f"{path} is damaged: its policy has no router but "
            f"{type(rule.router).__name__}. Fit it again."
        )
    return rule


def described_router(router):
    """Return the name of a router, and of the one that it chose."""
    selection = getattr(router, "selection_", None)
    name = router_name(router)
    return name if selection is None else f"{name}, which chose {selection['chosen']}"


@contextmanager
def blamed_on(path):
    """Blame unexpected errors of a loaded policy on its file.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ValueError
        Instead of an AttributeError, IndexError ...
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is damaged: its policy cannot decide ({type(error).__name__}: "
            f"{error}). Fit it again."
        ) from error


def halves(outcomes, path, seed):
    """Split the rows of a file into two random halves.

    Parameters
    ----------
    outcomes : Outcomes
    path : path-like
        For the message.
    seed : int

    Returns
    -------
    list of Outcomes

    Raises
    ------
    ValueError
        If there are fewer than two rows.
    """
    if outcomes.n_rows < 2:
        raise ValueError(
            f"{path} must hold two rows or more, to fit on one half and evaluate on "
            f"the other. Got {outcomes.n_rows}."
        )
    rows = np.arange(outcomes.n_rows)
    parts = train_test_split(rows, test_size=0.5, random_state=seed)
    return [outcomes.take(np.sort(part)) for part in parts]
