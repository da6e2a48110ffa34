"""Routers that some evidence allows."""

import numpy as np

from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers._evidence_columns import evidence_columns


def default_routers(outcomes):
    """Names of the routers that this evidence allows, and the bounds.

    Parameters
    ----------
    outcomes : Outcomes

    Returns
    -------
    list of str
    """
    names = []
    if outcomes.base_proba is not None:
        names = ["auto", "max_probability", "margin", "entropy"]
        if not isinstance(outcomes.base_proba, TopKProba):
            names.append("max_logit")
    try:
        evidence_columns(outcomes.evidence.take(np.arange(min(outcomes.n_rows, 2))))
        names.append("benefit")
    except MissingEvidenceError:
        pass
    names += ["random", "always_base"]
    return names + (["always_global", "oracle"] if outcomes.has_global else ["oracle"])
