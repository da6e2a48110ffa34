"""Where to cut for a coverage: a score -> a threshold, by exact order statistics."""

from math import ceil, inf, log, nan, sqrt

import numpy as np
from scipy.stats import beta, binom

from selective_query._utils.numbers import as_column, usual_size
from selective_query._utils.validation import check_weights, warn_user
from selective_query.budgets._solving.doubts import disagreement, share_tied
from selective_query.exceptions import CalibrationWarning
from selective_query.outcomes._sorted_rows import SortedRows

# Coverage that is further from what was asked for, by ties, is worth a warning.
TIE_TOLERANCE = 0.05
TIE_TOLERANCE_OF_FOLDS = 0.02
# A correction that large is off by more than a point or two itself; so is one between
# fits that rank the rows half as differently as unrelated scores would.
MOST_SHIFT = 0.1
MOST_DISAGREEMENT = 0.5
# A score changes with the rows beside it by so many steps of its own precision at most,
# and by so many of those that scores of usual size have. Models in double precision
# lose more of the first, and have them to spare.
ROUNDING_STEPS = {np.dtype(np.float32): 16, np.dtype(np.float64): 256}
USUAL_STEPS = 4


class CalibrationScores:
    """Scores of calibration rows, sorted once, to be cut at any coverage.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Query scores of rows that the router, and best also the models, did not learn
        from.
    weight : array-like of shape (n_samples,), optional
        Frequency weights.
    exact : bool
        Whether nothing at all was fitted on these rows.
    shift : tuple of (score, mass, row, fit), optional
        What sets the scores of the models in use apart from these: a signed measure
        over scores, of total mass zero, that is added to theirs; to which row each
        belongs, and the number of the fit that gave it and has learned from the row,
        the last of them the one in use. -1 where the row was held out.
    fold : ndarray of shape (n_samples,), optional
        Rows of which the same fit gave the scores. One fit gave all by default.
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
        # What one more row would weigh: a count is so many rows of weight one.
        self.next_weight = 1.0
        if not self.whole_weights:
            self.next_weight = self.n / np.count_nonzero(weight)
        # How many rows the weights are worth (Kish); counts are worth what they say.
        self.n_effective = self.n
        if not self.whole_weights:
            self.n_effective = self.n**2 / (weight @ weight)
        if shift is not None:
            score = np.concatenate([score, shift[0]])
            weight = np.concatenate([weight, shift[1]])
        # Rows without weight must not leave a level behind.
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
        """What it was made from, by the names of its parameters."""
        score, weight, shift, fold = self._given
        return {
            "score": score.astype(self._precision, copy=False),
            "weight": weight,
            "exact": self.exact,
            "shift": shift,
            "fold": fold,
        }

    def of(self, rows):
        """The scores of some of the rows.

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
        """The threshold that keeps a row of this score, however it is rounded.

        A score may differ in its last digits with the batch in which it is computed.
        Nothing is added to the infinite ones.

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
        """Share of the calibration rows that score at most this.

        Rises with the threshold, as coverage does, also where a shifted count does not.

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

        The threshold is the smallest score that enough calibration rows do not exceed,
        so a tie group stays with the base as a whole. Where the rows are not exact the
        count is an estimate; a tie group then goes to the nearer side, if that falls
        short by no more than the standard error of the count.

        Parameters
        ----------
        coverage : float
            Least share of new inputs that the base answers. 0 and 1 cut at
            minus and plus infinity.
        confidence : float or None, default=None
            Probability with which that holds on new data. The caller has made sure
            that it can be had: exact rows that all weigh the same. None: on average.

        Returns
        -------
        threshold : float
            Infinite where the rows are too few.
        rank : int, float or None
            None where none was needed.
        too_few : bool
            Whether that was so.
        """
        if coverage in (0, 1):
            return (inf if coverage else -inf), None, False
        rank = self._rank(coverage, confidence)
        threshold = self.score_at(coverage, confidence)
        # Rows of infinite score, which are to be queried always, can be a tie as well.
        too_few = threshold == inf and (rank > self.n or self.level[-1] < inf)
        if too_few:
            _warn_too_few(coverage, confidence, self.n / self.next_weight)
        elif threshold > -inf and self._is_lumpy(threshold, rank):
            _warn_ties()
        elif (
            self._shifts_at(threshold) > MOST_SHIFT
            or self._fits_disagree() > MOST_DISAGREEMENT
        ):
            _warn_shift()
        return threshold, rank, too_few

    def _is_lumpy(self, threshold, rank):
        """Whether ties keep coverage away from this rank, or may do so on new data."""
        last = np.searchsorted(self.level, threshold, side="right") - 1
        off = abs(self.rows_kept[last] - rank) / self.n
        if self.exact:
            return off > TIE_TOLERANCE
        # With models fitted anew a group may come to lie on either side.
        score, weight, _, fold = self._given
        there = weight > 0
        group = share_tied(score[there], weight[there], fold[there], rank / self.n)
        return max(off, group / 2) > TIE_TOLERANCE_OF_FOLDS

    def _shifts_at(self, threshold):
        """What the shift moves of the coverage, by held-out and by known rows."""
        if self._given[2] is None:
            return 0.0
        score, mass, _, fit = self._given[2]
        kept = mass * (score <= threshold)
        known = fit >= 0
        return (abs(kept[known].sum()) + abs(kept[~known].sum())) / self.n

    def _fits_disagree(self):
        """How differently the fit in use ranks the rows that it and others know."""
        score, weight, shift, _ = self._given
        if shift is None:
            return 0.0
        known = shift[3] >= 0
        return disagreement(score, weight, *(part[known] for part in shift))

    def score_at(self, coverage, confidence=None):
        """The threshold of :meth:`cut`, without any warning.

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
        """The score to cut at; `noise` is what the count may fall short by."""
        enough = self.rows_kept >= rank - 1e-9 * self.n
        if rank > self.n or not enough.any():
            return inf
        first = int(np.argmax(enough))
        # A shifted count need not rise; then take the middle of its crossings.
        last = 0 if enough.all() else len(enough) - int(np.argmax(~enough[::-1]))
        chosen = (first + max(first, min(last, len(enough) - 1))) // 2
        if chosen:
            below, above = self.rows_kept[chosen - 1 : chosen + 1]
            short, over = rank - below, above - rank
            # A tie of the two must not hang on the last bits of a sum.
            if short < over - 1e-6 * self.n and short <= noise:
                chosen -= 1
        return self.above(self.level[chosen])


def _rising(count):
    """Half way between the least rising bound from above and the largest from below."""
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
    """Coverage that the score of this rank among n rows gives with this confidence."""
    return float(beta.ppf(1 - confidence, rank, n + 1 - rank)) if rank else 0.0


def rows_needed(coverage, confidence):
    """Fewest calibration rows that can show a coverage."""
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
        "Many rows share the score at the threshold, and a tie group stays together, "
        "so that coverage is not what was asked for: operating_point_.coverage tells "
        "what is to be expected. A base with finer probabilities, or a router that "
        "uses more evidence, comes closer; calibration=0.2 takes the threshold from "
        "the models in use.",
        CalibrationWarning,
    )


def _warn_shift():
    warn_user(
        "A base fitted on all rows scores them otherwise than those of the folds do, "
        "by so much that operating_point_.coverage, which allows for it, may be off by "
        "several points. calibration=0.2 takes the threshold from the base in use; "
        "more rows, or a base that changes less from fit to fit, come closer.",
        CalibrationWarning,
    )
