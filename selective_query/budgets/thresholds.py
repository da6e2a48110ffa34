"""Where to cut: a score and a coverage -> a threshold, by exact order statistics."""

import warnings
from dataclasses import dataclass
from math import ceil, inf, log, sqrt

import numpy as np
from scipy.stats import binom

from selective_query.exceptions import CalibrationWarning, CertificateError

TIE_TOLERANCE = 0.05


@dataclass(frozen=True)
class Certificate:
    """What is known about the coverage on new data.

    Attributes
    ----------
    rank : int or None
        The threshold is the score of this rank among the calibration rows; None when
        no rank was needed (coverage 0, 1 or None).
    n : int
        Number of calibration rows.
    confidence : float or None
        Probability, over the draw of the calibration rows, that new data's coverage
        reaches the target. None: the target is reached on average.
    exact : bool
        True when nothing was fitted on the calibration rows. Coverage on new data then
        follows the Beta(rank, n + 1 - rank) law for scores without ties, and is
        stochastically no smaller with ties. False: a good approximation only.
    vacuous : bool
        True when the rows were too few, so that nothing is queried at all.
    """

    rank: int | None
    n: int
    confidence: float | None
    exact: bool
    vacuous: bool = False

    def __str__(self):
        basis = f"{self.n} calibration rows"
        if self.rank is None:
            return "no certificate is needed: no coverage between 0 and 1 was asked for"
        if self.vacuous:
            return f"vacuous: {basis} are too few, so nothing is queried"
        if self.confidence is not None:
            return f"coverage holds with probability {self.confidence:g} over {basis}"
        how = "exactly" if self.exact else "approximately"
        return f"coverage holds on average, {how}, by {basis}"


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold on the query score, and what it gives.

    Attributes
    ----------
    threshold : float
        The base answers where the score is at most this.
    target : float or None
        The coverage asked for.
    coverage : float
        The coverage on the calibration rows.
    certificate : Certificate
    """

    threshold: float
    target: float | None
    coverage: float
    certificate: Certificate

    def __str__(self):
        asked = "where a query gains" if self.target is None else f"{self.target:g}"
        return (
            f"threshold {self.threshold:.6g} for coverage {asked}: {self.coverage:.4f} "
            f"on the calibration rows; {self.certificate}"
        )


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
    trend : tuple of (fine, coarse, step), optional
        Scores of the same rows by models fitted on as many rows as those of `score`
        and on fewer, and how far to go on beyond the first, in multiples of their
        difference. Coverage is then that of models fitted on more rows, extrapolated.
    """

    def __init__(self, score, weight=None, *, exact, trend=None):
        score = np.asarray(score, dtype=float)
        weight = np.ones(len(score)) if weight is None else np.asarray(weight, float)
        self.exact = exact
        self.n = weight.sum()
        self.whole_weights = bool((weight == np.round(weight)).all())
        if trend is not None:
            # F + step (F_fine - F_coarse), as one signed measure over all the scores.
            fine, coarse, step = trend
            score = np.concatenate([score, fine, coarse])
            weight = np.concatenate([weight, step * weight, -step * weight])
        # Rows without weight must not leave a level behind.
        score, weight = score[weight != 0], weight[weight != 0]
        order = np.argsort(score, kind="stable")
        ordered = score[order]
        last_of_tie = np.append(ordered[1:] != ordered[:-1], True)
        self.level = ordered[last_of_tie]
        self.rows_kept = np.cumsum(weight[order])[last_of_tie]

    def coverage_at(self, threshold):
        """Share of the calibration rows whose score is at most the threshold."""
        position = np.searchsorted(self.level, threshold, side="right")
        kept = self.rows_kept[position - 1] if position else 0.0
        return float(np.clip(kept / self.n, 0, 1))

    def cut(self, coverage, confidence=None):
        """The operating point for a coverage.

        The threshold is the smallest score that enough calibration rows do not exceed,
        so a tie group stays with the base as a whole. Where the rows are not exact the
        count is an estimate; a tie group then goes to the nearer side, if that falls
        short by no more than the standard error of the count.

        Parameters
        ----------
        coverage : float or None
            Share of new inputs, at least, that the base shall answer. None cuts at
            zero benefit.
        confidence : float or None
            Probability with which that shall hold. None: on average.

        Returns
        -------
        OperatingPoint

        Raises
        ------
        CertificateError
            When a confidence is asked for and the rows are not exact, or their weights
            are no counts.
        """
        if confidence is not None:
            self._check_certifiable(coverage)
        if coverage is None or coverage in (0, 1):
            threshold = {None: 0.0, 0: -inf, 1: inf}[coverage]
            rank = None
        else:
            rank = self._rank(coverage, confidence)
            noise = 0.0 if self.exact else sqrt(coverage * (1 - coverage) * self.n)
            threshold = self._score_of_rank(rank, noise)
        vacuous = rank is not None and threshold == inf
        reached = self.coverage_at(threshold)
        if vacuous:
            _warn_vacuous(coverage, confidence, self.n)
        elif rank is not None and reached > rank / self.n + TIE_TOLERANCE:
            _warn_ties(coverage, reached)
        n = int(self.n) if self.whole_weights else float(self.n)
        certificate = Certificate(rank, n, confidence, self.exact, vacuous)
        return OperatingPoint(threshold, coverage, reached, certificate)

    def _check_certifiable(self, coverage):
        if coverage is None:
            raise CertificateError(
                "confidence= certifies a coverage, and coverage=None asks for none. "
                "Give a coverage, or set confidence=None."
            )
        if not self.exact:
            raise CertificateError(
                "confidence= is only true for rows that nothing was fitted on. Set "
                "calibration=0.2 to hold out a share of the rows, or use frozen models "
                "with a router that learns nothing (max_probability, entropy, ...); or "
                "set confidence=None."
            )
        if not self.whole_weights:
            raise CertificateError(
                "confidence= needs sample weights that are counts of rows (whole "
                "numbers). Leave sample_weight out, or set confidence=None."
            )

    def _rank(self, coverage, confidence):
        if not self.whole_weights:
            return coverage * self.n
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
        # An extrapolated count need not rise; then take the middle of its crossings.
        last = 0 if enough.all() else len(enough) - int(np.argmax(~enough[::-1]))
        chosen = (first + max(first, min(last, len(enough) - 1))) // 2
        if chosen:
            below, above = self.rows_kept[chosen - 1 : chosen + 1]
            short, over = rank - below, above - rank
            # A tie of the two must not hang on the last bits of a sum.
            if short < over - 1e-6 * self.n and short <= noise:
                chosen -= 1
        return float(self.level[chosen])


def _warn_vacuous(coverage, confidence, n):
    if confidence is None:
        needed = ceil(coverage / (1 - coverage) - 1e-9)
    else:
        needed = ceil(log(1 - confidence) / log(coverage) - 1e-9)
    certainty = "" if confidence is None else f" with confidence {confidence:g}"
    warnings.warn(
        f"{n:g} calibration rows are too few for coverage {coverage:g}{certainty}: at "
        f"least {needed} are needed. Nothing will be queried.",
        CalibrationWarning,
        stacklevel=3,
    )


def _warn_ties(coverage, reached):
    warnings.warn(
        f"Many rows share the score at the threshold, and a tie group stays with the "
        f"base as a whole: coverage is {reached:.3f} where {coverage:g} was asked for. "
        "A base with finer probabilities, or a router that uses more evidence, comes "
        "closer.",
        CalibrationWarning,
        stacklevel=3,
    )
