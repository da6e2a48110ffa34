"""routed: the system curve of a hybrid, an entropy threshold or a split net."""

import numpy as np

from selective_query._utils.numbers import as_column, as_numbers
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.costs._query import with_lost_queries
from selective_query.metrics._inputs import check_scores, check_share
from selective_query.planning._system_rows import (
    check_system,
    refuse_no_global,
    weighted_mean,
)
from selective_query.planning.system_curve import SystemCurve, costs_over

COVERAGES = np.linspace(0, 1, 51)


def routed(
    outcomes,
    score,
    deployment,
    *,
    calibration,
    calibration_score,
    coverages=COVERAGES,
    name="hybrid",
):
    """Return the system in which the rows of highest score are queried.

    Thresholds for a grid of coverages come from the calibration rows. Accuracy and
    coverage are measured on the reported rows, and costs are those of the measured
    coverage. The base answers lost queries.

    This covers three of the paper's systems: the entropy threshold between device and
    cloud, if the score is the entropy; the hybrid, if it is a router's score; and split
    computation, if base, global and deployment are those of a split net, from
    :func:`~selective_query.footprint.exit_profile.split_points`.

    Parameters
    ----------
    outcomes : Outcomes
        The reported rows, with a global.
    score : array-like of shape (n_samples,)
        Scores of the reported rows; higher means query first.
    deployment : Deployment
    calibration : Outcomes
        Other rows, with a global, that neither the models nor the router have seen.
    calibration_score : array-like of shape (n_calibration_samples,)
        Scores of the calibration rows, by the same router.
    coverages : array-like of shape (n_points,), optional
        By default 0, 0.02, ..., 1.
    name : str, default="hybrid"

    Returns
    -------
    SystemCurve

    Raises
    ------
    ValueError
        If the calibration rows are the reported ones, there is no global, a coverage
        is not in [0, 1], or a score is not one number per row.
    TypeError
        If a part is not Outcomes, or the deployment not a Deployment.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023.

    Examples
    --------
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.planning import routed
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=200, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> test, other = (
    ...     make_selective_query(1000, random_state=seed).outcomes for seed in (0, 1)
    ... )
    >>> hybrid = routed(
    ...     test, 1 - test.base_proba.max(axis=1), costs,
    ...     calibration=other,
    ...     calibration_score=1 - other.base_proba.max(axis=1),
    ...     coverages=[1, 0.8],
    ... )
    >>> abs(hybrid.coverage - [1, 0.8]).max() < 0.05
    np.True_
    >>> hybrid.costs["latency_ms"][0]
    np.float64(200.0)
    """
    check_system(name, deployment, outcomes=outcomes, calibration=calibration)
    if calibration is outcomes:
        raise ValueError(
            "calibration must be other rows than outcomes, or thresholds are chosen on "
            "the rows they are reported on. Got the same. Set some rows aside."
        )
    coverages = np.atleast_1d(as_numbers(coverages, "coverages"))
    coverages = as_column(coverages, "coverages", "point")
    check_share(coverages, "coverages", "shares that the base answers")
    lost = deployment.chance_lost
    reported = _Routed(outcomes, score, lost, "score")
    chosen = _Routed(calibration, calibration_score, lost, "calibration_score")
    threshold = chosen.thresholds(coverages)
    coverage, utility = reported.at(threshold)
    calibration_coverage, calibration_utility = chosen.at(threshold)
    return SystemCurve(
        name=name,
        accuracy=[weighted_mean(of_point, outcomes) for of_point in utility],
        coverage=coverage,
        costs=costs_over(deployment, coverage),
        calibration_accuracy=[
            weighted_mean(of_point, calibration) for of_point in calibration_utility
        ],
        calibration_costs=costs_over(deployment, calibration_coverage),
        threshold=threshold,
        utility=utility,
        sample_weight=outcomes.sample_weight,
    )


class _Routed:
    """Rows with their scores, to be split at thresholds."""

    def __init__(self, outcomes, score, chance_lost, name):
        refuse_no_global(outcomes, "routed")
        score = check_scores(score, name, outcomes.n_rows)
        self._score = outcomes.keep_local(score)
        self._outcomes = with_lost_queries(outcomes, chance_lost)

    def thresholds(self, coverages):
        scores = CalibrationScores(self._score, self._outcomes.weight, exact=True)
        # At the ends all or no rows are queried, whatever the scores.
        ends = {0.0: -np.inf, 1.0: np.inf}
        return np.array(
            [ends[c] if c in ends else scores.score_at(c) for c in coverages.tolist()]
        )

    def at(self, thresholds):
        """Return coverage (n_points,) and utility (n_points, n_samples)."""
        kept = self._score <= thresholds[:, None]
        rows = self._outcomes
        utility = np.where(kept, rows.base_utility, rows.global_utility)
        return np.array([weighted_mean(k, rows) for k in kept]), utility
