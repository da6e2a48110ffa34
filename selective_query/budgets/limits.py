"""Limits: how many queries may be made, whatever they gain.

Each implies a minimum coverage.
"""

import math
from dataclasses import dataclass

from selective_query.budgets.base import ROUNDING, Limit, check_number
from selective_query.costs.cost_model import STATISTICS, CostModel
from selective_query.exceptions import BudgetInfeasibleError, OverloadError

HIGH = ("p90", "p95", "p99")


@dataclass(frozen=True)
class Coverage(Limit):
    """The base answers at least this share of the inputs.

    Parameters
    ----------
    minimum : float
        In [0, 1].
    """

    minimum: float

    states_coverage = True

    def __post_init__(self):
        check_number(self, "minimum", 0, 1)

    def least_coverage(self):
        return float(self.minimum)

    def __str__(self):
        return f"coverage >= {self.minimum:g}"


@dataclass(frozen=True)
class QueryRate(Limit):
    """The global is queried about at most this share of the inputs.

    Parameters
    ----------
    maximum : float
        In [0, 1].
    """

    maximum: float

    states_coverage = True

    def __post_init__(self):
        check_number(self, "maximum", 0, 1)

    def least_coverage(self):
        return float(1 - self.maximum)

    def __str__(self):
        return f"query rate <= {self.maximum:g}"


class CostLimit(Limit):
    """A bound on a cost that falls with coverage.

    Attributes
    ----------
    unit : str
        Unit of the cost; empty for money.
    adds_up : bool
        Whether the cost of several inputs is the sum of their costs.
    """

    unit = ""
    adds_up = True
    _easier = "least"

    def __post_init__(self):
        check_number(self, self._limited, 0, math.inf)
        if not (self.costs is None or isinstance(self.costs, CostModel)):
            raise TypeError(
                f"{type(self).__name__}: costs must be a CostModel, such as "
                f"ConstantCosts(...), or None within plan. Got {self.costs!r}."
            )

    @property
    def _costs(self):
        """The costs, or a TypeError if there are none."""
        if self.costs is None:
            raise TypeError(
                f"{type(self).__name__}: costs is missing. Only plan, which has a "
                "deployment already, does without. Give a CostModel, such as "
                "Deployment(...) or ConstantCosts(...)."
            )
        return self.costs

    def spent(self, coverage):
        """Cost of an input at a coverage.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
        """
        raise NotImplementedError

    def _keeps(self, coverage):
        return self.spent(coverage) <= getattr(self, self._limited)

    def allows(self, coverage):
        return self._keeps(min(coverage + ROUNDING, 1.0))

    def least_coverage(self):
        """The minimum coverage whose cost is within the limit.

        Returns
        -------
        float
            In [0, 1].

        Raises
        ------
        BudgetInfeasibleError
            If the cost exceeds the limit even without any query.
        ValueError
            If a query costs less than running the base, which it replaces, so that no
            minimum coverage represents the limit.
        OverloadError
            If the device cannot process a day's inputs even without any query.
        """
        carried = least_carried(self._costs)
        if self._keeps(1.0):
            return _least(self._keeps, carried)
        if getattr(self.costs, "router_first", False) and self._keeps(carried):
            raise ValueError(
                f"{self}: a query costs less than running the base, which it replaces "
                "here, so this limit would favour more queries. Limit another cost, or "
                "use a cheaper base."
            )
        nearest = self.spent(1.0)
        shown = f"{nearest:g} {self.unit}".rstrip()
        raise BudgetInfeasibleError(
            f"{self} cannot be kept: without any query it is {shown}. Ask for that at "
            f"{self._easier}, or use a cheaper base.",
            self,
            nearest,
        )


def least_carried(costs):
    """The minimum coverage at which device and link can process a day's inputs.

    Parameters
    ----------
    costs : CostModel

    Returns
    -------
    float

    Raises
    ------
    OverloadError
        If they cannot even without any query.
    """
    if not hasattr(costs, "check_load"):
        return 0.0
    costs.check_load(1.0)

    def carries(coverage):
        try:
            costs.check_load(coverage)
        except OverloadError:
            return False
        return True

    return _least(carries, 0.0)


def _least(keeps, low):
    """The minimum coverage of at least `low` that satisfies `keeps`, as 1 does."""
    if keeps(low):
        return low
    # The cost may be a step function, so search for where the test changes.
    high = 1.0
    while high - low > 1e-12:
        middle = (low + high) / 2
        low, high = (low, middle) if keeps(middle) else (middle, high)
    return high


@dataclass(frozen=True)
class MaxPrice(CostLimit):
    """The mean price of an input is at most this.

    Parameters
    ----------
    price : float
        In the currency of the cost model.
    costs : CostModel, optional
        None only within :func:`~selective_query.planning.plan`, which fills in its own
        deployment.
    """

    price: float
    costs: CostModel | None = None

    _limited = "price"

    def spent(self, coverage):
        return self._costs.price(coverage)

    def _keeps(self, coverage):
        if self.spent(0.0) == 0:
            raise ValueError(
                f"{self}: these costs charge no money, so the limit bounds nothing. "
                "Give a price, such as ConstantCosts(query_price=0.004) or "
                "cloud.with_(price_per_query=0.004) in a Deployment."
            )
        return super()._keeps(coverage)

    def __str__(self):
        return f"price <= {self.price:g}"


@dataclass(frozen=True)
class MaxLatency(CostLimit):
    """The latency of an answer is at most this, on average or at a percentile.

    Parameters
    ----------
    ms : float
        Milliseconds.
    costs : CostModel, optional
        See :class:`MaxPrice`.
    statistic : {"mean", "p50", "p90", "p95", "p99"}, default="mean"
    """

    ms: float
    costs: CostModel | None = None
    statistic: str = "mean"

    _limited = "ms"
    unit = "ms"
    adds_up = False

    def __post_init__(self):
        super().__post_init__()
        if self.statistic not in STATISTICS:
            raise ValueError(
                f"MaxLatency: statistic must be one of {', '.join(STATISTICS)}. Got "
                f"{self.statistic!r}."
            )

    def spent(self, coverage):
        return self._costs.latency_ms(coverage, self.statistic)

    def caveat(self, coverage):
        """A caveat if a high percentile says nothing about the queried inputs.

        Parameters
        ----------
        coverage : float

        Returns
        -------
        str
            Empty if there is none.
        """
        rest = 1 - float(self.statistic[1:]) / 100 if self.statistic in HIGH else 0.0
        if not 0 < 1 - coverage < rest:
            return ""
        return (
            f"fewer than {rest:.0%} are queried, so {self.statistic} says nothing "
            "about their latency"
        )

    def __str__(self):
        return f"{self.statistic} latency <= {self.ms:g} ms"


@dataclass(frozen=True)
class MaxEnergy(CostLimit):
    """The mean energy that the device spends on an input is at most this.

    Parameters
    ----------
    mj : float
        Millijoules.
    costs : CostModel, optional
        See :class:`MaxPrice`.
    """

    mj: float
    costs: CostModel | None = None

    _limited = "mj"
    unit = "mJ"

    def spent(self, coverage):
        return self._costs.energy_mj(coverage)

    def __str__(self):
        return f"energy <= {self.mj:g} mJ"


@dataclass(frozen=True)
class MaxBytes(CostLimit):
    """The mean number of bytes sent for an input is at most this.

    Parameters
    ----------
    bytes : float
        Mean over all inputs, including those that are not queried.
    costs : Deployment, optional
        See :class:`MaxPrice`.
    """

    bytes: float
    costs: CostModel | None = None

    _limited = "bytes"
    unit = "bytes"

    def __post_init__(self):
        super().__post_init__()
        if self.costs is not None and not hasattr(self.costs, "bytes"):
            raise TypeError(
                "MaxBytes: costs must know how much a query sends, as a Deployment "
                f"does. Got {self.costs!r}."
            )

    def spent(self, coverage):
        return self._costs.bytes(coverage)

    def __str__(self):
        return f"bytes <= {self.bytes:g}"


@dataclass(frozen=True)
class BatteryLife(CostLimit):
    """The device's battery lasts at least this long.

    Parameters
    ----------
    days : float
        In days.
    costs : CostModel, optional
        See :class:`MaxPrice`.
    """

    days: float
    costs: CostModel | None = None

    _limited = "days"
    unit = "days"
    adds_up = False
    _easier = "most"

    def spent(self, coverage):
        return self._costs.battery_days(coverage)

    def _keeps(self, coverage):
        return self.spent(coverage) >= self.days

    def __str__(self):
        return f"battery life >= {self.days:g} days"
