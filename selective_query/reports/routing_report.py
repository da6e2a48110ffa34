"""RoutingReport: the figures of a report, and the conclusions from them."""

from functools import cached_property
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from selective_query._utils.numbers import (
    check_positive,
    check_probability,
    check_whole,
)
from selective_query._utils.plain import as_json
from selective_query._utils.validation import check_instance
from selective_query.costs.deployment import Deployment
from selective_query.metrics.attribution import gap_attribution
from selective_query.reports import _page, _queried, _verdict, _words
from selective_query.reports._curve import ReportCurve
from selective_query.reports._spending import spending

ON = {
    "base_accuracy_on_kept": ("base_utility", "kept"),
    "global_accuracy_on_queried": ("query_utility", "queried"),
    "base_accuracy": ("base_utility", None),
    "global_accuracy": ("query_utility", "judged"),
}
N_BOOTSTRAP = 40, 200  # resamples; fewer if there are many rows
MOST_DRAWN = 2e7  # rows drawn in all resamples together


class RoutingReport(Bunch):
    """How a hybrid, a policy or an abstaining classifier performed on new rows.

    A mapping of figures, which are also attributes: ``accuracy`` (with abstention, on
    answered rows), ``coverage``, ``n``, ``n_queried``, ``base_accuracy``,
    ``global_accuracy``, ``base_accuracy_on_kept`` and ``global_accuracy_on_queried``.
    It prints as text, shows as a picture in a notebook, and :meth:`to_html` writes it
    as a page. It is returned by the ``report`` methods.

    Parameters
    ----------
    rows : DecidedRows
    operating_point : OperatingPoint or None, default=None
        The operating point of the rule.
    calibration : dict or None, default=None
        The rows that the threshold comes from, as in :func:`gap_attribution`.
    deployment : Deployment or None, default=None
        For costs.
    value : float or None, default=None
        Monetary value of a right answer, for the routing verdict.
    model : estimator or None, default=None
        The model, for its diagram.
    confidence : float, default=0.95
        Confidence of all intervals and verdicts.

    Raises
    ------
    TypeError
        If `deployment` is not a Deployment.
    ValueError
        If `confidence` or `value` is out of range, `value` is given without a
        deployment, or either is given for a classifier that abstains.

    Examples
    --------
    >>> from selective_query import RoutingPolicy
    >>> from selective_query.datasets import make_selective_query
    >>> train = make_selective_query(1000, random_state=0).outcomes
    >>> test = make_selective_query(1000, random_state=1).outcomes
    >>> report = RoutingPolicy("margin", coverage=0.8).fit(train).report(test)
    >>> print(report.verdict.partition(";")[0])
    The base answers 78 % [75.3, 80.6]
    >>> report["n_queried"], report.accuracy
    (220, 0.723)
    """

    def __init__(
        self,
        rows,
        operating_point=None,
        *,
        calibration=None,
        deployment=None,
        value=None,
        model=None,
        confidence=0.95,
    ):
        super().__init__(**rows.tally().report())
        check_probability(confidence, "confidence")
        if deployment is not None:
            check_instance(deployment, "deployment", Deployment)
            if not rows.has_global:
                raise ValueError(
                    "deployment= gives the cost of queries, and an abstaining "
                    "classifier makes none. Leave it out."
                )
        # Attributes rather than items, because items are the figures.
        vars(self).update(
            rows=rows,
            operating_point=operating_point,
            calibration=calibration,
            deployment=deployment,
            value=value,
            model=model,
            confidence=float(confidence),
        )
        if value is not None and self.n:
            check_positive(value, "value")
            self.routing_verdict  # noqa: B018 - refuses early if it cannot be computed

    def __setstate__(self, state):
        vars(self).update(state)  # Bunch would drop it

    @property
    def is_abstention(self):
        """Whether a query means abstention."""
        return not self.rows.has_global

    @property
    def n_abstained(self):
        """Number of rows without an answer; 0 if there is a global."""
        return self.n_queried if self.is_abstention else 0

    @property
    def knows_all(self):
        """Whether both sides answered every row."""
        return self.rows.knows_all

    @property
    def global_alone(self):
        """Accuracy of the global, with the base on rows that must stay; nan if unknown.

        It is for the same rows as ``accuracy`` and ``base_accuracy``, whereas
        ``global_accuracy`` is for the rows that the global was queried about.
        """
        if self.is_abstention or not self.knows_all or not self.n:
            return np.nan
        return float(np.average(self.rows.query_utility, weights=self.rows.weights))

    @property
    def verdict(self):
        """The operating point in one sentence."""
        return _words.verdict(self)

    @cached_property
    def intervals(self):
        """Interval (low, high) of each share; nan if there are no rows for it."""
        rows, masks = self.rows, {"kept": self.rows.kept, "queried": ~self.rows.kept}
        masks["judged"] = slice(None) if rows.judged is None else rows.judged
        found = {
            name: rows.interval(
                getattr(rows, utility), masks.get(mask, slice(None)), self.confidence
            )
            for name, (utility, mask) in ON.items()
        }
        found["coverage"] = rows.interval(rows.kept, confidence=self.confidence)
        answered = rows.kept if self.is_abstention else slice(None)
        found["accuracy"] = rows.interval(rows.utility, answered, self.confidence)
        return found

    @cached_property
    def leads(self):
        """Lead of the pair in accuracy over each side alone, by the side's name."""
        return _verdict.leads(self.rows, self.confidence)

    @cached_property
    def costs(self):
        """Costs of an input, by system and cost; None without a deployment."""
        if self.deployment is None or not self.n:
            return None
        stays = self.rows.share_that_stays
        return _verdict.system_costs(self.deployment, self.coverage, stays)

    @cached_property
    def spending(self):
        """Costs on these rows, compared with each limit on costs in the budget.

        A list of dicts: ``budget`` (text), ``unit`` (empty for money), ``spent`` (per
        input, as a mean or the limit's statistic), ``total`` (over all rows; None for
        costs that do not add up, such as time), and ``is_kept``, whether these rows are
        within the limit. All are None if the rows have no query costs.
        """
        if not self.n or self.operating_point is None:
            return []
        return spending(self.rows, self.operating_point.budget)

    @cached_property
    def routing_verdict(self):
        """A RoutingVerdict on whether to route at all; None without `value`."""
        return None if self.value is None or not self.n else self.weigh(self.value)

    def weigh(self, value, cost=None):
        """Decide which is worth most: the pair, the base alone, or the global alone.

        Parameters
        ----------
        value : float
            Monetary value of a right answer.
        cost : callable or None, default=None
            Monetary cost of an input as a function of the deployment and a coverage, as
            for :func:`~selective_query.planning.routing_verdict`: it may include
            carbon, energy or time at a price. None uses the price of the deployment.

        Returns
        -------
        RoutingVerdict

        Raises
        ------
        ValueError
            If there is no deployment, or the global was not queried about all rows.
        """
        if self.deployment is None:
            raise ValueError(
                "value= is weighed against costs of a deployment=, and there is none. "
                "Give both, or neither."
            )
        if not self.knows_all:
            raise ValueError(
                "value= needs the global's answer to every row, but only the queried "
                "rows were sent to it. Set query_all=True."
            )
        point, deployment = self.operating_point, self.deployment
        return _verdict.worth(
            self.rows, point, deployment, value, cost, self.confidence
        )

    @cached_property
    def gap(self):
        """Attribution of lost accuracy, a GapAttribution.

        None if the global was not queried about all rows, or if groups have thresholds
        of their own.
        """
        point, rows = self.operating_point, self.rows
        if point is None or point.threshold is None or not self.knows_all or not self.n:
            return None
        return gap_attribution(
            rows.score,
            rows.base_utility,
            rows.query_utility if rows.has_global else None,
            coverage=point.asked_coverage,
            threshold=point.threshold,
            calibration=self.calibration,
            sample_weight=rows.weight,
            n_bootstrap=int(np.clip(MOST_DRAWN / self.n, *N_BOOTSTRAP)),
            confidence=self.confidence,
            random_state=0,
        )

    @cached_property
    def curve(self):
        """Accuracy and costs of other operating points; None without rows.

        If the global answered only the queried rows, it starts at their share.
        """
        if not self.n:
            return None
        return ReportCurve.of(self.rows, self.deployment, self.confidence)

    def who_is_queried(self):
        """Share of queries by group, or by class if there are no groups.

        Returns
        -------
        kind : str or None
            "group", "true class" or "class by the base".
        table : list of dict
            ``part``, ``n``, ``queried``, ``base`` and ``pair`` (accuracies), most
            queried first.
        """
        return _queried.by_part(self.rows)

    def examples(self, n=5):
        """Example rows that show what queries do, by their ids or positions.

        Parameters
        ----------
        n : int, default=5
            Maximum number of names of each kind.

        Returns
        -------
        dict of str to dict
            ``what`` describes the kind, with ``count`` and ``names``.
        """
        return _queried.examples(self.rows, check_whole(n, "n", 1))

    def to_html(self, path=None):
        """A standalone HTML page, with an explorer of other operating points.

        The page is self-contained and makes no network requests.

        Parameters
        ----------
        path : str or Path, optional
            File to write the page to.

        Returns
        -------
        str or None
            The page, if no path is given.
        """
        page = _page.whole(self)
        if path is None:
            return page
        Path(path).write_text(page, encoding="utf-8")
        return None

    def to_dict(self):
        """The report as plain data for JSON.

        Returns
        -------
        dict
            Strict JSON: figures that are unknown or not finite are None.
        """
        kind, table = self.who_is_queried()
        found = {
            **self,
            "verdict": self.verdict,
            "intervals": self.intervals,
            "operating_point": self.operating_point and str(self.operating_point),
            "leads": {name: vars(lead) for name, lead in self.leads.items()},
            "spending": self.spending,
            "costs": self.costs,
            "routing_verdict": self.routing_verdict and vars(self.routing_verdict),
            "gap": self.gap and {s.name: vars(s) for s in self.gap.steps},
            "advice": self.gap and self.gap.advice(),
            "who_is_queried": {"by": kind, "table": table},
            "examples": self.examples(),
        }
        return as_json(found)

    def __dir__(self):
        return [*object.__dir__(self), *self]

    def __str__(self):
        return _words.text(self)

    def __repr__(self):
        return str(self)

    def _repr_html_(self):
        return _page.fragment(self)
