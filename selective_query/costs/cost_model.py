"""Cost models: the mean cost of an input as a function of coverage."""

import math
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from selective_query._utils.numbers import check_number
from selective_query._utils.validation import check_choice, check_flag

STATISTICS = ("mean", "p50", "p90", "p95", "p99")
MILLIJOULES_PER_MILLIWATT_HOUR = 3600
SECONDS_PER_DAY = 86_400


def check_share(coverage):
    """Return a coverage; raise a ValueError unless it is in [0, 1]."""
    what = "the share of inputs that the base answers"
    return check_number(coverage, "coverage", 0, 1, what=what)


@runtime_checkable
class CostModel(Protocol):
    """The interface that budgets in units of cost require.

    Costs must not increase with coverage, and battery life must not decrease.
    """

    def price(self, coverage):
        """Return the mean price of an input.

        Parameters
        ----------
        coverage : float
            Share of inputs that the base answers, in [0, 1].

        Returns
        -------
        float
        """

    def latency_ms(self, coverage, statistic="mean"):
        """Return the mean or a percentile of the latency.

        Parameters
        ----------
        coverage : float
            In [0, 1].
        statistic : {"mean", "p50", "p90", "p95", "p99"}, default="mean"

        Returns
        -------
        float
            In ms.
        """

    def energy_mj(self, coverage):
        """Return the mean energy that the device spends on an input.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
            In mJ.
        """

    def battery_days(self, coverage):
        """Return the battery life of the device in days.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
        """


@dataclass(frozen=True, kw_only=True)
class ConstantCosts:
    """Constant costs: every input costs the base, and a queried one also the query.

    With ``router_first`` the router decides before the base runs, so that a queried
    input costs only the query.

    Parameters
    ----------
    base_price, query_price : float, default=0
        Price per input, and the additional price per query.
    base_latency_ms, query_latency_ms : float, default=0
        Time of an answer, and the additional time of a query.
    base_energy_mj, query_energy_mj : float, default=0
        Energy of the device per input, and the additional energy per query.
    idle_power_mw : float, default=0
        Constant power draw of the device.
    battery_mwh : float or None, default=None
        Usable charge of the battery.
    inputs_per_day : float or None, default=None
        Needed for the battery life.
    router_first : bool, default=False
        Whether the router decides before the base runs, as
        :class:`~selective_query.routers.PreRouter` does.

    Raises
    ------
    ValueError
        If a number is negative or not finite, or when a query costs less than the
        base with ``router_first``, so that costs would increase with coverage.

    Examples
    --------
    >>> from selective_query.costs import ConstantCosts
    >>> costs = ConstantCosts(base_latency_ms=40, query_latency_ms=900)
    >>> costs.latency_ms(0.9)
    130.0
    >>> costs.latency_ms(0.9, "p95")
    940.0
    """

    base_price: float = 0.0
    query_price: float = 0.0
    base_latency_ms: float = 0.0
    query_latency_ms: float = 0.0
    base_energy_mj: float = 0.0
    query_energy_mj: float = 0.0
    idle_power_mw: float = 0.0
    battery_mwh: float | None = None
    inputs_per_day: float | None = None
    router_first: bool = False

    def __post_init__(self):
        check_flag(self.router_first, "router_first")
        for field in fields(self):
            if field.name == "router_first":
                continue
            value = getattr(self, field.name)
            if value is not None or field.default is not None:
                object.__setattr__(self, field.name, check_number(value, field.name))
        if self.router_first:
            self._refuse_costly_base()

    def _refuse_costly_base(self):
        for unit in ("price", "latency_ms", "energy_mj"):
            base, query = (getattr(self, f"{who}_{unit}") for who in ("base", "query"))
            if query < base:
                raise ValueError(
                    f"query_{unit} must be at least base_{unit} with router_first="
                    f"True: otherwise a query costs less than the base, and the base "
                    f"has no use. Got {query!r} and {base!r}."
                )

    def price(self, coverage):
        """Money that an input costs on average.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
        """
        check_share(coverage)
        return self._mixed(self.base_price, self.query_price, 1 - coverage)

    def latency_ms(self, coverage, statistic="mean"):
        """Mean or percentile of the time an answer takes.

        There are only two durations, so a percentile is the base's time if the base
        answers at least that share of the inputs.

        Parameters
        ----------
        coverage : float
            In [0, 1].
        statistic : {"mean", "p50", "p90", "p95", "p99"}, default="mean"

        Returns
        -------
        float
            In ms.
        """
        check_share(coverage)
        check_choice(statistic, "statistic", STATISTICS)
        if statistic == "mean":
            queried = 1 - coverage
        else:
            queried = float(coverage < float(statistic[1:]) / 100)
        return self._mixed(self.base_latency_ms, self.query_latency_ms, queried)

    def energy_mj(self, coverage):
        """Energy that the device spends on an input on average.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
            In mJ.
        """
        check_share(coverage)
        return self._mixed(self.base_energy_mj, self.query_energy_mj, 1 - coverage)

    def _mixed(self, base, query, queried):
        """Return the mean cost at a share of queries."""
        runs_base = 1 - queried if self.router_first else 1
        return float(runs_base * base + queried * query)

    def battery_days(self, coverage):
        """Days that the battery lasts.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
            inf if nothing draws power.

        Raises
        ------
        ValueError
            If ``battery_mwh`` or ``inputs_per_day`` was not given.
        """
        missing = [
            name
            for name in ("battery_mwh", "inputs_per_day")
            if getattr(self, name) is None
        ]
        if missing:
            raise ValueError(f"Battery life needs {' and '.join(missing)}. Got None.")
        spent_a_day = (
            self.inputs_per_day * self.energy_mj(coverage)
            + self.idle_power_mw * SECONDS_PER_DAY
        )
        charge = self.battery_mwh * MILLIJOULES_PER_MILLIWATT_HOUR
        return charge / spent_a_day if spent_a_day else math.inf
