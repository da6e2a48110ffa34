"""Targets from labels and grades: positive part, probabilities, wins."""

from dataclasses import replace

import numpy as np

from selective_query.outcomes.probabilities import top_probability
from selective_query.routers.supervision._class_mass import (
    class_probability,
    columns_of,
)


def proxy_outcomes(outcomes):
    r"""Outcomes with a global that never loses, whose benefit is the paper's label.

    .. math:: u_g \leftarrow \max(u_g, u_b), \qquad
              \text{benefit} = o(x) = 1\{b(x) \ne g(x) = y\}

    Parameters
    ----------
    outcomes : Outcomes

    Returns
    -------
    Outcomes

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import proxy_outcomes
    >>> graded = Outcomes(
    ...     base_proba=[[1, 0], [1, 0]], base_utility=[1, 0], global_utility=[0, 1]
    ... )
    >>> graded.benefit, proxy_outcomes(graded).benefit
    (array([-1.,  1.]), array([0., 1.]))
    """
    best = np.maximum(outcomes.query_utility, outcomes.base_utility)
    return replace(outcomes, global_utility=best)


def diff_prob_outcomes(outcomes):
    r"""Outcomes whose utilities are each side's probability of the true label.

    .. math:: u_b = p_b(y \mid x), \qquad u_g = p_g(y \mid x)

    The rule Diff-Prob. It is less noisy than right or wrong, but also depends on how
    confident both sides are, apart from which is right. Zero does not mark where
    queries stop paying off.

    Parameters
    ----------
    outcomes : Outcomes
        With ``y``, ``base_proba`` and ``global_proba``.

    Returns
    -------
    Outcomes

    Raises
    ------
    MissingEvidenceError
        If one of them is missing.

    References
    ----------
    Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import diff_prob_outcomes
    >>> outcomes = Outcomes(
    ...     base_proba=[[0.75, 0.25]], global_proba=[[0.25, 0.75]], y=[1]
    ... )
    >>> diff_prob_outcomes(outcomes).benefit
    array([0.5])
    """
    label = columns_of(outcomes.require("y", "diff_prob_outcomes"), outcomes.classes)
    return _of_probabilities(
        outcomes, "diff_prob_outcomes", lambda proba: class_probability(proba, label)
    )


def max_prob_outcomes(outcomes):
    r"""Outcomes whose utilities are each side's confidence in its own answer; no
    labels.

    .. math:: u_b = \max_k p_b(k \mid x), \qquad u_g = \max_k p_g(k \mid x)

    The rule Max-Prob: a router learns how confident the global will be.

    Parameters
    ----------
    outcomes : Outcomes
        With ``base_proba`` and ``global_proba``.

    Returns
    -------
    Outcomes

    Raises
    ------
    MissingEvidenceError
        If one of them is missing.

    References
    ----------
    Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import max_prob_outcomes
    >>> outcomes = Outcomes(
    ...     base_proba=[[0.5, 0.5]], global_proba=[[0.25, 0.75]], y=[1]
    ... )
    >>> max_prob_outcomes(outcomes).benefit
    array([0.25])
    """
    return _of_probabilities(outcomes, "max_prob_outcomes", top_probability)


def _of_probabilities(outcomes, who, utility):
    return replace(
        outcomes,
        **{
            f"{side}_utility": np.clip(
                utility(outcomes.require(f"{side}_proba", who)).astype(float), 0, 1
            )
            for side in ("base", "global")
        },
    )


def win_outcomes(outcomes, tolerance=0.0):
    r"""Graded answers reduced to wins: 1 for a win, 1/2 for a tie.

    .. math:: u_g = 1\{q_g > q_b + t\} + \tfrac12 1\{|q_g - q_b| \le t\},
              \qquad u_b = 1 - u_g

    For grades whose differences mean little, such as a judge's votes. The benefit is
    twice the win rate minus one.

    Parameters
    ----------
    outcomes : Outcomes
    tolerance : float, default=0.0
        Grades that differ by no more than this count as equal.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If the tolerance is negative.

    References
    ----------
    Ding et al., "Hybrid LLM: cost-efficient and quality-aware query routing", ICLR
    2024.

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import win_outcomes
    >>> graded = Outcomes(
    ...     X=[[0], [1], [2]],
    ...     base_utility=[0.2, 0.5, 0.9],
    ...     global_utility=[0.3, 0.5, 0.1],
    ... )
    >>> win_outcomes(graded).benefit
    array([ 1.,  0., -1.])
    """
    if not tolerance >= 0:
        raise ValueError(f"tolerance must be a number >= 0. Got {tolerance!r}.")
    lead = outcomes.benefit
    won = (1 + np.sign(np.where(np.abs(lead) <= tolerance, 0, lead))) / 2
    return replace(outcomes, base_utility=1 - won, global_utility=won)
