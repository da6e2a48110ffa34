"""Selective guaranteed risk: a baseline whose guarantee can fail."""

from math import ceil, inf, log2

import numpy as np
from scipy.stats import beta

from selective_query._utils.numbers import as_column, check_probability
from selective_query.metrics._inputs import refuse_nan
from selective_query.outcomes._sorted_rows import SortedRows


def selective_guaranteed_risk(score, base_utility, *, risk, confidence):
    """Threshold from the binary search of SGR, with a bound on the selective risk.

    Each step bounds the risk of the rows kept so far by inverting the binomial tail, at
    a share of the error probability. The thresholds come from the same rows as the
    bounds, and the risk need not rise with coverage, so the guarantee holds in most
    settings but not in all. For a certificate that always holds, use
    :class:`MinSelectiveAccuracy` with a confidence.

    Parameters
    ----------
    score : array-like of shape (n_samples,)
        Higher means less confident.
    base_utility : array-like of shape (n_samples,)
        1 where the base is right, 0 where it is wrong.
    risk : float
        Tolerated share of errors among the kept rows, in (0, 1).
    confidence : float
        In (0, 1).

    Returns
    -------
    threshold : float
        Rows that score at most this are kept; minus infinity if none can be.
    bound : float
        Upper bound on the selective risk at this threshold; 1 if nothing is kept.

    Raises
    ------
    ValueError
        If an argument is out of range or there are no rows.

    References
    ----------
    Geifman and El-Yaniv, "Selective classification for deep neural networks", NeurIPS
    2017, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query.budgets import selective_guaranteed_risk
    >>> score = np.arange(1000) / 1000
    >>> right = np.arange(1000) % 10 < np.where(score < 0.5, 10, 5)
    >>> threshold, bound = selective_guaranteed_risk(
    ...     score, right, risk=0.05, confidence=0.9
    ... )
    >>> 0.5 <= threshold < 0.6, bool(bound < 0.05)
    (True, True)
    """
    risk = check_probability(risk, "risk")
    confidence = check_probability(confidence, "confidence")
    score = as_column(score, "score")
    refuse_nan(score, "score")
    wrong = 1 - as_column(base_utility, "base_utility")
    if not len(score) or score.shape != wrong.shape:
        raise ValueError(
            "score and base_utility must be of the same shape (n_samples,), with one "
            f"row at least. Got {score.shape} and {wrong.shape}."
        )
    if not np.isin(wrong, (0, 1)).all():
        raise ValueError(
            "base_utility must be 1 (right) or 0 (wrong). For graded answers use "
            "MinSelectiveAccuracy."
        )
    rows = SortedRows(score)
    n_errors = rows.kept(wrong[rows.order])
    n_steps = max(1, ceil(log2(len(score))))
    error = (1 - confidence) / n_steps
    kept, passes, fails = (-inf, 1.0), 0, len(score) + 1
    for _ in range(n_steps):
        middle = (passes + fails) // 2
        if middle in (passes, fails):
            break
        cut = np.searchsorted(rows.n_kept, middle)  # include the whole tied group
        threshold, n_kept, n_wrong = (
            rows.level[cut - 1],
            rows.n_kept[cut],
            n_errors[cut],
        )
        bound = 1.0
        if n_wrong < n_kept:
            bound = float(beta.isf(error, n_wrong + 1, n_kept - n_wrong))
        if bound <= risk:
            kept, passes = (float(threshold), bound), middle
        else:
            fails = middle
    return kept
