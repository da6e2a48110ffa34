"""Evidence -> a table of numbers that a learned router can weigh."""

import numpy as np

from selective_query.outcomes.probabilities import entropy, top_probabilities
from selective_query.routers._scores import centred, log_probabilities
from selective_query.routers._table import numeric_inputs

N_TOP = 5
# More classes than this are summarised by the top probabilities alone.
MAX_LOGIT_COLUMNS = 64


def evidence_columns(evidence):
    """Columns that a router may weigh, confidence first.

    One minus the largest probability comes first, then the next top probabilities,
    the entropy, the logits (or centred log-probabilities, of at most 64 classes), and
    the base's features. Without base probabilities only what is left: features, or a
    numeric `X`, which may be sparse.

    Parameters
    ----------
    evidence : Evidence

    Returns
    -------
    columns : ndarray of shape (n_samples, n_columns)
    layout : tuple of (str, int)
        The kinds of evidence that the columns come from, and how wide each is.

    Raises
    ------
    MissingEvidenceError
        When there is nothing numeric to weigh.
    """
    proba, logits = evidence.base_proba, evidence.base_logits
    parts, layout = [], []
    if proba is not None:
        parts += _probability_columns(proba, with_log=logits is None)
        layout.append(("base_proba", proba.shape[1]))
    if logits is not None and logits.shape[1] <= MAX_LOGIT_COLUMNS:
        parts.append(logits)
        layout.append(("base_logits", logits.shape[1]))
    if evidence.base_features is not None:
        parts.append(evidence.base_features)
        layout.append(("base_features", evidence.base_features.shape[1]))
    if not parts:
        X = evidence.require("X", "A learned router without base outputs")
        needs = "A learned router needs base_proba, base_logits, base_features or"
        parts.append(numeric_inputs(X, needs))
        layout.append(("X", parts[0].shape[1]))
    return np.concatenate(parts, axis=1), tuple(layout)


def describe_layout(layout):
    """The kinds of evidence and their widths, in words."""
    return ", ".join(f"{name} with {width} columns" for name, width in layout)


def _probability_columns(proba, with_log):
    top = top_probabilities(proba, min(N_TOP, proba.shape[1]))
    columns = [1 - top[:, :1], np.sqrt(top[:, 1:])]
    is_narrow = isinstance(proba, np.ndarray) and proba.shape[1] <= MAX_LOGIT_COLUMNS
    if not (with_log and is_narrow):
        return [*columns, entropy(proba)[:, None]]
    log = log_probabilities(proba)  # the dearest step, so that entropy shares it
    return [*columns, -np.vecdot(proba, log)[:, None], centred(log)]
