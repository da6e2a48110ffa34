"""Adapt base and global to the rows that each will answer."""

from numbers import Integral, Real

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student
from sklearn.base import BaseEstimator

from selective_query._models.sides import Sides
from selective_query._utils.validation import takes_weights
from selective_query.budgets._solving.reach import likely_coverage
from selective_query.budgets.combined import check_coverage
from selective_query.outcomes._sorted_rows import query_share

BASE_FACTOR = 2
GLOBAL_FACTOR = 1


class AlternatingAdaptation(BaseEstimator):
    r"""Refit base and global in turn, with weights for the rows that each answers.

    Given the router r, with r(x) = 1 where the global is queried, the paper solves

    .. math:: \min_b \sum_i (2 - r(x_i))\, \ell(b(x_i), y_i), \qquad
              \min_g \sum_i (1 + r(x_i))\, \ell(g(x_i), y_i)

    A round refits the base with these weights, then the router, then the global, then
    the router again. Everything is evaluated out of fold: r, and the accuracy of the
    hybrid at its coverage, come from models that did not see the row. A base that has
    memorised its training rows therefore cannot hide which of them it is unsure about.
    The weights have mean one, so they change neither penalties nor learning rates, and
    they multiply the user's own weights.

    The round with the best accuracy is kept only if its gain over plain training
    exceeds a number of standard errors, over rows or over folds, whichever is larger: a
    model that is sensitive to its training rows, such as a deep tree, also changes by
    chance. Otherwise nothing is changed. Each round costs as many fits as
    cross-fitting.

    Parameters
    ----------
    n_rounds : int, default=2
        Maximum number of rounds; it stops after a round without a gain.
    n_standard_errors : float, default=2.0
        Standard errors that the gain over plain training must exceed. The gain is the
        best of several, so it is biased upwards.
    keep : {"sure", "last"}, default="sure"
        ``"last"`` keeps the last step even without a gain, as in the paper.

    Attributes
    ----------
    history_ : list of dict
        For each step ``round``, ``side`` ("none", "base" or "global"), ``accuracy`` of
        the hybrid, and its ``gain`` over plain training with ``standard_error``.
    chosen_ : int
        Index of the step that was kept; 0 is plain training.
    coverage_ : float
        Coverage at which accuracies were compared.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AlternatingAdaptation, HybridClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(),
    ...     ExtraTreesClassifier(20, random_state=0),
    ...     adaptation=AlternatingAdaptation(n_rounds=1), cv=3,
    ... ).fit(X, y)
    >>> [step["side"] for step in hybrid.adaptation_.history_]
    ['none', 'base', 'global']
    """

    def __init__(self, n_rounds=2, n_standard_errors=2.0, keep="sure"):
        self.n_rounds = n_rounds
        self.n_standard_errors = n_standard_errors
        self.keep = keep

    def adapt(self, sides, policy):
        """Find the weights and return both sides with them.

        Parameters
        ----------
        sides : Sides
        policy : RoutingPolicy
            Not fitted; provides the router and the coverage for the adapted models.

        Returns
        -------
        Sides

        Raises
        ------
        ValueError
            If a parameter is out of range, no side can be adapted, or a side accepts no
            sample_weight.
        """
        self._check(sides)
        self._policy = policy
        queried, right = self._routed(sides.outcomes, first=True)
        outcomes = sides.outcomes
        steps, rows = [sides], [right]
        self.history_ = [self._step(0, "none", right, right, outcomes)]
        for number in range(1, self.n_rounds + 1):
            best_before = max(step["accuracy"] for step in self.history_)
            for name in self._adaptable(sides):
                sides = _reweighted(sides, name, queried, outcomes.weight)
                queried, right = self._routed(sides.outcomes)
                steps.append(sides)
                rows.append(right)
                self.history_.append(self._step(number, name, right, rows[0], outcomes))
            best = max(step["accuracy"] for step in self.history_)
            if self.keep == "sure" and best <= best_before:
                break
        del self._policy
        self.chosen_ = self._choice()
        return steps[self.chosen_]

    def _choice(self):
        """Index of the step to keep."""
        if self.keep == "last":
            return len(self.history_) - 1
        best = max(
            range(len(self.history_)), key=lambda i: self.history_[i]["accuracy"]
        )
        found = self.history_[best]
        is_sure = found["gain"] > self.n_standard_errors * found["standard_error"]
        return best if is_sure else 0

    def _check(self, sides):
        if not (isinstance(self.n_rounds, Integral) and self.n_rounds >= 1):
            raise ValueError(
                f"n_rounds must be a whole number >= 1. Got {self.n_rounds!r}."
            )
        n_errors = self.n_standard_errors
        if not (isinstance(n_errors, Real) and n_errors >= 0):
            raise ValueError(f"n_standard_errors must be >= 0. Got {n_errors!r}.")
        if self.keep not in ("sure", "last"):
            raise ValueError(f"keep must be 'sure' or 'last'. Got {self.keep!r}.")
        names = self._adaptable(sides)
        if not names:
            raise ValueError(
                "adaptation= refits models with other weights, and all models are "
                "frozen. Leave it out, or pass a model that is not frozen."
            )
        for name in names:
            side = _side(sides, name)
            if not takes_weights(side.model):
                raise ValueError(
                    f"adaptation= weights the rows of {side.who}, and "
                    f"{type(side.model).__name__}.fit takes no sample_weight. Freeze "
                    "it (FrozenEstimator), or choose a model that takes weights and "
                    "has not set_fit_request(sample_weight=False)."
                )

    @staticmethod
    def _adaptable(sides):
        return [name for name in ("base", "global") if not _side(sides, name).stays]

    def _routed(self, outcomes, first=False):
        """Share of each row that is queried at the coverage, and the hybrid's utility.

        Both have shape (n_samples,) and are out of fold.
        """
        rule = self._policy.new_rule(outcomes)
        score = rule.masked(rule.router.fit_score(outcomes), outcomes)
        if first:
            self.coverage_ = self._target(score, outcomes)
        queried = query_share(score, [self.coverage_], outcomes.weight)
        return queried, outcomes.base_utility + queried * outcomes.benefit

    def _target(self, score, outcomes):
        budget = check_coverage(self._policy.coverage)
        if budget is not None:
            return likely_coverage(budget, outcomes)
        return float(np.average(score <= 0, weights=outcomes.weight))

    @staticmethod
    def _step(number, side, right, plain, outcomes):
        weight = outcomes.weight
        gain = right - plain
        mean = np.average(gain, weights=weight)
        variance = np.average((gain - mean) ** 2, weights=weight) / weight.sum()
        return {
            "round": number,
            "side": side,
            "accuracy": float(np.average(right, weights=weight)),
            "gain": float(mean),
            "standard_error": max(np.sqrt(variance), _error_of_folds(gain, outcomes)),
        }


def _error_of_folds(gain, outcomes):
    """Standard error from the scatter over folds, each with a model of its own.

    Scaled by Student's t for the small number of folds, so that two standard errors are
    exceeded as rarely as for a normal variable.
    """
    if outcomes.fold is None:
        return 0.0
    folds = np.unique(outcomes.fold)
    means = [
        np.average(gain[rows], weights=outcomes.weight[rows])
        for rows in (outcomes.fold == number for number in folds)
        if outcomes.weight[rows].any()
    ]
    few = student.ppf(norm.cdf(2), len(means) - 1) / 2
    return float(few * np.std(means, ddof=1) / np.sqrt(len(means)))


def _side(sides, name):
    return sides.base if name == "base" else sides.global_


def _reweighted(sides, name, queried, weight):
    """The sides, one of them reweighted for the rows it answers; mean weight one."""
    is_base = name == "base"
    factor = BASE_FACTOR - queried if is_base else GLOBAL_FACTOR + queried
    factor = factor / np.average(factor, weights=weight)
    if is_base:
        return Sides(sides.base.weighted(factor), sides.global_)
    return Sides(sides.base, sides.global_.weighted(factor))
