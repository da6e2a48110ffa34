"""Decisions: the answer to each input, its source, and what it took."""

from dataclasses import dataclass, fields

import numpy as np

BASE, GLOBAL, NOBODY = "base", "global", "nobody"
# Number of rows to print, and of characters in a label.
MOST_SHOWN, WIDEST = 10, 24


def _counted(names):
    found = zip(*np.unique(names, return_counts=True), strict=True)
    return ", ".join(f"{name} {count}" for name, count in found)


def _shown(value):
    if isinstance(value, (float, np.floating)):
        return f"{value:.4g}"
    text = str(value)
    return text if len(text) <= WIDEST else f"{text[: WIDEST - 3]}..."


@dataclass(frozen=True, eq=False)
class Decisions:
    """Decisions of a hybrid or chain about a batch, one entry for each row.

    Attributes
    ----------
    label : ndarray of shape (n_samples,)
        As in ``predict``.
    answered_by : ndarray of shape (n_samples,) of str
        "base", "global", or "nobody" where the hybrid abstained; for a chain, the name
        of a tier or "nobody".
    queried : ndarray of shape (n_samples,), bool
        Whether the rule passed the row on to the global, or to a tier after the first.
    failure : ndarray of shape (n_samples,) of str
        Why the global gave no answer: "unreachable", "timeout", "refused", "bad
        answer", or "not asked" (the query was skipped after too many recent failures).
        "" where it was not queried or did answer.
    score : ndarray of shape (n_samples,)
        As in ``query_score``.
    latency_ms : ndarray of shape (n_samples,)
        Time from the call to the answer.
    attempts : ndarray of shape (n_samples,) of int
        How often the row was sent to the global.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import HybridClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> hybrid = HybridClassifier(
    ...     GaussianNB(), ExtraTreesClassifier(random_state=0), router="max_probability"
    ... ).fit(X[:1200], y[:1200])
    >>> found = hybrid.predict_detailed(X[1200:])
    >>> bool((found.queried == (found.answered_by == "global")).all())
    True
    >>> print(repr(found).splitlines()[0])    # doctest: +ELLIPSIS
    Decisions about 597 rows: base 5..., global ...
    """

    label: np.ndarray
    answered_by: np.ndarray
    queried: np.ndarray
    failure: np.ndarray
    score: np.ndarray
    latency_ms: np.ndarray
    attempts: np.ndarray

    def __len__(self):
        return len(self.label)

    def __repr__(self):
        n, lines = len(self), [self._counts()]
        rows = range(n) if n <= MOST_SHOWN else range(MOST_SHOWN)
        table = [[f.name for f in fields(self)]]
        table += [
            [_shown(getattr(self, f.name)[r]) for f in fields(self)] for r in rows
        ]
        widths = [max(map(len, column)) for column in zip(*table, strict=True)]
        for line in table if n else ():
            cells = (c.rjust(w) for c, w in zip(line, widths, strict=True))
            lines.append("  ".join(cells))
        if n > MOST_SHOWN:
            lines.append(f"... {n - MOST_SHOWN} more rows")
        return "\n".join(lines)

    def _counts(self):
        """Number of rows, by who answered, and why the global failed."""
        who = _counted(self.answered_by)
        told = f"Decisions about {len(self)} rows"
        if who:
            told += f": {who}"
        why = _counted(self.failure[self.failure != ""])
        return f"{told}; the global failed: {why}" if why else told

    def to_frame(self):
        """A pandas DataFrame with a column for each attribute.

        Returns
        -------
        DataFrame

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "to_frame needs pandas: pip install pandas. The same columns are the "
                "attributes of Decisions."
            ) from error
        return pd.DataFrame({f.name: getattr(self, f.name) for f in fields(self)})
