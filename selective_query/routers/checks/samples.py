"""Sample outcomes for the checks of routers."""

from dataclasses import replace

import numpy as np

from selective_query.outcomes.outcomes import Outcomes

BASE_FIELDS = ("base_proba", "base_logits", "base_features")
EVIDENCE_FIELDS = (*BASE_FIELDS, "X")
FIELDS = (*EVIDENCE_FIELDS, "y", "global_proba", "sample_weight", "classes", "fold")


def sample_outcomes(
    n=240, *, n_classes=4, has_global=True, features=True, dtype=np.float64, seed=0
):
    """Outcomes with a calibrated, informative base and a global that is 90 % accurate.

    Values are representable in single precision whatever the dtype. Where the first
    feature is positive, the global is always right.

    Parameters
    ----------
    n, n_classes : int
    has_global : bool, default=True
    features : bool, default=True
        Whether there are logits and features besides the probabilities.
    dtype : dtype, default=float64
        Dtype of probabilities, logits and features.
    seed : int, default=0

    Returns
    -------
    Outcomes

    Examples
    --------
    >>> from selective_query.routers.checks import sample_outcomes
    >>> sample_outcomes(7).base_features.shape
    (7, 3)
    """
    rng = np.random.default_rng(seed)
    logits = (2 * rng.normal(size=(n, n_classes))).astype(np.float32)
    proba = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    y = (proba.cumsum(axis=1) > rng.random((n, 1)) * (1 - 1e-6)).argmax(axis=1)
    table = rng.normal(size=(n, 3)).astype(np.float32)
    parts = {"base_proba": proba.astype(dtype), "y": y, "fold": np.arange(n) % 5}
    if features:
        parts["base_logits"] = logits.astype(dtype)
        parts["base_features"] = table.astype(dtype)
    if has_global:
        wrong = (table[:, 0] < 0) & (rng.random(n) < 0.2)
        answer = np.where(wrong, (y + 1) % n_classes, y)
        rest = 0.2 / n_classes
        parts["global_proba"] = rest + 0.8 * np.eye(n_classes)[answer]
    return Outcomes(**parts)


def fields_of(outcomes, **changed):
    """Constructor arguments of these outcomes, with some of them changed.

    Parameters
    ----------
    outcomes : Outcomes
    **changed : object
        Arguments of :class:`Outcomes`.

    Returns
    -------
    dict
    """
    return {**{name: getattr(outcomes, name) for name in FIELDS}, **changed}


def least_outcomes(router, make, n=240, **options):
    """Outcomes with base probabilities and the evidence that the router requires."""
    outcomes = make(n, **options)
    spare = {
        name: None
        for name in ("base_logits", "base_features", "X")
        if name not in router.required_evidence
    }
    return replace(outcomes, **spare)


def stepped_outcomes(make, n=480):
    """Outcomes whose benefit is not monotone in doubt, so that trees help."""
    outcomes = make(n)
    place = outcomes.base_proba.max(axis=1).argsort().argsort()
    return Outcomes(
        **{name: getattr(outcomes, name) for name in EVIDENCE_FIELDS},
        base_utility=np.zeros(n),
        global_utility=(8 * place // n % 2).astype(float),
        fold=outcomes.fold,
    )
