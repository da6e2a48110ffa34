"""The privileged benefit, estimated from the probabilities of both models."""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from selective_query.outcomes.probabilities import (
    entropy,
    top_class,
    top_probabilities,
)
from selective_query.routers._logistic import ALPHAS, LogisticProblem
from selective_query.routers._ridge import standardised
from selective_query.routers.base import iter_folds
from selective_query.routers.supervision._class_mass import (
    class_probability,
    columns_of,
)

N_TOP = 5
LEAST_CHANCE = 1e-4


def privileged_outcomes(outcomes):
    r"""Each side's probability of being right, given the probabilities of both.

    .. math:: u_b = \hat P(\text{base right} \mid p_b, p_g), \qquad
              u_g = \hat P(\text{global right} \mid p_b, p_g)

    if the answers differ; if they agree, a query gains nothing, and both utilities are
    the base's. The probabilities come from logistic regressions on the largest
    probabilities and the entropy of both sides, and on the probability that each gives
    to the other's answer. They are fitted along the folds of the outcomes, so that a
    row's own label does not influence its estimate. Their difference has the mean of
    the benefit and a fraction of its noise. The global's output is privileged
    information, because a router will not see it.

    Parameters
    ----------
    outcomes : Outcomes
        With ``base_proba`` and ``global_proba``, and labels or grades.

    Returns
    -------
    Outcomes

    Raises
    ------
    MissingEvidenceError
        If either of them is missing.

    References
    ----------
    Vapnik and Vashist, "A new learning paradigm: learning using privileged
    information", Neural Networks 22, 2009, for the idea; the regression was developed
    in this project and is measured in ``benchmarks/class_doubt.py``.

    Examples
    --------
    >>> from selective_query.routers.checks import sample_outcomes
    >>> from selective_query.routers.supervision import privileged_outcomes
    >>> outcomes = sample_outcomes(500)
    >>> taught = privileged_outcomes(outcomes)
    >>> bool(taught.benefit.std() < outcomes.benefit.std())
    True
    """
    base, own = _side(outcomes, "base")
    global_, other = _side(outcomes, "global")
    differs = own != other
    utility = {
        "base_utility": outcomes.base_utility.copy(),
        "global_utility": outcomes.base_utility.copy(),
    }
    if outcomes.weight[differs].any():
        crossed = [
            np.sqrt(class_probability(base, other)),
            np.sqrt(class_probability(global_, own)),
        ]
        columns = np.column_stack([*_columns(base), *_columns(global_), *crossed])
        chances = _Chances(columns, differs, outcomes)
        for name, values in utility.items():
            values[differs] = chances.of(getattr(outcomes, name)[differs])
    return replace(outcomes, **utility)


def knows_both_sides(outcomes):
    """Whether the outcomes have what `privileged_outcomes` needs."""
    return outcomes.base_proba is not None and outcomes.global_proba is not None


def _side(outcomes, side):
    proba = outcomes.require(f"{side}_proba", "privileged_outcomes")
    labels = getattr(outcomes, f"{side}_pred")
    if labels is None:
        return proba, top_class(proba)
    return proba, columns_of(labels, outcomes.classes)


def _columns(proba):
    top = top_probabilities(proba, N_TOP).astype(float)
    sure = np.log(np.maximum(top[:, 0], LEAST_CHANCE))
    return 1 - top[:, 0], np.sqrt(top[:, 1:]), entropy(proba), sure


class _Chances:
    """Out-of-fold logistic regressions of being right."""

    def __init__(self, columns, chosen, outcomes):
        self.weight = outcomes.weight[chosen]
        self.design, _, _ = standardised(columns[chosen], self.weight)
        self.penalty = np.append(0.0, np.ones(self.design.shape[1] - 1))
        place = np.cumsum(chosen) - 1
        self.folds = [
            tuple(place[rows[chosen[rows]]] for rows in fold)
            for fold in iter_folds(outcomes)
        ]

    def of(self, utility):
        problem = LogisticProblem(self.design, self.penalty, utility, self.weight)
        _, fits = problem.choose(ALPHAS, self.folds)
        chance = np.empty(len(utility))
        for _, test, predictor in fits:
            chance[test] = expit(predictor[test])
        return chance
