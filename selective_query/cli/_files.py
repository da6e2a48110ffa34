"""What commands read: a fitted policy, and the halves of a file of predictions."""

from contextlib import contextmanager

import numpy as np
from sklearn.model_selection import train_test_split
from sklearn.utils.validation import check_is_fitted

from selective_query.persistence import load
from selective_query.policy import RoutingPolicy
from selective_query.routers import BaseRouter


def load_policy(path):
    """The fitted policy in a file.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    RoutingPolicy

    Raises
    ------
    ValueError
        When the file holds something else, or a policy that is not fitted.
    """
    policy = load(path)
    if not isinstance(policy, RoutingPolicy):
        raise ValueError(
            f"{path} must hold a RoutingPolicy, as `selective-query fit` writes it. "
            f"Got {type(policy).__name__}."
        )
    check_is_fitted(policy, "router_")
    if not isinstance(policy.router_, BaseRouter):
        raise ValueError(
            f"{path} is damaged: its policy has no router but "
            f"{type(policy.router_).__name__}. Fit it anew."
        )
    return policy


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
