"""What an input costs on average, as a function of coverage."""

import math
from dataclasses import dataclass, fields
from typing import Protocol, runtime_checkable

from selective_query._utils.numbers import check_number
from selective_query._utils.validation import check_choice, check_flag

STATISTICS = ("mean", "p50", "p90", "p95", "p99")
MILLIJOULES_PER_MILLIWATT_HOUR = 3600
SECONDS_PER_DAY = 86_400


def check_share(coverage):
    """A coverage as it came, or a ValueError where it is no share of the inputs."""
    what = "the share of inputs that the base answers"
    return check_number(coverage, "coverage", 0, 1, what=what)


@runtime_checkable
class CostModel(Protocol):
    """What budgets in units of cost need to know.

    Costs must not rise with coverage, and battery life must not fall.
    """

    def price(self, coverage):
        """Money that an input costs on average.

        Parameters
        ----------
        coverage : float
            Share of inputs that the base answers, in [0, 1].

        Returns
        -------
        float
        """

    def latency_ms(self, coverage, statistic="mean"):
        """Mean or percentile of the time an answer takes.

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

    def battery_days(self, coverage):
        """Days that the device's battery lasts.

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
    """Every input costs what the base costs, and a queried one the query on top.

    With ``router_first`` a router has sent the queried ones away before the base has
    run, so that they cost the query alone.

    Parameters
    ----------
    base_price, query_price : float, default=0
        Money for each input, and for each query on top.
    base_latency_ms, query_latency_ms : float, default=0
        Time that an answer takes, and that a query adds.
    base_energy_mj, query_energy_mj : float, default=0
        Energy of the device for each input, and for each query on top.
    idle_power_mw : float, default=0
        What the device draws all the time.
    battery_mwh : float or None, default=None
        Usable charge of the battery.
    inputs_per_day : float or None, default=None
        For the battery.
    router_first : bool, default=False
        Whether the router decides before the base has run, as
        :class:`~selective_query.routers.PreRouter` does.

    Raises
    ------
    ValueError
        When a number is negative or not finite, or a query costs less than the base
        with ``router_first``, where costs would rise with coverage.

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
                    f"True: a query costs less than the base otherwise, and nothing "
                    f"speaks for the base. Got {query!r} and {base!r}."
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

        Two durations occur, so a percentile is that of the base if at least that share
        of the inputs stays with it.

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
        """Cost of an input of which so large a share is queried."""
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
            inf where nothing draws from it.

        Raises
        ------
        ValueError
            When ``battery_mwh`` or ``inputs_per_day`` was not given.
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
