"""Trivial routers and bounds: random, always base, always global, oracle."""

from numbers import Integral

import numpy as np

from selective_query._utils.numbers import random_state_of
from selective_query.exceptions import BoundRouterError
from selective_query.outcomes._chance import chance_of_rows
from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers.base import BaseRouter
from selective_query.routers.decision_cost import cost_of
from selective_query.routers.steps import Steps


class RandomRouter(BaseRouter):
    """Query at random: a seeded hash of the row's evidence, uniform in [0, 1).

    It hashes X if available, otherwise the base's outputs, to six digits. A row's score
    depends on that row alone, never on its batch; equal rows get equal scores.

    Parameters
    ----------
    random_state : int, RandomState instance or None, default=0
        Seed of the hash. With a number, the router needs no ``fit``; otherwise the seed
        is drawn in ``fit`` and stored, so that a fitted router always decides a row in
        the same way.

    Attributes
    ----------
    seed_ : int
        The seed in use, once fitted.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import RandomRouter
    >>> batch = Evidence(base_proba=[[0.5, 0.5], [0.9, 0.1]])
    >>> one_row = batch.take([1])
    >>> RandomRouter().query_score(batch)[1] == RandomRouter().query_score(one_row)[0]
    np.True_
    """

    _why_no_program = "it hashes the evidence, which programs cannot do"

    def __init__(self, random_state=0):
        self.random_state = random_state

    def fit(self, outcomes):
        if isinstance(self.random_state, Integral):
            self.seed_ = int(self.random_state)
        else:
            self.seed_ = int(random_state_of(self.random_state).randint(2**31 - 1))
        return self

    def query_score(self, evidence):
        self._check_fitted()
        return chance_of_rows(evidence, getattr(self, "seed_", self.random_state))

    def decision_cost(self, evidence):
        # One product for each number, and eight steps to mix the bits.
        parts = (getattr(evidence, name) for name in ("base_proba", "base_features"))
        n_numbers = sum(part.shape[1] for part in parts if part is not None)
        return cost_of(n_numbers + 8, stored=1)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "seed_") or isinstance(self.random_state, Integral)


class _Bound(BaseRouter):
    is_bound = True


class AlwaysBaseRouter(_Bound):
    """Never query: the accuracy of the base alone, at every requested coverage."""

    def program(self):
        return _always(self, -np.inf)


class AlwaysGlobalRouter(_Bound):
    """Always query: the accuracy of the global alone, at every requested coverage."""

    def program(self):
        return _always(self, np.inf)


def _always(router, value):
    steps = Steps()
    steps.add("constant", value=value)
    return steps.program(type(router).__name__)


class OracleRouter(_Bound):
    """Queries rows in order of their true benefit, and none with a benefit <= 0.

    An upper bound for evaluation; it scores only :class:`~selective_query.Outcomes`.
    """

    in_benefit_units = True
    _why_no_program = "it reads the outcome, which is unknown on a device"

    def query_score(self, evidence):
        if not isinstance(evidence, Outcomes):
            raise BoundRouterError(
                "The oracle knows the outcome of each row, so it can be compared with "
                "(compare_routers) but cannot route unseen inputs. Choose one of "
                "list_routers()."
            )
        benefit = evidence.benefit
        return np.where(benefit > 0, benefit, -np.inf)
