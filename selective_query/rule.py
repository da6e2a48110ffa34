"""Rule: a query score and its threshold. Makes all decisions."""

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
    """A fitted router with its threshold: it decides, and never learns.

    :meth:`RoutingPolicy.fit` creates it as ``rule_``. It is all that another machine
    needs to make the same decisions.

    Parameters
    ----------
    router : BaseRouter
        With a fitted router.
    operating_point : OperatingPoint or None, default=None
        One threshold or one for each group, with its budget and certificate. None until
        the threshold is learned; such a rule ranks but cannot decide.
    local : tuple of StayLocal, default=()
        Budgets that mark rows which must stay with the base.
    columns : tuple of (str, int), default=()
        Number of classes of each part of the evidence with class columns.
    classes : ndarray of shape (n_classes,) or None, default=None
        Label of each of these columns; evidence with other labels is refused.
    calibration : str or None, default=None
        A digest of the calibration scores, which distinguishes this rule from the rule
        of another base. None if they are unknown.
    headroom : tuple of float, default=()
        How far each threshold may rise before it reaches the next calibration score; an
        exported artefact with rounding needs some of it. Empty if they are unknown.

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
        """The requested budget; None for a positive benefit, or without a threshold."""
        return self.operating_point and self.operating_point.budget

    @property
    def certificate(self):
        """The guarantee about the budget on new data; None without a threshold."""
        return self.operating_point and self.operating_point.certificate

    @property
    def needs_base(self):
        """Whether a decision needs the base's output, for the router or the budget."""
        if self.router.needs_base:
            return True
        return self.budget is not None and self.budget.reads_base

    def cut(self, operating_point, scores=None):
        """A copy of the rule with another operating point.

        Parameters
        ----------
        operating_point : OperatingPoint
        scores : ndarray of shape (n_rows,) or None, default=None
            Scores of the calibration rows that the operating point comes from, if
            known.

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
        """How much a query is expected to gain.

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
            If it is not Evidence.
        ValueError
            If its number of classes, or its classes, differ from those in ``fit``.
        """
        if not isinstance(evidence, Evidence):
            raise TypeError(
                "A rule decides on Evidence: Evidence(base_proba=). Got "
                f"{type(evidence).__name__}."
            )
        self._check_columns(evidence)
        return self.masked(scores_of(self.router, evidence), evidence)

    def masked(self, score, evidence):
        """Scores of the router, with minus infinity where a row must stay.

        Parameters
        ----------
        score : ndarray of shape (n_samples,)
        evidence : Evidence
            Evidence of the same rows.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        if not self.local and evidence.local_only is None:
            return score
        return np.where(rows_that_stay(self.local, evidence), -np.inf, score)

    def decide(self, evidence):
        """Whether the base answers, for each row.

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
            If the threshold is not learned yet.
        """
        return self.scored(evidence)[1]

    def scored(self, evidence):
        """Scores, and whether the base answers, for each row.

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
            If the threshold is not learned yet.
        """
        self.check_cut()
        score = self.score(evidence)
        return score, self.operating_point.keeps(score, evidence)

    def check_cut(self):
        """Raise a NotFittedError if the threshold is not learned yet."""
        if self.operating_point is None:
            raise NotFittedError(
                "This rule ranks and has no threshold yet, so that it cannot decide. "
                "Take rule_ of a fitted policy, or cut(operating_point)."
            )

    def queried(self, outcomes):
        """The rows that this rule queries.

        Parameters
        ----------
        outcomes : Evidence or Outcomes

        Returns
        -------
        The same type
        """
        return outcomes.take(~self.decide(outcomes))

    def report(self, outcomes, *, deployment=None, value=None):
        """Report how the rule performs on rows that it has not seen.

        Parameters
        ----------
        outcomes : Outcomes
        deployment : Deployment or None, default=None
            For costs. If its ``router_macs`` is 0, the cost of the router is filled in.
        value : float or None, default=None
            Monetary value of a right answer, for a verdict on whether to route.

        Returns
        -------
        RoutingReport
            A mapping of figures, such as ``accuracy`` and ``coverage``, which prints
            itself and renders as a page.

        Raises
        ------
        TypeError
            If the argument is not Outcomes.

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
        """Report on rows that this rule has decided.

        Parameters
        ----------
        rows : DecidedRows
        evidence : Evidence
            Evidence of at least one of these rows, to compute the cost of a decision.
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
            If it cannot be written as plain data: a router without a program, or a
            budget or function of the user's.
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
        """Rebuild the rule that `to_dict` wrote, after checking every part.

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
            If the format differs, or a part is missing, unknown or damaged.
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

    # Fields that files of older releases do not have.
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
    """Class labels as a rule stores them: text or numbers, otherwise None."""
    if classes is None or kind_of(classes) not in ("text", "numbers"):
        return None
    return np.array(classes.tolist())
