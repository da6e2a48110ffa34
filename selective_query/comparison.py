"""compare_routers: routers and bounds side by side on rows they did not learn from."""

from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from selective_query.budgets.thresholds import CalibrationScores
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics.curves import accuracy_coverage_curve
from selective_query.metrics.uncertainty import bootstrap_accuracy, interval
from selective_query.outcomes import Outcomes
from selective_query.policy import check_coverage
from selective_query.probabilities import TopKProba
from selective_query.routers.evidence_columns import evidence_columns
from selective_query.routers.registry import make_router, router_name

COLUMNS = (
    "router",
    "coverage",
    "realised_coverage",
    "accuracy",
    "accuracy_at_coverage",
    "accuracy_low",
    "accuracy_high",
)


@dataclass(frozen=True, eq=False)
class RouterComparison:
    """Result of :func:`compare_routers`.

    Attributes
    ----------
    rows : list of dict
        One row for each router and coverage, with the keys of ``to_frame``.
    curves : dict
        Accuracy-coverage curve on the test rows, by (router, coverage).
    base_accuracy, global_accuracy : float
        Of each side alone, on the test rows.
    has_global : bool
        False for a comparison of abstaining routers.
    n : int
        Number of test rows.
    confidence : float
        Of the intervals.
    """

    rows: list
    curves: dict
    base_accuracy: float
    global_accuracy: float
    has_global: bool
    n: int
    confidence: float
    _replicates: np.ndarray = field(repr=False)

    def to_frame(self):
        """The rows as a pandas DataFrame.

        Returns
        -------
        DataFrame
            ``router``; ``coverage`` asked for; ``realised_coverage`` and ``accuracy``
            on the test rows at the threshold learned on the training rows;
            ``accuracy_at_coverage`` at exactly the asked share of the test rows, ties
            averaged: what routers are compared by; ``accuracy_low`` and
            ``accuracy_high``, the bootstrap interval of the latter.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        return _frame(self.rows, COLUMNS)

    def differences(self, reference="max_probability"):
        """Accuracy at coverage minus that of one router, by paired bootstrap.

        Parameters
        ----------
        reference : str, default="max_probability"

        Returns
        -------
        list of dict
            ``router``, ``reference``, ``coverage``, ``difference``, ``low``, ``high``.

        Raises
        ------
        ValueError
            When the reference was not compared.
        """
        position = {
            row["coverage"]: i
            for i, row in enumerate(self.rows)
            if row["router"] == reference
        }
        if not position:
            names = list(dict.fromkeys(row["router"] for row in self.rows))
            raise ValueError(
                f"reference={reference!r} is not among the compared routers: "
                f"{', '.join(names)}. Add it to routers=."
            )
        found = []
        for i, row in enumerate(self.rows):
            j = position[row["coverage"]]
            paired = self._replicates[i] - self._replicates[j]
            low, high = interval(paired, self.confidence)
            ours, theirs = (r["accuracy_at_coverage"] for r in (row, self.rows[j]))
            found.append(
                {
                    "router": row["router"],
                    "reference": reference,
                    "coverage": row["coverage"],
                    "difference": ours - theirs,
                    "low": float(low),
                    "high": float(high),
                }
            )
        return found

    def __str__(self):
        head = f"{self.n} test rows; base {100 * self.base_accuracy:.2f} %"
        if self.has_global:
            head += f", global {100 * self.global_accuracy:.2f} %"
        else:
            head += "; accuracies count an abstention as right"
        names = ("router", "asked", "realised", "accuracy", "at coverage", "interval")
        lines = [f"{names[0]:16}" + "".join(f"{name:>13}" for name in names[1:])]
        lines += [
            f"{r['router']:16}{r['coverage']:>13.2f}{r['realised_coverage']:>13.3f}"
            f"{r['accuracy']:>13.4f}{r['accuracy_at_coverage']:>13.4f}"
            f"  {r['accuracy_low']:.4f}-{r['accuracy_high']:.4f}"
            for r in self.rows
        ]
        return "\n".join([head, *lines])


def compare_routers(
    train,
    test,
    routers=None,
    coverages=(0.9, 0.8, 0.7),
    *,
    n_bootstrap=500,
    confidence=0.95,
    random_state=None,
    progress=False,
):
    """Fit routers on one part of the outcomes and judge them on another.

    Parameters
    ----------
    train, test : Outcomes
        Disjoint rows; the models were fitted on neither.
    routers : sequence of (str or BaseRouter) or None, default=None
        None takes every registered router that the evidence allows, except those that
        train a network, and the bounds.
    coverages : sequence of float, default=(0.9, 0.8, 0.7)
    n_bootstrap : int, default=500
        Resamples of the test rows, the same for every router.
    confidence : float, default=0.95
        Of the intervals.
    random_state : int, RandomState instance or None, default=None
        For the resamples and the routers.
    progress : bool, default=False
        Show a bar if it takes longer than two seconds.

    Returns
    -------
    RouterComparison

    Raises
    ------
    ValueError
        When a router is unknown, a coverage is no share, or a router lacks evidence.

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
    for coverage in coverages:
        if coverage is None:
            raise ValueError("coverages must be numbers in [0, 1]. Got None.")
        check_coverage(coverage)
    routers = default_routers(train) if routers is None else list(routers)
    labels = _labels(routers)
    judged = []
    steps = [
        (router, label, coverage)
        for router, label in zip(routers, labels, strict=True)
        for coverage in coverages
    ]
    cache = {}
    for router, label, coverage in tqdm(
        steps, delay=2, disable=not progress, leave=False
    ):
        row, score, curve = _judge(router, coverage, train, test, random_state, cache)
        judged.append(({"router": label, **row}, score, curve))
    rows = [row for row, _, _ in judged]
    replicates = bootstrap_accuracy(
        [score for _, score, _ in judged],
        test.base_utility,
        test.answer_if_queried,
        [row["coverage"] for row in rows],
        n_bootstrap=n_bootstrap,
        sample_weight=test.sample_weight,
        random_state=random_state,
    )
    low, high = interval(replicates, confidence)
    for i, row in enumerate(rows):
        row["accuracy_low"], row["accuracy_high"] = float(low[i]), float(high[i])
    weight = test.weight / test.weight.sum()
    return RouterComparison(
        rows=rows,
        curves={(row["router"], row["coverage"]): curve for row, _, curve in judged},
        base_accuracy=float(weight @ test.base_utility),
        global_accuracy=float(weight @ test.answer_if_queried),
        has_global=test.has_global,
        n=test.n_rows,
        confidence=confidence,
        _replicates=replicates,
    )


def default_routers(outcomes):
    """Names of the routers that this evidence allows, and the bounds."""
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


def _labels(routers):
    """A name for each router; those that share one are told apart by their repr."""
    names = [router_name(router) for router in routers]
    return [
        name if names.count(name) == 1 else repr(router)
        for name, router in zip(names, routers, strict=True)
    ]


def _judge(router, coverage, train, test, random_state, cache):
    """One row of the table, the scores of the test rows, and their curve."""
    made = make_router(router, target_coverage=coverage, random_state=random_state)
    # A router that is trained for a coverage is fitted anew for each.
    trained_for = coverage if "target_coverage" in made.get_params(deep=False) else None
    key = id(router) if not isinstance(router, str) else router, trained_for
    if key not in cache:
        train_score = made.fit_score(train)
        test_score = made.query_score(test if made.is_bound else test.evidence)
        curve = accuracy_coverage_curve(
            test_score, test.base_utility, test.answer_if_queried, test.sample_weight
        )
        calibration = CalibrationScores(train_score, train.sample_weight, exact=False)
        cache[key] = calibration, test_score, curve
    calibration, test_score, curve = cache[key]
    row = {"coverage": float(coverage)}
    at_coverage = float(curve.accuracy_at(coverage))
    if made.is_bound:
        # A bound has few distinct scores and is not deployed: no threshold to judge.
        row["realised_coverage"] = float(
            np.clip(coverage, curve.coverage[0], curve.coverage[-1])
        )
        row["accuracy"] = at_coverage
    else:
        threshold, _ = calibration.cut(coverage)
        kept = test_score <= threshold
        utility = np.where(kept, test.base_utility, test.answer_if_queried)
        weight = test.weight / test.weight.sum()
        row["realised_coverage"] = float(weight @ kept)
        row["accuracy"] = float(weight @ utility)
    row["accuracy_at_coverage"] = at_coverage
    return row, test_score, curve


def _frame(rows, columns):
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "to_frame needs pandas: pip install pandas. The same rows are in .rows."
        ) from error
    return pd.DataFrame(rows, columns=list(columns))
