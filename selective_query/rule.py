"""Rule: how much a query is worth, and where that is cut. All that decides."""

import hashlib
from dataclasses import dataclass, replace

import numpy as np
from sklearn.exceptions import NotFittedError

from selective_query._utils.labels import kind_of
from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import check_instance
from selective_query.budgets import OperatingPoint, StayLocal
from selective_query.budgets._columns import rows_that_stay
from selective_query.budgets._plain import checked_parts, from_plain, to_plain
from selective_query.outcomes import Evidence, Outcomes
from selective_query.planning import charged
from selective_query.reports import RoutingReport
from selective_query.reports._rows import DecidedRows
from selective_query.routers import BaseRouter, ProgramRouter
from selective_query.routers._scores import scores_of
from selective_query.routers.program import Program

# Raised whenever plain data of an older release can no longer be read as they are.
FORMAT = 1


@dataclass(frozen=True, eq=False)
class Rule:
    """A fitted router and where its scores are cut: what decides, and never learns.

    It is what :meth:`RoutingPolicy.fit` makes, in ``rule_``, and all that another
    machine needs to decide in the same way.

    Parameters
    ----------
    router : BaseRouter
        Fitted.
    operating_point : OperatingPoint or None, default=None
        One threshold or one for each group, with its budget and certificate. None until
        the threshold is learned; such a rule ranks and does not decide.
    local : tuple of StayLocal, default=()
        What names rows that must stay with the base.
    columns : tuple of (str, int), default=()
        How many classes each part of the evidence has a column for.
    classes : ndarray of shape (n_classes,) or None, default=None
        Label of each of these columns; evidence that says otherwise is refused.
    calibration : str or None, default=None
        A digest of the scores that it was cut on, which tells the rule of another base
        from this one. None where they are not known.
    headroom : tuple of float, default=()
        By how much each threshold may rise before it reaches the next of these scores;
        an artefact that rounds needs some of it. Empty where they are not known.

    Examples
    --------
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> rule = RoutingPolicy("margin", coverage=0.8).fit(outcomes).rule_
    >>> rule.queried(outcomes).n_rows
    199
    """

    router: BaseRouter
    operating_point: OperatingPoint | None = None
    local: tuple[StayLocal, ...] = ()
    columns: tuple[tuple[str, int], ...] = ()
    classes: np.ndarray | None = None
    calibration: str | None = None
    headroom: tuple[float, ...] = ()

    @property
    def budget(self):
        """What was asked for; None for a positive benefit, and before it is cut."""
        return self.operating_point and self.operating_point.budget

    @property
    def certificate(self):
        """What is known about the budget on new data; None before it is cut."""
        return self.operating_point and self.operating_point.certificate

    @property
    def needs_base(self):
        """Whether a decision needs what the base says, for router or budget."""
        if self.router.needs_base:
            return True
        return self.budget is not None and self.budget.reads_base

    def cut(self, operating_point, scores=None):
        """A copy of the rule, cut at another operating point.

        Parameters
        ----------
        operating_point : OperatingPoint
        scores : ndarray of shape (n_rows,) or None, default=None
            Of the calibration rows that the point comes from, where they are known.

        Returns
        -------
        Rule
        """
        calibration, headroom = None, ()
        if scores is not None:
            scores = np.ascontiguousarray(scores, dtype=float)
            calibration = hashlib.sha256(scores).hexdigest()
            headroom = tuple(_headroom(t, scores) for t in _thresholds(operating_point))
        return replace(
            self,
            operating_point=operating_point,
            calibration=calibration,
            headroom=headroom,
        )

    def score(self, evidence):
        """How much a query would gain.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher means query first; minus infinity where a row must stay.

        Raises
        ------
        TypeError
            When it is no Evidence.
        ValueError
            When it is of another number of classes than in ``fit``, or of other ones.
        """
        if not isinstance(evidence, Evidence):
            raise TypeError(
                "A rule decides on Evidence: Evidence(base_proba=). Got "
                f"{type(evidence).__name__}."
            )
        self._check_columns(evidence)
        return self.masked(scores_of(self.router, evidence), evidence)

    def masked(self, score, evidence):
        """Scores of a router, with minus infinity where a row must stay.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Of the same rows.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if not self.local and evidence.local_only is None:
            return score
        return np.where(rows_that_stay(self.local, evidence), -np.inf, score)

    def decide(self, evidence):
        """Whether the base answers, row by row.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers, False where the global is queried.

        Raises
        ------
        NotFittedError
            When the threshold is not learned yet.
        """
        return self.scored(evidence)[1]

    def scored(self, evidence):
        """Scores, and whether the base answers, row by row.

        Parameters
        ----------
        evidence : Evidence

        Returns
        -------
        score : ndarray of shape (n_samples,)
        kept : ndarray of shape (n_samples,), bool

        Raises
        ------
        NotFittedError
            When the threshold is not learned yet.
        """
        self.check_cut()
        score = self.score(evidence)
        return score, self.operating_point.keeps(score, evidence)

    def check_cut(self):
        """Raise a NotFittedError where the threshold is not learned yet."""
        if self.operating_point is None:
            raise NotFittedError(
                "This rule ranks and has no threshold yet, so that it cannot decide. "
                "Take rule_ of a fitted policy, or cut(operating_point)."
            )

    def queried(self, outcomes):
        """The rows that this rule passes on.

        Parameters
        ----------
        outcomes : Evidence or Outcomes

        Returns
        -------
        The same type
        """
        return outcomes.take(~self.decide(outcomes))

    def report(self, outcomes, *, deployment=None, value=None):
        """How well the rule does on rows that it has not seen.

        Parameters
        ----------
        outcomes : Outcomes
        deployment : Deployment or None, default=None
            For costs. Where ``router_macs`` is 0, that of the router is put in.
        value : float or None, default=None
            Money that a right answer is worth, for a verdict on whether to route.

        Returns
        -------
        RoutingReport
            A mapping of figures, such as ``accuracy`` and ``coverage``, which prints
            itself and makes a page.

        Raises
        ------
        TypeError
            When these are no Outcomes.

        Examples
        --------
        >>> from selective_query import RoutingPolicy
        >>> from selective_query.datasets import make_selective_query
        >>> train = make_selective_query(1000, random_state=0).outcomes
        >>> test = make_selective_query(1000, random_state=1).outcomes
        >>> rule = RoutingPolicy("margin", coverage=0.8).fit(train).rule_
        >>> report = rule.report(test)
        >>> report.n_queried, report.accuracy > report.base_accuracy
        (220, True)
        """
        check_instance(
            outcomes, "outcomes", Outcomes, "Outcomes(base_proba=, global_proba=, y=)."
        )
        rows = DecidedRows.of_outcomes(self, outcomes)
        return self.reported(rows, outcomes, deployment=deployment, value=value)

    def reported(self, rows, evidence, *, deployment=None, **options):
        """The report of rows that this rule decided.

        Parameters
        ----------
        rows : DecidedRows
        evidence : Evidence
            Of one of these rows at least, for what a decision costs.
        deployment : Deployment or None, default=None
        **options : object
            For :class:`~selective_query.reports.RoutingReport`.

        Returns
        -------
        RoutingReport
        """
        if deployment is not None and evidence.n_rows:
            deployment = charged(deployment, self.router, evidence)
        return RoutingReport(
            rows, self.operating_point, deployment=deployment, **options
        )

    def to_dict(self):
        """The rule as plain data: strings, numbers, lists, dicts and arrays.

        Returns
        -------
        dict

        Raises
        ------
        TypeError
            When it has no such form: a router without a program, a budget or a function
            of the user's.
        """
        return {
            "format": FORMAT,
            "program": self.router.program().to_dict(),
            "in_benefit_units": self.router.in_benefit_units,
            "operating_point": to_plain(self.operating_point),
            "local": to_plain(self.local),
            "columns": to_plain(self.columns),
            "classes": to_plain(self.classes),
            "calibration": self.calibration,
            "headroom": to_plain(self.headroom),
        }

    @classmethod
    def from_dict(cls, data):
        """The rule that `to_dict` wrote, once all of it has been checked.

        Its router is a :class:`~selective_query.routers.ProgramRouter`.

        Parameters
        ----------
        data : dict

        Returns
        -------
        Rule

        Raises
        ------
        ValueError
            When it is of another format, or a part is missing, unknown or damaged.
        """
        if isinstance(data, dict):
            data = {**cls._ONCE_UNKNOWN, **data}
        data = checked_parts(data, "A rule", FORMAT, cls._PARTS)
        columns = from_plain(data["columns"], tuple[tuple[str, int], ...])
        for name, n_classes in columns:
            check_whole(n_classes, name, 1)
        program = Program.from_dict(data["program"])
        program.check_is_score()
        router = ProgramRouter(program, from_plain(data["in_benefit_units"], bool))
        local = from_plain(data["local"], tuple[StayLocal, ...])
        operating_point = from_plain(data["operating_point"], OperatingPoint)
        classes = from_plain(data["classes"], np.ndarray | None)
        if classes is not None and classes.shape != (len(np.unique(classes)),):
            raise ValueError(f"classes must list each label once. Got {classes!r:.60}.")
        calibration = from_plain(data["calibration"], str | None)
        headroom = from_plain(data["headroom"], tuple[float, ...])
        n_cuts = len(_thresholds(operating_point)) if operating_point else 0
        if len(headroom) not in (0, n_cuts) or not all(h >= 0 for h in headroom):
            raise ValueError(
                "headroom must be a number >= 0 for each threshold, or empty. Got "
                f"{headroom[:5]}."
            )
        return cls(
            router, operating_point, local, columns, classes, calibration, headroom
        )

    # What rules in files of older releases do not tell.
    _ONCE_UNKNOWN = {"classes": None, "calibration": None, "headroom": []}
    _PARTS = (
        "program", "in_benefit_units", "operating_point", "local", "columns", "classes",
        "calibration", "headroom",
    )  # fmt: skip

    def _check_columns(self, evidence):
        expected = dict(self.columns)
        for name, n_classes in evidence.class_columns().items():
            if n_classes != expected.get(name, n_classes):
                raise ValueError(
                    f"The policy was fitted on {expected[name]} classes, and {name} "
                    f"must have a column for each. Got {n_classes}. Give zeros for a "
                    "class that the model does not know, or fit a policy on these "
                    "classes."
                )
        named = self.classes is not None and evidence.classes is not None
        if named and not np.array_equal(self.classes, evidence.classes):
            raise ValueError(
                "The policy was fitted on the classes "
                f"{self.classes[:10].tolist()}, in this order. Got "
                f"{evidence.classes[:10].tolist()}. Give classes= in both places, or "
                "frames: Evidence.from_frames(frame, classes=rule_.classes)."
            )


def _thresholds(operating_point):
    if operating_point.threshold is not None:
        return [operating_point.threshold]
    return [threshold for _, threshold in operating_point.thresholds]


def _headroom(threshold, scores):
    if not np.isfinite(threshold):
        return np.inf
    return float(scores[scores > threshold].min(initial=np.inf) - threshold)


def plain_labels(classes):
    """Labels of classes as a rule keeps them: text or numbers, else None."""
    if classes is None or kind_of(classes) not in ("text", "numbers"):
        return None
    return np.array(classes.tolist())
