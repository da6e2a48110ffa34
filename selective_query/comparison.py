"""compare_routers: routers and bounds side by side on rows they did not learn from."""

from dataclasses import dataclass, field

import numpy as np
from tqdm.auto import tqdm

from selective_query.budgets.thresholds import CalibrationScores
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics.curves import accuracy_coverage_curve
from selective_query.metrics.multiplicity import check_inference
from selective_query.metrics.paired_scores import PairedScores, check_compared
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
# Against the reference of the comparison.
DIFFERENCE_COLUMNS = ("difference", "p_adjusted", "verdict")
MARKS = {"better": "+", "worse": "-"}


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
    reference : str
        The router that the others are held against.
    """

    rows: list
    curves: dict
    base_accuracy: float
    global_accuracy: float
    has_global: bool
    n: int
    confidence: float
    reference: str
    _paired: PairedScores = field(repr=False)

    def to_frame(self):
        """The rows as a pandas DataFrame.

        Returns
        -------
        DataFrame
            ``router``; ``coverage`` asked for; ``realised_coverage`` and ``accuracy``
            on the test rows at the threshold learned on the training rows;
            ``accuracy_at_coverage`` at exactly the asked share of the test rows, ties
            averaged: what routers are compared by; ``accuracy_low`` and
            ``accuracy_high``, the interval of the latter by itself; ``difference`` to
            the reference at this coverage, ``p_adjusted`` and ``verdict`` as of
            :meth:`differences`.

        Raises
        ------
        ImportError
            When pandas is not installed.
        """
        columns = (*COLUMNS, *DIFFERENCE_COLUMNS)
        return _frame([{**other, **row} for row, other in self._against()], columns)

    def differences(self, reference=None, *, margin=None, adjust="max_t"):
        """Accuracy at coverage minus that of one router, on the same rows.

        All routers and coverages are one family: ``p_adjusted`` and the simultaneous
        interval hold for the most striking of them as for any other. The verdict is
        "better" or "worse" where the adjusted difference is shown at the confidence of
        the comparison; else "not inferior" where a margin was given and the
        simultaneous interval lies above minus the margin; else "no difference shown".

        Parameters
        ----------
        reference : str or None, default=None
            None takes the reference of the comparison.
        margin : float or None, default=None
            Largest loss of accuracy that does not matter; 0.005 is half a point.
        adjust : {"max_t", "holm", None}, default="max_t"
            The largest statistic's own distribution, which uses that all routers are
            judged on the same rows; Holm's procedure; or no adjustment.

        Returns
        -------
        list of dict
            One for each router and coverage: ``router``, ``reference``, ``coverage``,
            ``difference``; ``low``, ``high``, ``p_value`` of each by itself;
            ``p_adjusted``, ``low_simultaneous``, ``high_simultaneous``,
            ``not_inferior`` (None without a margin), ``verdict``.

        Raises
        ------
        ValueError
            When the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        coverages = list(dict.fromkeys(row["coverage"] for row in self.rows))
        return self._paired.differences(
            reference, coverages, margin=margin, adjust=adjust
        )

    def differences_over(
        self, coverage_range, reference=None, *, margin=None, adjust="max_t"
    ):
        """Accuracy minus that of one router over a range of coverage.

        A router trained for several coverages is judged as trained for the first.

        Parameters
        ----------
        coverage_range : (float, float)
        reference, margin, adjust
            As of :meth:`differences`; the margin is for the mean.

        Returns
        -------
        list of dict
            One for each router. ``difference`` is the mean over the range, with the
            keys of :meth:`differences`, ``coverage_low`` and ``coverage_high``.
            ``p_sup`` tests whether the curves differ anywhere in the range, by the
            largest difference in standard errors (``sup_statistic``, at
            ``sup_coverage``); ``p_sup_adjusted`` is Holm's over the routers.

        Raises
        ------
        ValueError
            When the reference was not compared, or a parameter is out of range.
        """
        reference = self.reference if reference is None else reference
        return self._paired.differences_over(
            reference, coverage_range, margin=margin, adjust=adjust
        )

    def bands(self, router, coverages=None, *, reference=None):
        """The curve of a router, or its difference to another's, with a band.

        A router trained for several coverages shows the curve of the first.

        Parameters
        ----------
        router : str
        coverages : array-like of shape (n_coverages,), optional
            Rising; 0, 0.01, ..., 1 by default.
        reference : str or None, default=None
            The band of the difference to this router instead.

        Returns
        -------
        CurveBand
            ``coverage``, ``estimate``; ``low`` and ``high``, between which the whole
            curve lies with the comparison's confidence; ``low_pointwise`` and
            ``high_pointwise``; ``p_value`` of a difference anywhere.

        Raises
        ------
        ValueError
            When a router was not compared, or coverages are no rising shares.
        """
        return self._paired.band(router, coverages, reference=reference)

    def __str__(self):
        head = f"{self.n} test rows; base {100 * self.base_accuracy:.2f} %"
        if self.has_global:
            head += f", global {100 * self.global_accuracy:.2f} %"
        else:
            head += "; accuracies count an abstention as right"
        names = ("router", "asked", "realised", "accuracy", "at coverage", "interval")
        lines = [f"{names[0]:16}" + "".join(f"{name:>13}" for name in names[1:])]
        pairs = self._against()
        lines += [
            f"{r['router']:16}{r['coverage']:>13.2f}{r['realised_coverage']:>13.3f}"
            f"{r['accuracy']:>13.4f}{r['accuracy_at_coverage']:>13.4f}"
            f"  {r['accuracy_low']:.4f}-{r['accuracy_high']:.4f}"
            f"  {MARKS.get(other['verdict'], '')}".rstrip()
            for r, other in pairs
        ]
        n_others = sum(row["router"] != self.reference for row in self.rows)
        if n_others:
            lines.append(
                f"+ better, - worse at coverage than {self.reference}: shown at "
                f"{100 * self.confidence:g} % for all {n_others} differences together; "
                "without a mark, not shown."
            )
        return "\n".join([head, *lines])

    def _against(self):
        """Each row, and its difference to the reference."""
        found = {(d["router"], d["coverage"]): d for d in self.differences()}
        return [(row, found[row["router"], row["coverage"]]) for row in self.rows]


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
    """Fit routers on one part of the outcomes and judge them on another.

    Parameters
    ----------
    train, test : Outcomes
        Disjoint rows; the models were fitted on neither.
    routers : sequence of (str or BaseRouter) or None, default=None
        None takes every registered router that the evidence allows, except those that
        train a network, and the bounds.
    coverages : sequence of float, default=(0.9, 0.8, 0.7)
    reference : str or None, default=None
        Name of the router that the others are held against; None takes
        max_probability where it is compared, else the first.
    n_bootstrap : int, default=10_000
        Draws of multipliers on the test rows, the same for every router, for what
        holds of several differences together.
    confidence : float, default=0.95
        Of the intervals and verdicts.
    random_state : int, RandomState instance or None, default=None
        For the routers and the draws.
    progress : bool, default=False
        Show a bar if it takes longer than two seconds.

    Returns
    -------
    RouterComparison

    Raises
    ------
    ValueError
        When a router is unknown or lacks evidence, or a parameter is out of range.

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
    for values, name in ((routers, "routers"), (coverages, "coverages")):
        if not len(values):
            raise ValueError(f"{name} must not be empty. Got {values!r}. Give one.")
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
    for router, label, coverage in tqdm(
        steps, delay=2, disable=not progress, leave=False
    ):
        row, score, curve = _judge(router, coverage, train, test, random_state, cache)
        judged.append(({"router": label, **row}, score, curve))
    rows = [row for row, _, _ in judged]
    scores = {}
    for row, score, _ in judged:
        scores.setdefault(row["router"], {})[row["coverage"]] = score
    paired = PairedScores(
        scores,
        test.base_utility,
        test.answer_if_queried,
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
        global_accuracy=float(weight @ test.answer_if_queried),
        has_global=test.has_global,
        n=test.n_rows,
        confidence=confidence,
        reference=reference,
        _paired=paired,
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
        train_score = train.keep_local(made.fit_score(train))
        test_score = test.keep_local(
            made.query_score(test if made.is_bound else test.evidence)
        )
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
        threshold = calibration.cut(coverage)[0]
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
