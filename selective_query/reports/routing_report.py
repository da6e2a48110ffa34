"""RoutingReport: the figures of a report, and all that is said about them."""

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
N_BOOTSTRAP = 40, 200  # resamples, fewer of many rows:
MOST_DRAWN = 2e7  # in all of them together


class RoutingReport(Bunch):
    """How a hybrid, a policy or an abstaining classifier did on new rows.

    A mapping of figures, whose items are attributes too: ``accuracy`` (of abstention:
    on what is answered), ``coverage``, ``n``, ``n_queried``, ``base_accuracy``,
    ``global_accuracy``, ``base_accuracy_on_kept`` and ``global_accuracy_on_queried``.
    Printed it is text, in a notebook a picture, and :meth:`to_html` writes a page of
    it. It is made by the ``report`` of these.

    Parameters
    ----------
    rows : DecidedRows
    operating_point : OperatingPoint or None, default=None
        Where the rule is cut.
    calibration : dict or None, default=None
        Of the rows that the threshold comes from, as in :func:`gap_attribution`.
    deployment : Deployment or None, default=None
        For costs.
    value : float or None, default=None
        Money that a right answer is worth, for the routing verdict.
    model : estimator or None, default=None
        For its diagram.
    confidence : float, default=0.95
        Of all intervals and verdicts.

    Raises
    ------
    TypeError
        When `deployment` is none.
    ValueError
        When `confidence` or `value` is out of range, `value` is given without a
        deployment, or either with a classifier that abstains.

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
                    "deployment= says what queries cost, and who abstains makes none. "
                    "Leave it out."
                )
        # Not as items: those are the figures.
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
            self.routing_verdict  # noqa: B018 - refuses early what it cannot weigh

    def __setstate__(self, state):
        vars(self).update(state)  # which a Bunch forgets

    @property
    def is_abstention(self):
        """Whether a query means that nobody answers."""
        return not self.rows.has_global

    @property
    def n_abstained(self):
        """Rows that nobody answers, 0 where there is a global."""
        return self.n_queried if self.is_abstention else 0

    @property
    def knows_all(self):
        """Whether both sides were asked about every row."""
        return self.rows.knows_all

    @property
    def global_alone(self):
        """Accuracy of the global, with the base where rows must stay; nan if unknown.

        On the same rows as ``accuracy`` and ``base_accuracy``, while
        ``global_accuracy`` is of those that the global was asked about.
        """
        if self.is_abstention or not self.knows_all or not self.n:
            return np.nan
        return float(np.average(self.rows.query_utility, weights=self.rows.weights))

    @property
    def verdict(self):
        """What the operating point gives, in a sentence."""
        return _words.verdict(self)

    @cached_property
    def intervals(self):
        """Of each figure that is a share, (low, high); nan where there is nothing."""
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
        """How much more accurate the pair is than each side alone, by its name."""
        return _verdict.leads(self.rows, self.confidence)

    @cached_property
    def costs(self):
        """Of an input, by system and cost; None without a deployment."""
        if self.deployment is None or not self.n:
            return None
        stays = self.rows.share_that_stays
        return _verdict.system_costs(self.deployment, self.coverage, stays)

    @cached_property
    def spending(self):
        """What was spent, against each limit on costs that the budget holds.

        A list of dicts: ``budget`` (text), ``unit`` (empty for money), ``spent`` (of an
        input, on average or as the limit has it), ``total`` (of all rows; None where it
        does not add up, as time), and ``is_kept``, whether these rows keep to the
        limit. All are None where the rows do not say what a query costs.
        """
        if not self.n or self.operating_point is None:
            return []
        return spending(self.rows, self.operating_point.budget)

    @cached_property
    def routing_verdict(self):
        """Whether to route at all, a RoutingVerdict; None without `value`."""
        return None if self.value is None or not self.n else self.weigh(self.value)

    def weigh(self, value, cost=None):
        """Which is worth most: the pair, the base alone, or the global alone.

        Parameters
        ----------
        value : float
            Money that a right answer is worth.
        cost : callable or None, default=None
            Money of an input, from the deployment and a coverage, as of
            :func:`~selective_query.planning.routing_verdict`: carbon, energy or time
            with a price of theirs. None is the price of the deployment.

        Returns
        -------
        RoutingVerdict

        Raises
        ------
        ValueError
            When there is no deployment, or the global was not asked about all rows.
        """
        if self.deployment is None:
            raise ValueError(
                "value= is weighed against costs of a deployment=, and there is none. "
                "Give both, or neither."
            )
        if not self.knows_all:
            raise ValueError(
                "value= needs what the global says of every row, and it was asked "
                "about queried ones alone. Set query_all=True."
            )
        point, deployment = self.operating_point, self.deployment
        return _verdict.worth(
            self.rows, point, deployment, value, cost, self.confidence
        )

    @cached_property
    def gap(self):
        """Where accuracy goes, a GapAttribution.

        None where the global was not asked about all rows, and where groups have
        thresholds of their own.
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
        """What other operating points would give and cost; None without rows.

        Where the global was asked about queried rows alone, from their share on.
        """
        if not self.n:
            return None
        return ReportCurve.of(self.rows, self.deployment, self.confidence)

    def who_is_queried(self):
        """Share of queries by group, or else by class.

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
        """Rows that show what queries do, by their ids or positions.

        Parameters
        ----------
        n : int, default=5
            Names of each kind at most.

        Returns
        -------
        dict of str to dict
            ``what`` it means, ``count`` and ``names``, by kind.
        """
        return _queried.examples(self.rows, check_whole(n, "n", 1))

    def to_html(self, path=None):
        """One HTML page, with an explorer of other operating points.

        It holds all that it needs, and asks nothing of a network.

        Parameters
        ----------
        path : str or Path, optional
            Where to write it.

        Returns
        -------
        str or None
            The page, where no path is given.
        """
        page = _page.whole(self)
        if path is None:
            return page
        Path(path).write_text(page, encoding="utf-8")
        return None

    def to_dict(self):
        """What is said, as plain data for JSON.

        Returns
        -------
        dict
            Of strict JSON: None stands for a figure that is not known, and for one that
            is not finite.
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
