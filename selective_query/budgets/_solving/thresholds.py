"""The threshold on a score for a coverage, by exact order statistics."""

from math import ceil, inf, log, nan, sqrt

import numpy as np
from scipy.stats import beta, binom

from selective_query._utils.numbers import as_column, usual_size
from selective_query._utils.validation import check_weights, warn_user
from selective_query.budgets._solving.doubts import disagreement, share_tied
from selective_query.exceptions import CalibrationWarning
from selective_query.outcomes._sorted_rows import SortedRows

# If ties move the coverage further than this from the requested one, warn.
TIE_TOLERANCE = 0.05
TIE_TOLERANCE_OF_FOLDS = 0.02
# A correction this large is itself off by more than a point or two. So is a correction
# between fits whose rankings differ at least half as much as unrelated ones would.
MOST_SHIFT = 0.1
MOST_DISAGREEMENT = 0.5
# Computed in another batch, a score changes by at most this many rounding steps of its
# own precision, or this many steps at the usual size of scores. Models in double
# precision lose more steps, but have more to spare.
ROUNDING_STEPS = {np.dtype(np.float32): 16, np.dtype(np.float64): 256}
USUAL_STEPS = 4


class CalibrationScores:
    """Scores of calibration rows, sorted once, to find the threshold for any coverage.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Query scores of rows that the router, and ideally also the models, were not
        fitted on.
    weight : array-like of shape (n_samples,), optional
        Frequency weights.
    exact : bool
        Whether nothing at all was fitted on these rows.
    shift : tuple of (score, mass, row, fit), optional
        How the scores of the models in use differ from these: a signed measure over
        scores, of total mass zero, that is added to theirs. `row` is the row of each
        score, and `fit` the number of the fit that gave the score and was fitted on the
        row (the highest number is the fit in use), or -1 if the row was held out.
    fold : ndarray of shape (n_samples,), optional
        Number of the fit that scored each row. By default, one fit scored all rows.
    """

    def __init__(self, score, weight=None, *, exact, shift=None, fold=None):
        precision = np.result_type(np.float32, np.asarray(score).dtype)
        self._precision = precision
        score, weight = _checked(score, weight)
        if fold is None:
            fold = np.zeros(len(score), dtype=int)
        self._given = score, weight, shift, fold
        self.exact = exact
        self.n = weight.sum()
        self.whole_weights = bool((weight == np.round(weight)).all())
        self.unit_weights = bool(((weight == 0) | (weight == 1)).all())
        # Weight of one more row. Weights that are counts stand for rows of weight one.
        self.next_weight = 1.0
        if not self.whole_weights:
            self.next_weight = self.n / np.count_nonzero(weight)
        # Effective number of rows (Kish); weights that are counts are taken as they
        # are.
        self.n_effective = self.n
        if not self.whole_weights:
            self.n_effective = self.n**2 / (weight @ weight)
        if shift is not None:
            score = np.concatenate([score, shift[0]])
            weight = np.concatenate([weight, shift[1]])
        # Rows without weight must not add a level.
        score, weight = score[weight != 0], weight[weight != 0]
        rows = SortedRows(score, stable=True)
        self.level, self.rows_kept = rows.level, rows.kept(weight[rows.order])[1:]
        self._rows_expected = self.rows_kept
        if shift is not None:
            self._rows_expected = _rising(np.clip(self.rows_kept, 0, self.n))
        step = np.finfo(precision).eps
        self._rounding = (
            ROUNDING_STEPS[precision] * step,
            USUAL_STEPS * step * usual_size(self.level),
        )

    @property
    def given(self):
        """The constructor arguments, by parameter name."""
        score, weight, shift, fold = self._given
        return {
            "score": score.astype(self._precision, copy=False),
            "weight": weight,
            "exact": self.exact,
            "shift": shift,
            "fold": fold,
        }

    def of(self, rows):
        """The calibration scores restricted to some of the rows.

        Parameters
        ----------
        rows : ndarray of shape (n_samples,), bool

        Returns
        -------
        CalibrationScores
        """
        _, weight, shift, fold = self._given
        if shift is not None:
            theirs = rows[shift[2]]
            score, mass, row, fit = (part[theirs] for part in shift)
            shift = score, mass, (np.cumsum(rows) - 1)[row], fit
        return CalibrationScores(
            self.given["score"][rows],
            weight[rows],
            exact=self.exact,
            shift=shift,
            fold=fold[rows],
        )

    def above(self, score):
        """The threshold that keeps a row with this score, however the score is rounded.

        A score may differ in its last digits when it is computed in another batch.
        Infinite scores are unchanged.

        Parameters
        ----------
        score : float

        Returns
        -------
        float
        """
        own, usual = self._rounding
        return float(score + own * abs(score) + usual) if np.isfinite(score) else score

    def coverage_at(self, threshold):
        """Share of the calibration rows that score at most this threshold.

        Made to rise with the threshold, even where a shifted count does not.

        Parameters
        ----------
        threshold : float

        Returns
        -------
        float
            In [0, 1]; nan without rows.
        """
        if not self.n:
            return nan
        position = np.searchsorted(self.level, threshold, side="right")
        kept = self._rows_expected[position - 1] if position else 0.0
        return float(np.clip(kept / self.n, 0, 1))

    def cut(self, coverage, confidence=None):
        """The threshold for a coverage, and its rank among the rows.

        The threshold is the smallest score such that enough calibration rows do not
        exceed it, so rows with tied scores are all kept. If the rows are not exact, the
        count is an estimate; a tied group then goes to the nearer side, provided that
        the resulting shortfall is at most the standard error of the count.

        Parameters
        ----------
        coverage : float
            Minimum share of new inputs that the base answers. 0 and 1 give thresholds
            of minus and plus infinity.
        confidence : float or None, default=None
            Probability with which the coverage holds on new data. The caller must
            ensure that it can be certified: exact rows of equal weight. None: it holds
            on average.

        Returns
        -------
        threshold : float
            Infinite if there are too few rows.
        rank : int, float or None
            None if no rank was needed.
        too_few : bool
            Whether there were too few rows.
        """
        if coverage in (0, 1):
            return (inf if coverage else -inf), None, False
        rank = self._rank(coverage, confidence)
        threshold = self.score_at(coverage, confidence)
        # Rows with an infinite score, which must always be queried, can be a tie as
        # well.
        too_few = threshold == inf and (rank > self.n or self.level[-1] < inf)
        if too_few:
            _warn_too_few(coverage, confidence, self.n / self.next_weight)
        elif threshold > -inf and self._is_tied(threshold, rank):
            _warn_ties()
        elif (
            self._shifts_at(threshold) > MOST_SHIFT
            or self._fits_disagree() > MOST_DISAGREEMENT
        ):
            _warn_shift()
        return threshold, rank, too_few

    def _is_tied(self, threshold, rank):
        """Whether ties move coverage away from this rank, or may do so on new data."""
        last = np.searchsorted(self.level, threshold, side="right") - 1
        off = abs(self.rows_kept[last] - rank) / self.n
        if self.exact:
            return off > TIE_TOLERANCE
        # After a refit, a tied group may end up on either side.
        score, weight, _, fold = self._given
        there = weight > 0
        group = share_tied(score[there], weight[there], fold[there], rank / self.n)
        return max(off, group / 2) > TIE_TOLERANCE_OF_FOLDS

    def _shifts_at(self, threshold):
        """Change in coverage due to the shift, held-out and known rows added up."""
        if self._given[2] is None:
            return 0.0
        score, mass, _, fit = self._given[2]
        kept = mass * (score <= threshold)
        known = fit >= 0
        return (abs(kept[known].sum()) + abs(kept[~known].sum())) / self.n

    def _fits_disagree(self):
        """How differently the fit in use and others rank rows that both have seen."""
        score, weight, shift, _ = self._given
        if shift is None:
            return 0.0
        known = shift[3] >= 0
        return disagreement(score, weight, *(part[known] for part in shift))

    def score_at(self, coverage, confidence=None):
        """The threshold of :meth:`cut`, without warnings.

        Parameters
        ----------
        coverage : float
            In (0, 1).
        confidence : float or None, default=None
            As for :meth:`cut`.

        Returns
        -------
        float
        """
        noise = 0.0
        if not self.exact:
            noise = self.n * sqrt(coverage * (1 - coverage) / self.n_effective)
        return self._score_of_rank(self._rank(coverage, confidence), noise)

    def _rank(self, coverage, confidence):
        if not self.whole_weights:
            return coverage * (self.n + self.next_weight)
        if confidence is None:
            return ceil(coverage * (self.n + 1) - 1e-9)
        # Coverage of the score of rank k is Beta(k, n + 1 - k), and
        # P(Beta(k, n + 1 - k) >= c) = P(Binomial(n, c) <= k - 1).
        return int(binom.ppf(confidence, self.n, coverage)) + 1

    def _score_of_rank(self, rank, noise):
        """The score to cut at; `noise` is the tolerated shortfall of the count."""
        enough = self.rows_kept >= rank - 1e-9 * self.n
        if rank > self.n or not enough.any():
            return inf
        first = int(np.argmax(enough))
        # A shifted count need not be monotonic; then take the middle of its crossings.
        last = 0 if enough.all() else len(enough) - int(np.argmax(~enough[::-1]))
        chosen = (first + max(first, min(last, len(enough) - 1))) // 2
        if chosen:
            below, above = self.rows_kept[chosen - 1 : chosen + 1]
            short, over = rank - below, above - rank
            # A near tie of the two must not depend on the last bits of a sum.
            if short < over - 1e-6 * self.n and short <= noise:
                chosen -= 1
        return self.above(self.level[chosen])


def _rising(count):
    """Mean of the tightest nondecreasing upper and lower bounds of a count."""
    above = np.maximum.accumulate(count)
    below = np.minimum.accumulate(count[::-1])[::-1]
    return (above + below) / 2


def _checked(score, weight):
    score = as_column(score, "score")
    if weight is None:
        weight = np.ones(len(score))
    else:
        weight = check_weights(weight, len(score), may_vanish=True, name="weight")
    if np.isnan(score).any():
        row = int(np.flatnonzero(np.isnan(score))[0])
        raise ValueError(
            f"The router gave NaN as a score, first to calibration row {row}. It must "
            "rank every row; minus infinity stands for rows that are never queried."
        )
    return score, weight


def coverage_bound(rank, n, confidence):
    """Lower bound, with this confidence, on the coverage of the score of this rank."""
    return float(beta.ppf(1 - confidence, rank, n + 1 - rank)) if rank else 0.0


def rows_needed(coverage, confidence):
    """The smallest number of calibration rows that can certify a coverage."""
    if confidence is None:
        return ceil(coverage / (1 - coverage) - 1e-9)
    return ceil(log(1 - confidence) / log(coverage) - 1e-9)


def _warn_too_few(coverage, confidence, n):
    certainty = "" if confidence is None else f" with confidence {confidence:g}"
    warn_user(
        f"{n:g} calibration rows are too few for coverage {coverage:g}{certainty}: at "
        f"least {rows_needed(coverage, confidence)} are needed. Nothing will be "
        "queried.",
        CalibrationWarning,
    )


def _warn_ties():
    warn_user(
        "Many rows share the score at the threshold, and tied rows stay together, so "
        "coverage differs from the requested one: operating_point_.coverage is the "
        "expected value. A base with finer probabilities, or a router that uses more "
        "evidence, comes closer; calibration=0.2 takes the threshold from the models "
        "in use.",
        CalibrationWarning,
    )


def _warn_shift():
    warn_user(
        "A base fitted on all rows scores them so differently from the bases of the "
        "folds that operating_point_.coverage, although corrected for this, may be off "
        "by several points. calibration=0.2 takes the threshold from the base in use; "
        "more rows, or a base that changes less from fit to fit, come closer.",
        CalibrationWarning,
    )
