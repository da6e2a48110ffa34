"""Fit routers and bounds on some rows and evaluate them on others."""

from collections.abc import Iterable

import numpy as np

from selective_query._utils.numbers import check_number
from selective_query._utils.parallel import with_bar
from selective_query.budgets._solving.thresholds import CalibrationScores
from selective_query.evaluation.comparison import RouterComparison
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics.inference._multiplicity import check_inference
from selective_query.metrics.inference.paired_scores import PairedScores, check_compared
from selective_query.metrics.ranked import accuracy_coverage_curve
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers._evidence_columns import evidence_columns
from selective_query.routers._scores import check_scores, scores_of
from selective_query.routers.registry import make_router, router_name
from selective_query.routers.trivial import RandomRouter


def compare_routers(
    train,
    test,
    routers=None,
    coverages=(0.9, 0.8, 0.7),
    *,
    reference=None,
    n_bootstrap=10_000,
    confidence=0.95,
    random_state=None,
    progress=False,
):
    """Fit routers on one part of the outcomes and evaluate them on another.

    Parameters
    ----------
    train, test : Outcomes
        Disjoint rows; the models were fitted on neither.
    routers : sequence of (str or BaseRouter) or None, default=None
        None takes the bounds and every registered router that the evidence allows,
        except those that train a network.
    coverages : sequence of float, default=(0.9, 0.8, 0.7)
    reference : str or None, default=None
        Name of the router to compare the others with. None takes max_probability if it
        is compared, otherwise the first.
    n_bootstrap : int, default=10_000
        Number of bootstrap draws of multipliers on the test rows, shared by all
        routers, for simultaneous inference on several differences.
    confidence : float, default=0.95
        Confidence of the intervals and verdicts.
    random_state : int, RandomState instance or None, default=None
        For the routers and the bootstrap draws.
    progress : bool, default=False
        Show a progress bar if it takes more than two seconds.

    Returns
    -------
    RouterComparison

    Raises
    ------
    ValueError
        If a router is unknown or lacks evidence, a parameter is out of range, or only
        one part has a global.
    TypeError
        If a part is not Outcomes, or a list parameter is not a list.

    Examples
    --------
    >>> from selective_query import compare_routers
    >>> from selective_query.datasets import make_selective_query
    >>> train = make_selective_query(1000, random_state=0).outcomes
    >>> test = make_selective_query(1000, random_state=1).outcomes
    >>> comparison = compare_routers(train, test, ["entropy", "oracle"], [0.8])
    >>> [row["router"] for row in comparison.rows]
    ['entropy', 'oracle']
    """
    for outcomes, name in ((train, "train"), (test, "test")):
        if not isinstance(outcomes, Outcomes):
            raise TypeError(
                f"{name} must be Outcomes. Got {type(outcomes).__name__}. Build them "
                "with Outcomes(base_proba=, global_proba=, y=) or cross_fit_outcomes."
            )
        if not outcomes.n_rows:
            raise ValueError(f"{name} must hold rows. Got none.")
    if train.has_global != test.has_global:
        raise ValueError(
            "train and test must both have a global, or neither. Got one in "
            f"{'train' if train.has_global else 'test'} alone; without one, a query "
            "counts as right."
        )
    coverages = _listed(coverages, "coverages", 0.8)
    for coverage in coverages:
        check_number(coverage, "coverages", 0, 1)
    routers = default_routers(train) if routers is None else routers
    routers = _listed(routers, "routers", "entropy")
    for router in routers:
        make_router(router, name="routers")
    labels = _labels(routers)
    if reference is None:
        reference = "max_probability" if "max_probability" in labels else labels[0]
    check_compared(reference, "reference", labels)
    check_inference(confidence=confidence, n_bootstrap=n_bootstrap)
    judged = []
    steps = [
        (router, label, coverage)
        for router, label in zip(routers, labels, strict=True)
        for coverage in coverages
    ]
    cache = {}
    for router, label, coverage in with_bar(steps, len(steps), shown=progress):
        row, score, curve = _judge(router, coverage, train, test, random_state, cache)
        judged.append(({"router": label, **row}, score, curve))
    rows = [row for row, _, _ in judged]
    scores = {}
    for row, score, _ in judged:
        scores.setdefault(row["router"], {})[row["coverage"]] = score
    paired = PairedScores(
        scores,
        test.base_utility,
        test.query_utility,
        sample_weight=test.sample_weight,
        confidence=confidence,
        n_bootstrap=n_bootstrap,
        random_state=random_state,
    )
    asked = [(row["router"], row["coverage"]) for row in rows]
    _, low, high = paired.accuracies(asked)
    for i, row in enumerate(rows):
        row["accuracy_low"], row["accuracy_high"] = float(low[i]), float(high[i])
    weight = test.weight / test.weight.sum()
    return RouterComparison(
        rows=rows,
        curves={(row["router"], row["coverage"]): curve for row, _, curve in judged},
        base_accuracy=float(weight @ test.base_utility),
        global_accuracy=float(weight @ test.query_utility),
        has_global=test.has_global,
        n=test.n_rows,
        confidence=confidence,
        reference=reference,
        _paired=paired,
    )


def _listed(values, name, example):
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a list, such as {[example]}. Got {values!r}.")
    values = list(values)
    if not values:
        raise ValueError(f"{name} must not be empty. Got none. Give one.")
    return values


def _labels(routers):
    """A name for each router; routers with the same name are distinguished by repr."""
    names = [router_name(router) for router in routers]
    return [
        name if names.count(name) == 1 else repr(router)
        for name, router in zip(names, routers, strict=True)
    ]


def _judge(router, coverage, train, test, random_state, cache):
    """One table row, the order of the test rows, and the curve, for one router."""
    made = make_router(router, target_coverage=coverage, random_state=random_state)
    # A router that is trained for a coverage is refitted for each coverage.
    trained_for = coverage if "target_coverage" in made.get_params(deep=False) else None
    key = id(router) if not isinstance(router, str) else router, trained_for
    if key not in cache:
        train_score = train.keep_local(
            check_scores(made.fit_score(train), made, train.n_rows)
        )
        test_score = test.keep_local(
            scores_of(made, test if made.is_bound else test.evidence)
        )
        order = test_score
        if isinstance(made, RandomRouter):
            # The average over random orders, not one lucky order.
            order = test.keep_local(np.zeros(test.n_rows))
        curve = accuracy_coverage_curve(
            order,
            test.base_utility,
            test.query_utility,
            sample_weight=test.sample_weight,
        )
        calibration = CalibrationScores(train_score, train.sample_weight, exact=False)
        cache[key] = calibration, test_score, order, curve
    calibration, test_score, order, curve = cache[key]
    row = {"coverage": float(coverage)}
    at_coverage = float(curve.accuracy_at(coverage))
    if made.is_bound:
        # A bound has few distinct scores and is never deployed, so it gets no
        # threshold.
        row["realised_coverage"] = float(
            np.clip(coverage, curve.coverage[0], curve.coverage[-1])
        )
        row["accuracy"] = at_coverage
    else:
        threshold = calibration.cut(coverage)[0]
        kept = test_score <= threshold
        utility = np.where(kept, test.base_utility, test.query_utility)
        weight = test.weight / test.weight.sum()
        row["realised_coverage"] = float(weight @ kept)
        row["accuracy"] = float(weight @ utility)
    row["accuracy_at_coverage"] = at_coverage
    return row, order, curve


def default_routers(outcomes):
    """Names of the routers that this evidence allows, and of the bounds.

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
