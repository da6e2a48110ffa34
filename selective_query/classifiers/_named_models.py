"""The models of a chain as the user gives them: pairs of a name and a classifier."""

from numbers import Real

import numpy as np

from selective_query._utils.validation import is_frozen, will_offer
from selective_query.budgets._solving.calibration import check_certifiable_weights
from selective_query.exceptions import CertificateError


def named_models(estimators):
    """The models, keyed by name for messages, in the order in which they are queried.

    Parameters
    ----------
    estimators : list of (str, classifier)

    Returns
    -------
    dict of str to classifier

    Raises
    ------
    ValueError
        If there are fewer than two, or one lacks a method that its tier needs.
    """
    if (
        not isinstance(estimators, (list, tuple))
        or len(estimators) < 2
        or not all(isinstance(e, (list, tuple)) and len(e) == 2 for e in estimators)
    ):
        raise ValueError(
            "estimators must be a list of two or more pairs of a name and a "
            f"classifier, in the order in which they are asked. Got {estimators!r:.60}."
        )
    for j, (name, model) in enumerate(estimators):
        last = j == len(estimators) - 1
        needed = ("fit", "predict") if last else ("fit", "predict_proba")
        lacking = [method for method in needed if not will_offer(model, method)]
        if lacking:
            why = "" if last else ", since its probabilities tell how sure it is"
            raise ValueError(
                f"The estimator {name!r} must be a classifier with "
                f"{' and '.join(needed)}{why}. Got {model!r:.60}, without "
                f"{', '.join(lacking)}."
            )
    return {f"estimators[{name!r}]": model for name, model in estimators}


def check_certifiable(confidence, calibration, models, learns, weight):
    """Refuse, before anything is fitted, a certificate that cannot be given.

    Parameters
    ----------
    confidence, calibration
        As in CascadeClassifier.
    models : sequence of classifier
        In the order in which they are queried.
    learns : bool
        Whether routers, or the split of a budget, are learned from the rows.
    weight : ndarray of shape (n_samples,) or None

    Raises
    ------
    CertificateError
        If `confidence` would not be valid.
    """
    if confidence is None:
        return
    if weight is not None:
        check_certifiable_weights(np.isin(weight, (0, 1)).all())
    moves = not all(is_frozen(model) for model in models[:-1])
    if not isinstance(calibration, Real) and (learns or moves):
        raise CertificateError(
            f"confidence={confidence} needs rows that nothing was fitted on. Set "
            "calibration=0.2 to hold out a share of the rows, or use frozen models "
            "with routers that learn nothing (max_probability, entropy, ...); or set "
            "confidence=None."
        )
