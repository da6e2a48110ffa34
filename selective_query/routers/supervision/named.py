"""Names of supervisions, for the parameter `supervision` of learned routers."""

from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers.supervision.labels import (
    diff_prob_outcomes,
    max_prob_outcomes,
    proxy_outcomes,
    win_outcomes,
)
from selective_query.routers.supervision.privileged import privileged_outcomes
from selective_query.routers.supervision.soft import mixed_outcomes, soft_outcomes


def benefit_outcomes(outcomes):
    """The outcomes unchanged."""
    return outcomes


_SUPERVISIONS = {
    "benefit": benefit_outcomes,
    "proxy": proxy_outcomes,
    "soft": soft_outcomes,
    "mixed": mixed_outcomes,
    "privileged": privileged_outcomes,
    "diff_prob": diff_prob_outcomes,
    "max_prob": max_prob_outcomes,
    "win": win_outcomes,
}
# Their mean is the expected benefit, if probabilities are calibrated.
_IN_BENEFIT_UNITS = {"benefit", "soft", "mixed", "privileged"}


def list_supervisions():
    """Names that the parameter `supervision` accepts.

    Returns
    -------
    list of str

    Examples
    --------
    >>> from selective_query.routers.supervision import list_supervisions
    >>> list_supervisions()
    ['benefit', 'proxy', 'soft', 'mixed', 'privileged', 'diff_prob', 'max_prob', 'win']
    """
    return list(_SUPERVISIONS)


def supervise(outcomes, supervision):
    """Outcomes whose benefit is the target that a router learns.

    Parameters
    ----------
    outcomes : Outcomes
    supervision : str or callable
        A name from :func:`list_supervisions`, or a function from outcomes to outcomes
        with the same number of rows.

    Returns
    -------
    Outcomes

    Raises
    ------
    ValueError
        If the name is unknown, or the function returns something else.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers.supervision import supervise
    >>> outcomes = make_selective_query(100, random_state=0).outcomes
    >>> bool(supervise(outcomes, "proxy").benefit.min() < 0)
    False
    """
    transform = supervision
    if isinstance(supervision, str):
        transform = _SUPERVISIONS.get(supervision)
    if not callable(transform):
        raise ValueError(
            f"supervision must be one of {', '.join(_SUPERVISIONS)}, or a function "
            f"from outcomes to outcomes. Got {supervision!r}."
        )
    taught = transform(outcomes)
    if not isinstance(taught, Outcomes) or taught.n_rows != outcomes.n_rows:
        raise ValueError(
            "A supervision must return Outcomes of as many rows as it was given. Got "
            f"{type(taught).__name__} from {supervision!r}."
        )
    return taught


def is_in_benefit_units(supervision):
    """Whether zero, in this supervision's benefit, means that a query gains nothing."""
    return isinstance(supervision, str) and supervision in _IN_BENEFIT_UNITS
