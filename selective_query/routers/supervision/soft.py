"""The soft benefit: a global's probabilities replace labels."""

from dataclasses import fields, replace

import numpy as np

from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import top_class
from selective_query.routers.supervision._class_mass import (
    class_probability,
    columns_of,
)
from selective_query.routers.supervision.temperature import tempered


def soft_outcomes(evidence, global_proba=None, *, temperature=1.0):
    r"""Outcomes whose utilities are the global's probabilities; they need no labels.

    .. math:: u_b(x) = p_g(b(x) \mid x), \qquad u_g(x) = p_g(g(x) \mid x)
              = \max_k p_g(k \mid x)

    If the global's probabilities are calibrated, these are the expected utilities of
    both answers, and their difference is the expected benefit. A router can thus learn
    from unlabelled inputs, once the global has answered them. A label that is not among
    the top k probabilities gets an even share of the remaining mass.

    Parameters
    ----------
    evidence : Evidence or Outcomes
        With ``base_proba``, or outcomes with ``base_pred``.
    global_proba : array-like of shape (n_samples, n_classes) or TopKProba, optional
        Class probabilities of the global; omit if the outcomes include them.
    temperature : float, default=1.0
        Applied to the global's probabilities first; :func:`fit_temperature` estimates
        one on labelled rows.

    Returns
    -------
    Outcomes

    Raises
    ------
    MissingEvidenceError
        If the base's answer or the global's probabilities are missing.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers.supervision import soft_outcomes
    >>> evidence = Evidence(base_proba=[[0.9, 0.1], [0.6, 0.4]])
    >>> soft_outcomes(evidence, global_proba=[[0.75, 0.25], [0.25, 0.75]]).benefit
    array([0. , 0.5])
    """
    known = {f.name: getattr(evidence, f.name) for f in fields(evidence)}
    if global_proba is not None:
        known["global_proba"] = global_proba
    known["base_utility"] = known["global_utility"] = np.zeros(evidence.n_rows)
    outcomes = Outcomes(**known)
    proba = outcomes.require("global_proba", "soft_outcomes")
    proba = tempered(proba, temperature)
    return replace(
        outcomes,
        base_utility=_chance_to_be_right(proba, outcomes, "base"),
        global_utility=_chance_to_be_right(proba, outcomes, "global"),
    )


def _chance_to_be_right(proba, outcomes, side):
    labels = getattr(outcomes, f"{side}_pred")
    if labels is None:
        own = outcomes.require(f"{side}_proba", "soft_outcomes")
        columns = top_class(own)
    else:
        columns = columns_of(labels, outcomes.classes)
    return np.clip(class_probability(proba, columns), 0, 1)


def mixed_outcomes(outcomes, soft_share=0.5, *, temperature=1.0):
    r"""Mix labels and the global's probabilities on the same rows.

    .. math:: u = (1 - \omega)\, u^{\text{label}} + \omega\, u^{\text{soft}}

    The label is unbiased but noisy; the probability is smooth but possibly biased. The
    squared error on the mixture has the same minimiser as the two errors weighted by
    :math:`1 - \omega` and :math:`\omega`.

    Parameters
    ----------
    outcomes : Outcomes
        With labels or grades, and ``global_proba``.
    soft_share : float, default=0.5
        The weight :math:`\omega` of the soft benefit, in [0, 1].
    temperature : float, default=1.0
        As in :func:`soft_outcomes`.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If ``soft_share`` is not in [0, 1].

    Examples
    --------
    >>> from selective_query import Outcomes
    >>> from selective_query.routers.supervision import mixed_outcomes
    >>> outcomes = Outcomes(
    ...     base_proba=[[0.9, 0.1]], global_proba=[[0.25, 0.75]], y=[1]
    ... )
    >>> mixed_outcomes(outcomes).benefit
    array([0.75])
    """
    if not 0 <= soft_share <= 1:
        raise ValueError(f"soft_share must be in [0, 1]. Got {soft_share!r}.")
    soft = soft_outcomes(outcomes, temperature=temperature)
    return replace(
        outcomes,
        **{
            name: (1 - soft_share) * getattr(outcomes, name)
            + soft_share * getattr(soft, name)
            for name in ("base_utility", "global_utility")
        },
    )
