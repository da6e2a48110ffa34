"""What a hybrid costs on a device, over a link, in a cloud, as coverage changes."""

import math
from dataclasses import dataclass, replace
from functools import cached_property
from numbers import Integral, Real

import numpy as np

from selective_query.costs.cost_model import SECONDS_PER_DAY, STATISTICS
from selective_query.costs.devices import Device
from selective_query.costs.links import Link

ORDERS = ("base_first", "router_first", "parallel", "same_device")
N_DRAWS = 20_000
MILLIJOULES_PER_MILLIWATT_HOUR = 3600


@dataclass(frozen=True, kw_only=True)
class Deployment:
    r"""A cost model of base, router and global where they run.

    With base time :math:`t_b`, router time :math:`t_r`, query time Q (a random
    variable: transfer, round trip with jitter, cloud, timeouts and retries) and
    coverage c, the mean latency is

    ============  ================================================================
    base_first    :math:`t_b + t_r + (1 - c)\,E[Q]` (the paper)
    router_first  :math:`t_r + c\,t_b + (1 - c)\,E[Q]`
    parallel      :math:`t_r + c\,t_b + (1 - c)\,E[\max(t_b, Q)]`, the query sent
                  while the base runs
    same_device   :math:`t_b + t_r + (1 - c)\,t_g`, both models on one device
    ============  ================================================================

    and percentiles are those of the mixture. A query that no attempt gets through is
    answered by the base after the last timeout.

    Parameters
    ----------
    device : Device
    base_macs : int or None, default=None
        Multiply-accumulates of the base, for a time from the device's range.
    base_ms : float or None, default=None
        Or the time itself, as measured. One of both is needed.
    router_macs : int, default=0
    link : Link or None, default=None
    cloud : Cloud, Gateway or None, default=None
        Both are needed but on the same device.
    payload_bytes : float, default=0
        What a query sends.
    global_macs : int or None, default=None
    global_ms : float or None, default=None
        For the same device.
    order : {"base_first", "router_first", "parallel", "same_device"}
        By default "base_first".
    timeout_ms : float, default=10_000
        After which an attempt counts as lost.
    retries : int, default=1
        Further attempts.
    inputs_per_day : float or None, default=None
        For the battery.

    Raises
    ------
    ValueError
        When a parameter is missing or out of range, or a query costs less than the
        base where the order spares it, so that costs would rise with coverage.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023, for both
    set-ups.

    Examples
    --------
    >>> from selective_query.costs import CLOUD, Deployment, STM32F746, WIFI
    >>> costs = Deployment(
    ...     device=STM32F746, base_ms=200, link=WIFI, cloud=CLOUD, payload_bytes=3072
    ... )
    >>> costs.latency_ms(1.0)
    200.0
    >>> costs.latency_ms(0.7) < costs.latency_ms(0.5)
    True
    """

    device: Device
    base_macs: int | None = None
    base_ms: float | None = None
    router_macs: int = 0
    link: Link | None = None
    cloud: object = None
    payload_bytes: float = 0.0
    global_macs: int | None = None
    global_ms: float | None = None
    order: str = "base_first"
    timeout_ms: float = 10_000.0
    retries: int = 1
    inputs_per_day: float | None = None

    def __post_init__(self):
        if self.order not in ORDERS:
            raise ValueError(
                f"order must be one of {', '.join(ORDERS)}. Got {self.order!r}."
            )
        if not isinstance(self.device, Device):
            raise TypeError(f"device must be a Device. Got {self.device!r}.")
        self._check_numbers()
        self._check_one_of("base_macs", "base_ms")
        if self.order == "same_device":
            self._check_one_of("global_macs", "global_ms")
        elif not isinstance(self.link, Link) or not hasattr(self.cloud, "draw_ms"):
            raise TypeError(
                f"order={self.order!r} needs link=, a Link, and cloud=, a Cloud or a "
                f"Gateway. Got {self.link!r} and {self.cloud!r}."
            )
        if self.order == "router_first":
            self._refuse_dear_base()

    def _check_numbers(self):
        for name in (
            "base_macs", "base_ms", "router_macs", "payload_bytes", "global_macs",
            "global_ms", "timeout_ms", "inputs_per_day",
        ):  # fmt: skip
            value = getattr(self, name)
            is_number = isinstance(value, Real) and not isinstance(value, bool)
            if value is not None and not (is_number and 0 <= value < math.inf):
                raise ValueError(f"{name} must be a number >= 0. Got {value!r}.")
        if not isinstance(self.retries, Integral) or self.retries < 0:
            raise ValueError(
                f"retries must be a whole number >= 0. Got {self.retries!r}."
            )

    def _check_one_of(self, *names):
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"Give one of {' and '.join(names)}. Got {got}.")

    def _refuse_dear_base(self):
        pairs = {
            "latency": (self.base_time_ms, float(self._query_draws.mean())),
            "energy": (
                self.device.compute_energy_mj(self.base_time_ms), self._query_energy_mj
            ),
        }  # fmt: skip
        for what, (base, query) in pairs.items():
            if query < base:
                raise ValueError(
                    f"order='router_first': a query costs less {what} than the base "
                    f"({query:.3g} against {base:.3g}), so that nothing speaks for the "
                    "base. Use order='base_first', or a cheaper base."
                )

    @property
    def router_first(self):
        """Whether the router must decide before the base has run."""
        return self.order in ("router_first", "parallel")

    @property
    def base_time_ms(self):
        """Milliseconds of the base; the middle of the range where it is estimated."""
        return self._time_ms(self.base_ms, self.base_macs)

    @property
    def router_time_ms(self):
        """Milliseconds of the router."""
        return self.device.latency_ms(self.router_macs)

    def _time_ms(self, ms, macs):
        return float(self.device.latency_ms(macs) if ms is None else ms)

    @property
    def chance_lost(self):
        """Chance that a query is not answered in the end, and the base answers."""
        if self.order == "same_device":
            return 0.0
        return (1 - self.link.availability) ** (self.retries + 1)

    @property
    def attempts(self):
        """Attempts of a query on average."""
        if self.order == "same_device":
            return 0.0
        lost = 1 - self.link.availability
        return sum(lost**number for number in range(self.retries + 1))

    @cached_property
    def _lost_attempts(self):
        """How many attempts each drawn query loses; retries + 1 is all of them."""
        lost = np.random.default_rng(0).random((N_DRAWS, self.retries + 1))
        through = lost < self.link.availability
        return np.where(through.any(1), through.argmax(1), self.retries + 1)

    @cached_property
    def _query_draws(self):
        """Sorted times of queries in milliseconds, without base and router."""
        if self.order == "same_device":
            return np.array([self._time_ms(self.global_ms, self.global_macs)])
        rng = np.random.default_rng(1)
        answer = self.link.draw_ms(rng, N_DRAWS, self.payload_bytes)
        answer += self.cloud.draw_ms(rng, N_DRAWS)
        lost = self._lost_attempts
        # Where no attempt gets through, a base that was spared runs after all.
        instead = self.base_time_ms if self.order == "router_first" else 0.0
        found = np.where(lost > self.retries, instead, answer)
        return np.sort(lost * self.timeout_ms + found)

    @cached_property
    def _query_energy_mj(self):
        """Energy that a query takes on the device on average."""
        if self.order == "same_device":
            return self.device.compute_energy_mj(float(self._query_draws[0]))
        sending = self.attempts * self.link.send_energy_mj(self.payload_bytes)
        waiting = self.link.waiting_power_mw * float(self._query_draws.mean()) / 1000
        return sending + waiting

    def _totals_ms(self):
        """Time of an input that is kept, and the drawn times of queried ones."""
        base, router = self.base_time_ms, self.router_time_ms
        query = self._query_draws
        if self.order == "router_first":
            queried = router + query
        elif self.order == "parallel":
            queried = router + np.maximum(base, query)
        else:
            queried = router + base + query
        return router + base, queried

    def latency_ms(self, coverage, statistic="mean"):
        """Mean or percentile of the time an answer takes, in ms.

        Parameters
        ----------
        coverage : float
        statistic : {"mean", "p50", "p90", "p95", "p99"}, default="mean"

        Returns
        -------
        float
        """
        if statistic not in STATISTICS:
            raise ValueError(
                f"statistic must be one of {', '.join(STATISTICS)}. Got {statistic!r}."
            )
        kept, queried = self._totals_ms()
        if statistic == "mean":
            return float(coverage * kept + (1 - coverage) * queried.mean())
        wanted = float(statistic[1:]) / 100
        # The share of all inputs that have been answered by then.
        below = np.searchsorted(queried, kept, side="left") / len(queried)
        early = (1 - coverage) * below
        if early < wanted <= early + coverage:
            return float(kept)
        rest = wanted if wanted <= early else wanted - coverage
        place = math.ceil(rest / (1 - coverage) * len(queried)) - 1
        return float(queried[min(max(place, 0), len(queried) - 1)])

    def energy_mj(self, coverage):
        """Energy that the device spends on an input on average, in mJ."""
        work = self.router_time_ms + self.base_time_ms * self._base_share(coverage)
        return float(
            self.device.sensing_energy_mj
            + self.device.compute_energy_mj(work)
            + (1 - coverage) * self._query_energy_mj
        )

    def _base_share(self, coverage):
        """Share of the inputs on which the base runs."""
        if self.order != "router_first":
            return 1.0
        return coverage + (1 - coverage) * self.chance_lost

    def bytes(self, coverage):
        """Bytes that an input sends on average."""
        return float((1 - coverage) * self.attempts * self.payload_bytes)

    def price(self, coverage):
        """Money an input costs on average."""
        if self.order == "same_device":
            return 0.0
        sent = self.attempts * self.link.price(self.payload_bytes)
        answered = (1 - self.chance_lost) * self.cloud.price_per_query
        return float((1 - coverage) * (sent + answered))

    def battery_days(self, coverage):
        """Days that the battery lasts; inf where nothing draws from it.

        Raises
        ------
        ValueError
            When the device has no battery, or ``inputs_per_day`` was not given.
        """
        charge = self.device.battery_mwh
        if charge is None or self.inputs_per_day is None:
            missing = "inputs_per_day" if charge is not None else "a battery"
            raise ValueError(f"Battery life needs {missing}. Got None.")
        busy_s = self.inputs_per_day * self.base_time_ms / 1000
        asleep_s = max(0.0, SECONDS_PER_DAY - busy_s)
        spent = (
            self.inputs_per_day * self.energy_mj(coverage)
            + self.device.sleep_power_mw * asleep_s
        )
        total = charge * MILLIJOULES_PER_MILLIWATT_HOUR
        return total / spent if spent else math.inf

    def by_row(self, kept, payload_bytes=None):
        """Mean costs of each input, for decisions that were made.

        Parameters
        ----------
        kept : array-like of shape (n_samples,), bool
            Whether the base answers.
        payload_bytes : array-like of shape (n_samples,) or None, default=None
            What each query would send; that of the deployment where None.

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
            ``latency_ms``, ``energy_mj``, ``bytes``, ``price``.
        """
        kept = np.asarray(kept, dtype=bool)
        payload = np.full(len(kept), self.payload_bytes, dtype=float)
        if payload_bytes is not None:
            payload[:] = payload_bytes
        sizes, place = np.unique(payload, return_inverse=True)
        models = [replace(self, payload_bytes=float(size)) for size in sizes]
        return {
            name: np.where(
                kept,
                getattr(self, name)(1.0),
                np.array([getattr(model, name)(0.0) for model in models])[place],
            )
            for name in ("latency_ms", "energy_mj", "bytes", "price")
        }


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """A middle tier that answers some queries by itself and passes the others on.

    Takes the place of the cloud in a :class:`Deployment`: device, gateway, cloud.

    Parameters
    ----------
    deployment : Deployment
        Of the gateway's own hybrid.
    coverage : float
        Share of the queries that the gateway answers.
    """

    deployment: Deployment
    coverage: float

    def __post_init__(self):
        if not 0 <= self.coverage <= 1:
            raise ValueError(f"coverage must be in [0, 1]. Got {self.coverage!r}.")

    @property
    def price_per_query(self):
        """Money that a query to the gateway costs on average."""
        return self.deployment.price(self.coverage)

    def draw_ms(self, rng, n):
        """Times of n answers, shape (n,)."""
        kept, queried = self.deployment._totals_ms()
        passed_on = rng.choice(queried, n)
        return np.where(rng.random(n) < self.coverage, kept, passed_on)
