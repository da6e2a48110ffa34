"""What commands read: a rule, and the halves of a file of predictions."""

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
    """A fitted classifier, policy or rule.

    Parameters
    ----------
    source : str
        A file that ``save`` wrote, or ``module:attribute``.
    trusted : sequence of str
        Further types that the file may hold.
    app_dir : path-like, default="."
        Folder in which the module is looked for first.

    Raises
    ------
    ValueError
        When there is no such module, or it has no such attribute.
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
            raise  # of something that the module needs
        raise ValueError(
            f"There is no module {module!r} in {folder}, nor is it installed. Run the "
            "command in the folder of its file, or give --app-dir where there is one."
        ) from None
    if not hasattr(found, attribute):
        raise ValueError(f"{module} has no {attribute!r}.")
    return getattr(found, attribute)


def load_rule(path):
    """The rule in a file, of its own or of a fitted policy or classifier.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Rule

    Raises
    ------
    ValueError
        When the file holds something else, or a policy that is not fitted.
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
            f"{type(rule.router).__name__}. Fit it anew."
        )
    return rule


def described_router(router):
    """The name of a router, and of the one that it chose."""
    selection = getattr(router, "selection_", None)
    name = router_name(router)
    return name if selection is None else f"{name}, which chose {selection['chosen']}"


@contextmanager
def blamed_on(path):
    """An error from inside a policy that was read is one of the file.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    ValueError
        In place of an AttributeError, IndexError ...
    """
    try:
        yield
    except (ImportError, OSError, TypeError, ValueError):
        raise
    except Exception as error:
        raise ValueError(
            f"{path} is damaged: its policy cannot decide ({type(error).__name__}: "
            f"{error}). Fit it anew."
        ) from error


def halves(outcomes, path, seed):
    """Two random halves of the rows of a file.

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
        When there are fewer than two rows.
    """
    if outcomes.n_rows < 2:
        raise ValueError(
            f"{path} must hold two rows or more, to learn from one half and judge on "
            f"the other. Got {outcomes.n_rows}."
        )
    rows = np.arange(outcomes.n_rows)
    parts = train_test_split(rows, test_size=0.5, random_state=seed)
    return [outcomes.take(np.sort(part)) for part in parts]
