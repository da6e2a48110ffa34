"""diagnose: where a fitted hybrid loses its accuracy."""

from selective_query.metrics.attribution import gap_attribution
from selective_query.outcomes.outcomes import Outcomes


def diagnose(
    model,
    X,
    y=None,
    *,
    sample_weight=None,
    n_bootstrap=500,
    confidence=0.95,
    random_state=None,
):
    """Attribute accuracy losses to base, global, ranking, shift and threshold.

    Queries the global about every row. The target coverage is that of the budget; for a
    floor, or ``coverage=None``, it is the coverage of the operating point on the
    calibration rows.

    Parameters
    ----------
    model : HybridClassifier, AbstainingClassifier or RoutingPolicy
        Fitted.
    X : array-like or Outcomes
        Rows that are new to the model; Outcomes for a RoutingPolicy.
    y : array-like of shape (n_samples,), optional
        Labels; omit with Outcomes.
    sample_weight : array-like of shape (n_samples,), optional
        Frequency weights; those of the Outcomes by default.
    n_bootstrap : int, default=500
        Number of bootstrap resamples of the rows, for the intervals; 0 for none.
    confidence : float, default=0.95
        Confidence of the intervals.
    random_state : int, RandomState instance or None, default=None
        For the resamples.

    Returns
    -------
    GapAttribution
        Print it for a table; ``advice()`` suggests what to improve next. See
        :func:`selective_query.metrics.gap_attribution` for the definition of each step.

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    TypeError
        If the model has another type, or a RoutingPolicy is not given Outcomes.
    ValueError
        If y is missing, thresholds differ by group, or only one of the model and the
        outcomes has a global.

    Examples
    --------
    >>> from selective_query import RoutingPolicy, diagnose
    >>> from selective_query.datasets import make_selective_query
    >>> train = make_selective_query(2000, random_state=0).outcomes
    >>> test = make_selective_query(2000, random_state=1).outcomes
    >>> policy = RoutingPolicy("max_probability", coverage=0.8).fit(train)
    >>> gap = diagnose(policy, test, random_state=0)
    >>> [step.name for step in gap.steps]
    ['base', 'global', 'ranking', 'shift', 'threshold']
    """
    policy, score, outcomes, weight = judge(model, X, y, sample_weight)
    if policy.has_global_ != outcomes.has_global:
        has = {True: "a global", False: "no global"}
        raise ValueError(
            f"The model was fitted with {has[policy.has_global_]} and the outcomes "
            f"have {has[outcomes.has_global]}. Give outcomes of the same kind."
        )
    point = policy.operating_point_
    if point.threshold is None:
        raise ValueError(
            f"diagnose explains one threshold, and {point.budget!r} gives each group "
            f"its own. Diagnose model.at({point.coverage:.3g}), the same coverage with "
            "one threshold."
        )
    return gap_attribution(
        score,
        outcomes.base_utility,
        outcomes.global_utility,
        coverage=point.asked_coverage,
        threshold=point.threshold,
        calibration=policy.calibration_columns(),
        sample_weight=weight,
        n_bootstrap=n_bootstrap,
        confidence=confidence,
        random_state=random_state,
    )


def judge(model, X, y=None, sample_weight=None):
    """A model's policy, and scores, outcomes and weights of rows new to the model.

    Parameters
    ----------
    model, X, y, sample_weight
        As in :func:`diagnose`.

    Returns
    -------
    policy : RoutingPolicy
    score : ndarray of shape (n_samples,)
    outcomes : Outcomes
    weight : ndarray of shape (n_samples,) or None
    """
    if hasattr(model, "decide"):
        if not isinstance(X, Outcomes) or y is not None:
            raise TypeError(
                "X must be Outcomes for a RoutingPolicy, which hold y themselves. Got "
                f"{type(X).__name__}{'' if y is None else ' and y'}."
            )
        policy, outcomes = model, X
    elif hasattr(model, "outcomes"):
        if y is None:
            raise ValueError("y is missing. Labels are needed to judge the answers.")
        outcomes = model.outcomes(X, y, sample_weight=sample_weight)
        sample_weight = None
        policy = model.policy_
    else:
        raise TypeError(
            "model must be a HybridClassifier, an AbstainingClassifier or a "
            f"RoutingPolicy. Got {type(model).__name__}."
        )
    weight = outcomes.sample_weight if sample_weight is None else sample_weight
    return policy, policy.query_score(outcomes.evidence), outcomes, weight
