"""Scores compared on the same rows: bands, paired tests and verdicts."""

from collections.abc import Hashable, Mapping

import numpy as np

from selective_query._utils.numbers import as_column, random_state_of
from selective_query._utils.validation import check_instance
from selective_query.metrics._inputs import KEPT, check_rows, check_share
from selective_query.metrics.inference._influence import AccuracyReadings
from selective_query.metrics.inference._joint import joint_estimate
from selective_query.metrics.inference._multiplicity import (
    check_inference,
    family,
    holm,
)
from selective_query.metrics.inference.bands import (
    band_from_family,
    check_coverage_grid,
    check_coverage_range,
)

# Number of coverages at which differences over a range are averaged and maximised.
RANGE_POINTS = 33
WHOLE_CURVE = np.linspace(0, 1, 101)
VALUES = (
    "low",
    "high",
    "p_value",
    "p_adjusted",
    "low_simultaneous",
    "high_simultaneous",
)


class PairedScores:
    """Compare several scores on the same rows, with inference on their differences.

    Resamples are not ranked anew: the influence of each row on the accuracy at a
    coverage is known in closed form, including the uncertainty of the threshold, and
    the same Gaussian multipliers on the rows are used for all scores.

    Parameters
    ----------
    scores : dict of str to array-like of shape (n_samples,)
        Scores by name; higher means query first. A score that depends on the coverage
        is given as a dict of coverage to array; curves and ranges use its first array.
    base_utility, global_utility : array-like of shape (n_samples,)
        In [0, 1]; without a global utility a query counts as right (abstention).
    sample_weight : array-like of shape (n_samples,), optional
        Whole numbers are frequencies: a row of weight 2 is two rows. Other weights are
        importances: each row is one observation.
    confidence : float, default=0.95
        Confidence of intervals, bands and verdicts.
    n_bootstrap : int, default=10_000
        Number of draws for simultaneous inference. Intervals of a single accuracy need
        none.
    random_state : int, RandomState instance or None, default=None
        For the bootstrap draws.

    Raises
    ------
    ValueError
        If rows or parameters are out of range.

    Notes
    -----
    Scores and models must not have been fitted on these rows. The uncertainty from
    fitting them is not included: the intervals describe these fitted routers, not the
    procedures that fitted them.

    Intervals are first-order valid in the number of rows. If two scores differ on few
    rows, the intervals are wide by design: one hypothetical extra row with the opposite
    outcome is counted.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.metrics.inference.paired_scores import PairedScores
    >>> rng = np.random.default_rng(0)
    >>> hardness = rng.random(2000)
    >>> base, global_ = rng.random(2000) > hardness, rng.random(2000) < 0.9
    >>> paired = PairedScores(
    ...     {"a": hardness, "b": hardness + rng.normal(size=2000)},
    ...     base,
    ...     global_,
    ...     random_state=0,
    ... )
    >>> for row in paired.differences("b", [0.8, 0.5]):
    ...     if row["router"] == "a":
    ...         print(row["coverage"], round(row["difference"], 2), row["verdict"])
    0.8 0.05 better
    0.5 0.1 better
    """

    def __init__(
        self,
        scores,
        base_utility,
        global_utility=None,
        *,
        sample_weight=None,
        confidence=0.95,
        n_bootstrap=10_000,
        random_state=None,
    ):
        check_inference(confidence=confidence, n_bootstrap=n_bootstrap)
        self.confidence, self.n_bootstrap = float(confidence), int(n_bootstrap)
        # Drawn once, so that all methods use the same draws, however often they are
        # called.
        self._seed = int(random_state_of(random_state).randint(2**31 - 1))
        check_instance(
            scores, "scores", Mapping, "Give a dict of names to arrays, one at least."
        )
        if not scores:
            raise ValueError("scores must not be empty. Got none. Give one by name.")
        self._scores = {name: _by_coverage(s, name) for name, s in scores.items()}
        for of_name in self._scores.values():
            for score in of_name.values():
                _, base, benefit, weight = check_rows(
                    score, base_utility, global_utility, sample_weight
                )
        self._base, self._query = base.astype(float), (base + benefit).astype(float)
        self._weight = np.ones(len(base)) if weight is None else weight

    @property
    def names(self):
        """Names of the scores."""
        return list(self._scores)

    def accuracies(self, asked):
        """Accuracy at exactly the given coverages, with pointwise intervals.

        Parameters
        ----------
        asked : list of (str, float)
            Name and coverage.

        Returns
        -------
        accuracy, low, high : ndarray of shape (n_asked,)
        """
        readings, column = self._read(asked)
        # The dependence between them is not needed here.
        joint = joint_estimate(readings, self._weight)
        found = self._family(joint, adjust=None)
        low, high = np.clip((found.low, found.high), 0, 1)
        return found.estimate[column], low[column], high[column]

    def differences(self, reference, coverages, *, margin=None, adjust="max_t"):
        """Differences in accuracy at coverage to a reference, tested as one family.

        Parameters
        ----------
        reference : str
        coverages : list of float
        margin : float or None, default=None
            Largest loss of accuracy that is acceptable, such as 0.005 for half a point.
        adjust : {"max_t", "holm", None}, default="max_t"
            Adjustment over all names and coverages together.

        Returns
        -------
        list of dict
            ``router``, ``reference``, ``coverage``, ``difference``; pointwise ``low``,
            ``high`` and ``p_value``; simultaneous ``low_simultaneous``,
            ``high_simultaneous`` and ``p_adjusted``; ``not_inferior`` (None without a
            margin) and ``verdict``, both simultaneous.

        Raises
        ------
        ValueError
            If the reference is unknown or a parameter is out of range.
        """
        self._check(reference, margin, adjust)
        coverages = as_column(coverages, "coverages")
        check_share(coverages, "coverages", KEPT)
        pairs = [(name, c) for name in self._scores for c in coverages]
        readings, column = self._read([*pairs, *((reference, c) for _, c in pairs)])
        ours, theirs = np.split(column, 2)
        contrasts = np.zeros((column.max() + 1, len(pairs)))
        np.add.at(contrasts, (ours, np.arange(len(pairs))), 1)
        np.add.at(contrasts, (theirs, np.arange(len(pairs))), -1)
        joint = joint_estimate(readings, self._weight, contrasts)
        heads = [
            {"router": name, "reference": reference, "coverage": float(c)}
            for name, c in pairs
        ]
        return _rows(heads, self._family(joint, adjust), margin)

    def differences_over(
        self, reference, coverage_range, *, margin=None, adjust="max_t"
    ):
        """Test the mean and the largest difference over a range of coverage.

        Parameters
        ----------
        reference : str
        coverage_range : (float, float)
        margin : float or None, default=None
            For the mean difference.
        adjust : {"max_t", "holm", None}, default="max_t"
            Adjustment over all names together.

        Returns
        -------
        list of dict
            As in :meth:`differences`, with ``coverage_low`` and ``coverage_high``
            instead of ``coverage``, and the mean over the range as ``difference``. In
            addition, for a difference of either sign anywhere in the range:
            ``sup_statistic``, the largest difference in standard errors,
            ``sup_coverage``, where it occurs, ``p_sup``, and ``p_sup_adjusted``,
            Holm-adjusted over the names unless ``adjust`` is None.

        Raises
        ------
        ValueError
            If the reference is unknown or a parameter is out of range.
        """
        self._check(reference, margin, adjust)
        low, high = check_coverage_range(coverage_range)
        grid = np.linspace(low, high, RANGE_POINTS)
        share = np.full(RANGE_POINTS, 1.0)
        share[[0, -1]] = 0.5
        share /= share.sum()
        others = [name for name in self._scores if name != reference]
        names = [reference, *others]
        readings = [self._whole(name, grid) for name in names]
        contrasts = np.kron(
            np.eye(len(names)) - np.eye(1, len(names)).T, share[:, None]
        )
        joint = joint_estimate(readings, self._weight, contrasts)
        heads = [
            {
                "router": name,
                "reference": reference,
                "coverage_low": low,
                "coverage_high": high,
            }
            for name in names
        ]
        rows = _rows(heads, self._family(joint, adjust), margin)
        for row, reading in zip(rows, readings, strict=True):
            row.update(self._largest(reading, readings[0], grid))
        p_sup = np.array([row["p_sup"] for row in rows])
        if adjust is not None:
            p_sup = holm(p_sup, np.arange(len(names)) > 0)
        for row, p in zip(rows, p_sup, strict=True):
            row["p_sup_adjusted"] = float(p)
        return sorted(rows, key=lambda row: self.names.index(row["router"]))

    def band(self, name, coverages=None, *, reference=None):
        """The accuracy-coverage curve with a simultaneous band.

        Parameters
        ----------
        name : str
        coverages : array-like of shape (n_coverages,), optional
            Increasing; 0, 0.01, ..., 1 by default. A narrower range gives a narrower
            band.
        reference : str or None, default=None
            If given, the band is for the difference to this score.

        Returns
        -------
        CurveBand

        Raises
        ------
        ValueError
            If a name is unknown or coverages are not increasing shares.
        """
        check_compared(name, "name", self._scores)
        grid = check_coverage_grid(WHOLE_CURVE if coverages is None else coverages)
        ours = self._whole(name, grid)
        if reference is None:
            joint = joint_estimate([ours], self._weight)
        else:
            check_compared(reference, "reference", self._scores)
            theirs = ours if reference == name else self._whole(reference, grid)
            joint = self._difference(ours, theirs)
        return band_from_family(
            grid, self._family(joint, "max_t"), is_difference=reference is not None
        )

    def _check(self, reference, margin, adjust):
        check_compared(reference, "reference", self._scores)
        check_inference(margin=margin, adjust=adjust)

    def _family(self, joint, adjust):
        return family(
            joint,
            adjust=adjust,
            confidence=self.confidence,
            n_bootstrap=self.n_bootstrap,
            random_state=self._seed,
        )

    def _read(self, asked):
        """Readings for these names and coverages, and the column of each.

        Each score is sorted once, and nothing is computed twice.
        """
        wanted = {}
        for name, coverage in asked:
            score = self._score(name, coverage)
            wanted.setdefault(id(score), (score, {}))[1].setdefault(coverage)
        readings, at = [], {}
        for key, (score, coverages) in wanted.items():
            readings.append(self._reading(score, np.array([*coverages], dtype=float)))
            for coverage in coverages:
                at[key, coverage] = len(at)
        column = [at[id(self._score(name, c)), c] for name, c in asked]
        return readings, np.array(column, dtype=int)

    def _score(self, name, coverage):
        of_name = self._scores[name]
        return (
            of_name[coverage] if coverage in of_name else next(iter(of_name.values()))
        )

    def _whole(self, name, grid):
        return self._reading(next(iter(self._scores[name].values())), grid)

    def _reading(self, score, coverages):
        return AccuracyReadings(score, self._base, self._query, self._weight, coverages)

    def _difference(self, ours, theirs):
        each = np.eye(len(ours.accuracy))
        if ours is theirs:
            return joint_estimate([ours], self._weight, 0 * each)
        contrasts = np.concatenate([each, -each])
        return joint_estimate([ours, theirs], self._weight, contrasts)

    def _largest(self, ours, theirs, grid):
        joint = self._difference(ours, theirs)
        largest = int(np.argmax(joint.normal_score()))
        return {
            "sup_statistic": float(joint.normal_score()[largest]),
            "sup_coverage": float(grid[largest]),
            "p_sup": float(self._family(joint, "max_t").p_adjusted.min()),
        }


def check_compared(name, parameter, names):
    """Raise a ValueError if a name is not among those compared."""
    if not (isinstance(name, Hashable) and name in names):
        raise ValueError(
            f"{parameter}={name!r} is not among the compared routers: "
            f"{', '.join(names)}. Add it to routers=."
        )


def _by_coverage(score, name):
    # One object per score, so that a score used at several coverages is recognised.
    of_coverage = score if isinstance(score, dict) else {None: score}
    known = {}
    return {
        coverage: known.setdefault(id(s), as_column(s, f"score of {name!r}"))
        for coverage, s in of_coverage.items()
    }


def _rows(heads, found, margin):
    low = found.low_simultaneous
    safe = [None] * len(low) if margin is None else found.not_inferior(margin)
    columns = {name: np.clip(getattr(found, name), -1, 1) for name in VALUES}
    return [
        {
            **head,
            "difference": float(found.estimate[i]),
            **{name: float(column[i]) for name, column in columns.items()},
            "not_inferior": None if safe[i] is None else bool(safe[i]),
            "verdict": verdict,
        }
        for i, (head, verdict) in enumerate(
            zip(heads, found.verdicts(margin), strict=True)
        )
    ]
