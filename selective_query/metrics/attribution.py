"""Attribution of lost accuracy: the gap between a perfect system and the pair."""

from collections.abc import Mapping

import numpy as np

from selective_query._utils.numbers import (
    check_number,
    check_probability,
    check_whole,
    random_state_of,
)
from selective_query._utils.validation import check_instance
from selective_query.metrics._inputs import check_rows
from selective_query.metrics._integrals import ROUNDING
from selective_query.metrics.gap_steps import GapAttribution, GapStep
from selective_query.metrics.ranked import RankedRows, stopping_at_harm

ASKED = "the share that was asked for"
MORE_QUERIES = 0.05
MOST_ROWS = 2**53  # counted exactly by floats
_NEEDED = {"score", "base_utility"}
_OPTIONAL = {"global_utility", "sample_weight"}
_PAIR = ("base", "global", "ranking")


def gap_attribution(
    score,
    base_utility,
    global_utility=None,
    *,
    coverage,
    threshold=None,
    calibration=None,
    sample_weight=None,
    n_bootstrap=500,
    confidence=0.95,
    random_state=None,
):
    r"""Attribute the pair's errors to their causes.

    The steps lead from a perfect system down to the pair, so their losses add up to one
    minus the pair's accuracy. With the requested coverage c,

    .. math::

        1 \;\xrightarrow{\text{base}}\; P(c) \;\xrightarrow{\text{global}}\; O(c)
        \;\xrightarrow{\text{ranking}}\; R(c) \;\xrightarrow{\text{shift}}\; R'(c)
        \;\xrightarrow{\text{threshold}}\; A(t)

    where each term is a mean utility of base and global together:

    - **base**, :math:`1 - P(c)`: P queries a **perfect global** about the share 1 - c
      of the rows with the largest benefit. The loss is the base's errors in excess of
      the number of queries; for right or wrong answers it is :math:`\max(0, c - u_b)`
      with the base's accuracy :math:`u_b`.
    - **global**, :math:`P(c) - O(c)`: O is the **oracle**, which queries the actual
      global about the rows with the largest benefit, at most the share 1 - c, and never
      where a query gains nothing.
    - **ranking**, :math:`O(c) - R(c)`: R queries the share 1 - c in **the router's
      order**, with ties split in expectation, as in :func:`accuracy_at_coverage`.
    - **shift**, :math:`R(c) - R'(c)`: the same order at the same coverage, on the
      calibration rows (R) and on the test rows (R'). The earlier steps are then
      computed on the calibration rows. Without calibration rows there is no such step,
      and all steps are computed on the test rows.
    - **threshold**, :math:`R'(c) - A(t)`: A queries the test rows above **the
      threshold**, as a deployment would; its coverage may differ from c. Without a
      threshold there is no such step.

    The losses of base and global are never negative, nor is that of ranking unless
    scores of plus infinity query more rows than requested. Shift is negative if the
    test rows are easier, or were answered by models fitted on more rows. Threshold is
    negative if fewer rows were kept than requested and the additional queries paid off.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Scores of the test rows; higher means query first.
    base_utility, global_utility : array-like of shape (n_samples,)
        Utility of each side's answer to the test rows, in [0, 1]. Without a global
        utility a query counts as right (abstention), and there is no step for the
        global.
    coverage : float
        Requested share of inputs for the base to answer, in [0, 1].
    threshold : float, optional
        The base answers where the score is at most this.
    calibration : mapping, optional
        ``score``, ``base_utility`` and, if available, ``global_utility`` and
        ``sample_weight`` of the rows that the threshold was learned from. The scores
        must come from routers and models that were not fitted on these rows.
    sample_weight : array-like of shape (n_samples,), optional
        Frequency weights of the test rows.
    n_bootstrap : int, default=500
        Number of bootstrap resamples of the rows, shared by all steps; 0 for no
        intervals. Coverage, threshold and scores stay fixed.
    confidence : float, default=0.95
        Confidence of the intervals, which are pointwise.
    random_state : int, RandomState instance or None, default=None
        For the resamples.

    Returns
    -------
    GapAttribution

    Raises
    ------
    ValueError
        If coverage or confidence is out of range, the threshold is NaN, only one of the
        two sets of rows has a global, calibration has other keys, shapes differ, a
        score is NaN, or utilities or weights are out of range.

    Notes
    -----
    The order of the steps matters: the global's loss is measured when it is queried
    about the best rows. What a better global would gain in the router's order is in
    ``would_gain``. The oracle knows every answer, so no router can remove the ranking
    step entirely.

    Examples
    --------
    >>> from selective_query.metrics import gap_attribution
    >>> gap = gap_attribution(
    ...     score=[0.9, 0.6, 0.5, 0.3, 0.1],
    ...     base_utility=[1, 0, 0, 0, 1],
    ...     global_utility=[1, 1, 1, 0, 1],
    ...     coverage=0.6,
    ...     threshold=0.7,
    ...     n_bootstrap=0,
    ... )
    >>> {step.name: round(step.loss, 3) for step in gap.steps}
    {'base': 0.2, 'global': 0.0, 'ranking': 0.2, 'threshold': 0.2}
    >>> round(sum(step.loss for step in gap.steps), 3), round(1 - gap.accuracy, 3)
    (0.6, 0.6)
    """
    coverage = float(check_number(coverage, "coverage", 0, 1, what=ASKED))
    if threshold is not None:
        threshold = float(
            check_number(threshold, "threshold", -np.inf, or_infinite=True)
        )
    confidence = check_probability(confidence, "confidence")
    check_whole(n_bootstrap, "n_bootstrap")
    rng = random_state_of(random_state)
    has_global = global_utility is not None
    test = _Rows(score, base_utility, global_utility, sample_weight, coverage=coverage)
    learned = None
    if calibration is not None:
        check_instance(
            calibration, "calibration", Mapping, "Give score= and base_utility= in it."
        )
        _check_names(calibration)
        if (calibration.get("global_utility") is not None) != has_global:
            raise ValueError(
                "Test and calibration rows must both have a global_utility, or neither."
            )
        learned = _Rows(coverage=coverage, **calibration)

    names = [n for n in _PAIR if has_global or n != "global"]
    names += ["shift"] if learned is not None else []
    names += ["threshold"] if threshold is not None else []

    hybrid = None if threshold is None else test.utility_at(threshold)

    def chain(weight, learned_weight):
        """Mean utilities from perfect to hybrid, and on the test rows alone."""
        now = test.levels(weight)
        then = now if learned is None else learned.levels(learned_weight)
        levels = np.append(1, then if has_global else then[1:])
        if learned is not None:
            levels = np.append(levels, now[-1])
        if threshold is not None:
            levels = np.append(levels, weight @ hybrid / weight.sum())
        return levels, now, then

    levels, now, then = chain(test.weight, learned and learned.weight)
    replicates = np.array(
        [
            _losses(chain(test.resample(rng), learned and learned.resample(rng))[0])
            for _ in range(n_bootstrap)
        ]
    ).reshape(n_bootstrap, len(names))
    low = high = np.full(len(names), np.nan)
    if n_bootstrap:
        tail = (1 - confidence) / 2
        low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    loss = _losses(levels)
    parts = {}
    if learned is not None:
        change = np.diff(np.append(1, then)) - np.diff(np.append(1, now))
        parts = {n: float(c) for n, c in zip(_PAIR, change, strict=True) if n in names}
    return GapAttribution(
        steps=tuple(
            GapStep(*map(float, values), name=name)
            for name, *values in zip(names, loss, low, high, levels[1:], strict=True)
        ),
        coverage=coverage,
        realised_coverage=coverage if threshold is None else test.kept(threshold),
        accuracy=float(levels[-1]),
        base_accuracy=test.order.curve(test.weight).base_accuracy,
        global_accuracy=test.order.curve(test.weight).global_accuracy,
        parts_of_shift=parts,
        would_gain=test.would_gain(now, has_global),
        recovered=test.recovered(now),
        n=len(test.base),
        confidence=confidence,
        replicates=replicates,
    )


class _Rows:
    """Rows in the three orders that the steps compare, for arbitrary weights."""

    def __init__(
        self,
        score,
        base_utility,
        global_utility=None,
        sample_weight=None,
        *,
        coverage,
    ):
        score, base, benefit, weight = check_rows(
            score, base_utility, global_utility, sample_weight
        )
        self.score, self.base, self.benefit = score, base, benefit
        self.coverage = coverage
        self.weight = np.ones(len(base)) if weight is None else weight
        # The best orders depend only on the kind of outcome; right or wrong gives four.
        kinds, kind = np.unique(np.stack([base, benefit]), axis=1, return_inverse=True)
        self.kind = kind.reshape(-1)
        repaired = 1 - kinds[0]
        self.perfect = RankedRows(stopping_at_harm(repaired), kinds[0], repaired)
        self.oracle = RankedRows(stopping_at_harm(kinds[1]), *kinds)
        self.order = RankedRows(score, base, benefit)
        self._share = self.weight / self.weight.sum()
        n_counted = float(self.weight.sum())
        counts = (self.weight == np.round(self.weight)).all() and n_counted < MOST_ROWS
        self._n_drawn = round(n_counted) if counts else len(base)

    def levels(self, weight):
        """Mean utility of perfect global, oracle and router at the coverage."""
        of_kind = np.bincount(self.kind, weight)
        curves = (
            self.perfect.curve(of_kind),
            self.oracle.curve(of_kind),
            self.order.curve(weight),
        )
        return np.array([curve.accuracy_at(self.coverage) for curve in curves])

    def utility_at(self, threshold):
        """Utility of the hybrid's answer to each row, at a threshold."""
        kept = self.score <= threshold
        return np.where(kept, self.base, self.base + self.benefit).astype(float)

    def kept(self, threshold):
        """Share of the rows that a threshold keeps."""
        return float(self.weight @ (self.score <= threshold) / self.weight.sum())

    def resample(self, rng):
        """Counts of rows drawn with replacement, in proportion to their weights."""
        return rng.multinomial(self._n_drawn, self._share).astype(float)

    def would_gain(self, levels, has_global):
        """Gain in accuracy at the coverage from each single change."""
        curve = self.order.curve(self.weight)
        more = max(self.coverage - MORE_QUERIES, 0)
        found = {
            "a perfect order": levels[1] - levels[2],
            "more queries": curve.accuracy_at(more) - levels[2],
        }
        if has_global:
            repaired = RankedRows(self.score, self.base, 1 - self.base)
            found["a perfect global"] = (
                repaired.curve(self.weight).accuracy_at(self.coverage) - levels[2]
            )
        return {change: float(value) for change, value in found.items()}

    def recovered(self, levels):
        """Share of a perfect order's gain over a random one; nan without a gain."""
        curve = self.order.curve(self.weight)
        random = curve.global_accuracy + self.coverage * (
            curve.base_accuracy - curve.global_accuracy
        )
        possible = levels[1] - random
        return float((levels[2] - random) / possible) if possible > 0 else np.nan


def _check_names(calibration):
    names = set(calibration)
    if not _NEEDED <= names <= _NEEDED | _OPTIONAL:
        raise ValueError(
            "calibration must hold score and base_utility, and may hold global_utility "
            f"and sample_weight. Got {', '.join(sorted(map(str, names))) or 'nothing'}."
        )


def _losses(levels):
    loss = -np.diff(levels)
    loss[np.abs(loss) < ROUNDING] = 0
    return loss
