"""ChainReport: the figures of a chain's report, with a printed form."""

import math

from sklearn.utils import Bunch

from selective_query._utils.plain import as_json
from selective_query.metrics._sentences import percent
from selective_query.reports._words import number, spending_lines, tabled


class ChainReport(Bunch):
    """How a chain of tiers performed on new rows.

    A mapping of figures, which are also attributes: ``accuracy`` on answered rows,
    ``n``, ``abstained`` (share of all inputs), ``cost`` (mean per input; nan if costs
    are unknown), and, as tuples over the tiers, ``n_asked``, ``n_answered``, ``shares``
    (of the weight of all inputs) and ``accuracies`` on the rows that each tier answers;
    nan if there are none. It is returned by
    :meth:`~selective_query.CascadeClassifier.report`, and prints as a table.

    Parameters
    ----------
    names : sequence of str
        Names of the tiers, in the order in which they are queried.
    spending : sequence of dict, default=()
        Costs incurred, compared with each limit on the cost of tiers; as in
        :class:`RoutingReport`.
    **figures : object

    Examples
    --------
    >>> from selective_query.reports import ChainReport
    >>> print(ChainReport(
    ...     ["small", "large"], accuracy=0.9, n=100, abstained=0.0, cost=3.2,
    ...     n_asked=(100, 20), n_answered=(80, 20), shares=(0.8, 0.2),
    ...     accuracies=(0.925, 0.8),
    ... ))
    The chain is right on 90 % of 100 inputs, at a mean cost of 3.2.
    <BLANKLINE>
    tier         asked  answered     share     right
    small          100        80    80.0 %    92.5 %
    large           20        20    20.0 %    80.0 %
    """

    def __init__(self, names, *, spending=(), **figures):
        super().__init__(**figures)
        # Attributes, but not figures.
        vars(self).update(names=tuple(names), spending=list(spending))

    def __setstate__(self, state):
        vars(self).update(state)  # Bunch would drop it

    @property
    def verdict(self):
        """What the chain achieves, in one sentence."""
        if not self.n:
            return "There are no rows to report on."
        said = f"The chain is right on {percent(self.accuracy)} of {self.n:,} inputs"
        if self.abstained > 0:
            said = (
                f"The chain answers {percent(1 - self.abstained)} of {self.n:,} inputs "
                f"and is right on {percent(self.accuracy)} of those"
            )
        if math.isnan(self.accuracy):
            said = f"None of the {self.n:,} inputs is answered"
        if not math.isnan(self.cost):
            said += f", at a mean cost of {number(self.cost)}"
        return f"{said}."

    def to_dict(self):
        """The report as plain data for JSON.

        Returns
        -------
        dict
            The figures, with ``verdict``, the names of the ``tiers`` and ``spending``;
            unknown figures are None.
        """
        said = {"verdict": self.verdict, "tiers": self.names}
        return as_json({**self, **said, "spending": self.spending})

    def __str__(self):
        width = max(8, *map(len, self.names))
        head = "".join(f"{n:>10}" for n in ("asked", "answered", "share", "right"))
        columns = self.n_asked, self.n_answered, self.shares, self.accuracies
        lines = [
            f"{name:{width}}{asked:>10,}{answered:>10,}{tabled(share):>10}"
            f"{'' if math.isnan(right) else tabled(right):>10}".rstrip()
            for name, asked, answered, share, right in zip(
                self.names, *columns, strict=True
            )
        ]
        table = [f"{'tier':{width}}{head}", *lines]
        spent = spending_lines(self)
        return "\n".join([self.verdict, "", *table, *[""] * bool(spent), *spent])

    def __repr__(self):
        return str(self)
