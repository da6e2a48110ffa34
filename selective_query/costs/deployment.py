"""Deployment: costs of a hybrid on a device, a link and a cloud."""

import copy
import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from selective_query._utils.numbers import (
    as_column,
    as_mask,
    check_finite,
    check_number,
    check_whole,
)
from selective_query._utils.validation import check_choice, check_instance
from selective_query.costs._daily import Daily
from selective_query.costs._query import Query, draw_query
from selective_query.costs.cost_model import STATISTICS, check_share
from selective_query.costs.devices import Device
from selective_query.costs.links import Link

ORDERS = ("base_first", "router_first", "parallel", "same_device")
MOST_RETRIES = 100
MAY_LACK = {
    "base_macs", "base_ms", "payload_bytes", "global_macs", "global_ms",
    "inputs_per_day",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Deployment(Daily):
    r"""A cost model of a hybrid on a device, a link and a cloud.

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

    Percentiles are those of the mixture of kept and queried inputs. If no attempt of a
    query gets through, the base answers after the last timeout.

    Parameters
    ----------
    device : Device
    base_macs : int or None, default=None
        Multiply-accumulates of the base, to estimate its time from the device's range.
    base_ms : float or None, default=None
        Measured time of the base. Exactly one of both is required.
    router_macs : int, default=0
        Multiply-accumulates of the router.
    link : Link or None, default=None
    cloud : Cloud, Gateway or None, default=None
        Link and cloud are required unless the order is "same_device".
    payload_bytes : float or None, default=None
        Bytes sent per query; required unless the order is "same_device".
    global_macs : int or None, default=None
    global_ms : float or None, default=None
        Operations or time of the global, for the order "same_device".
    order : {"base_first", "router_first", "parallel", "same_device"}
        By default "base_first".
    timeout_ms : float, default=10_000
        Time after which an attempt counts as lost, even if an answer arrives later.
    retries : int, default=1
        Further attempts, at most 100.
    inputs_per_day : float or None, default=None
        Needed for the battery life.

    Raises
    ------
    ValueError
        If a parameter is missing, out of range or for another order, or when no
        attempt can finish in time.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023, for the orders
    "base_first" and "same_device".

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
    payload_bytes: float | None = None
    global_macs: int | None = None
    global_ms: float | None = None
    order: str = "base_first"
    timeout_ms: float = 10_000.0
    retries: int = 1
    inputs_per_day: float | None = None

    def __post_init__(self):
        check_choice(self.order, "order", ORDERS)
        check_instance(self.device, "device", Device, "Give one of costs.DEVICES.")
        self._check_numbers()
        self._check_one_of("base_macs", "base_ms")
        if self.order == "same_device":
            self._check_one_of("global_macs", "global_ms")
        elif not isinstance(self.link, Link) or not hasattr(self.cloud, "draw_ms"):
            raise TypeError(
                f"order={self.order!r} needs link=, a Link, and cloud=, a Cloud or a "
                f"Gateway. Got {self.link!r} and {self.cloud!r}."
            )
        else:
            self._refuse_global_here()
            self._check_payload()
            self._check_in_time()

    def _refuse_global_here(self):
        given = [
            n for n in ("global_macs", "global_ms") if getattr(self, n) is not None
        ]
        if given:
            raise ValueError(
                f"{' and '.join(given)} is for order='same_device'. With order="
                f"{self.order!r} the global's time is that of cloud=."
            )

    def _check_payload(self):
        if self.payload_bytes is None:
            raise ValueError(
                "payload_bytes must be the number of bytes that a query sends, for "
                "example 3072 for a raw colour image of 32 x 32. Got None."
            )

    def _check_in_time(self):
        sent, link = self.payload_bytes, self.link
        least = link.transfer_ms(sent) + link.round_trip_ms
        if least > self.timeout_ms:
            raise ValueError(
                f"timeout_ms={self.timeout_ms:g} is over before a query of {sent:g} "
                f"bytes can be answered over {link.name}, which takes {least:.0f} ms "
                f"at least, in {link.n_messages(sent)} messages. Give a longer "
                "timeout, a smaller payload, or another link."
            )

    def _check_numbers(self):
        for name in (
            "base_macs", "base_ms", "router_macs", "payload_bytes", "global_macs",
            "global_ms", "timeout_ms", "inputs_per_day",
        ):  # fmt: skip
            value = getattr(self, name)
            if value is not None or name not in MAY_LACK:
                object.__setattr__(self, name, check_number(value, name))
        retries = check_whole(self.retries, "retries")
        check_number(retries, "retries", 0, MOST_RETRIES)
        object.__setattr__(self, "retries", retries)

    def _check_one_of(self, *names):
        given = [name for name in names if getattr(self, name) is not None]
        if len(given) != 1:
            got = " and ".join(given) or "none"
            raise ValueError(f"Give one of {' and '.join(names)}. Got {got}.")

    @property
    def router_first(self):
        """Whether the router decides before the base has run."""
        return self.order in ("router_first", "parallel")

    @property
    def base_time_ms(self):
        """Time of the base in ms; the middle of the range if it is estimated."""
        return self._time_ms(self.base_ms, self.base_macs)

    @property
    def estimates_time(self):
        """Whether a time is estimated from operations by the device's cycle range."""
        return bool(self.base_macs or self.global_macs or self.router_macs)

    @property
    def router_time_ms(self):
        """Time of the router in ms."""
        return self.device.latency_ms(self.router_macs)

    def _time_ms(self, ms, macs):
        return float(self.device.latency_ms(macs) if ms is None else ms)

    @property
    def chance_lost(self):
        """Probability that a query stays unanswered, so that the base answers."""
        return self._query.chance_lost

    @property
    def attempts(self):
        """Mean number of attempts per query."""
        return self._query.attempts

    @cached_property
    def _query(self):
        """Cost of a query, without base and router."""
        if self.order == "same_device":
            ms = self._time_ms(self.global_ms, self.global_macs)
            return Query(np.array([ms]), 0.0, 0.0, self.device.compute_energy_mj(ms))
        return draw_query(
            self.link,
            self.cloud,
            self.payload_bytes,
            self.timeout_ms,
            self.retries,
            # If no attempt gets through, the base that was skipped runs after all.
            self.base_time_ms if self.order == "router_first" else 0.0,
        )

    def _totals_ms(self):
        """Return the time of a kept input, and the drawn times of queried ones."""
        base, router = self.base_time_ms, self.router_time_ms
        query = self._query.sorted_ms
        if self.order == "router_first":
            queried = router + query
        elif self.order == "parallel":
            queried = router + np.maximum(base, query)
        else:
            queried = router + base + query
        return router + base, queried

    def latency_range_ms(self, coverage, statistic="mean"):
        """Return the latency with the device at its fastest and at its slowest, in ms.

        ``latency_ms`` itself is in between: if operations are given instead of a time,
        it uses the middle of the device's range.

        Parameters
        ----------
        coverage : float
            In [0, 1].
        statistic : {"mean", "p50", "p90", "p95", "p99"}, default="mean"

        Returns
        -------
        low, high : float
        """
        return tuple(
            self._at(cycles).latency_ms(coverage, statistic)
            for cycles in self.device.cycles_per_mac
        )

    def _at(self, cycles):
        """Return the deployment with a fixed number of cycles per MAC."""
        return replace(self, device=self.device.with_(cycles_per_mac=(cycles, cycles)))

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
        check_share(coverage)
        check_choice(statistic, "statistic", STATISTICS)
        kept, queried = self._totals_ms()
        if statistic == "mean":
            return float(coverage * kept + (1 - coverage) * queried.mean())
        wanted = float(statistic[1:]) / 100
        # Share of all inputs answered before a kept one.
        below = np.searchsorted(queried, kept, side="left") / len(queried)
        early = (1 - coverage) * below
        if early < wanted <= early + coverage:
            return float(kept)
        rest = wanted if wanted <= early else wanted - coverage
        place = math.ceil(rest / (1 - coverage) * len(queried)) - 1
        return float(queried[min(max(place, 0), len(queried) - 1)])

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
        work = self.router_time_ms + self.base_time_ms * self._base_share(coverage)
        return float(
            self.device.sensing_energy_mj
            + self.device.compute_energy_mj(work)
            + (1 - coverage) * self._query.energy_mj
        )

    def _base_share(self, coverage):
        """Return the share of the inputs on which the base runs."""
        if self.order != "router_first":
            return 1.0
        return coverage + (1 - coverage) * self.chance_lost

    def bytes(self, coverage):
        """Return the mean bytes sent per input.

        Parameters
        ----------
        coverage : float
            In [0, 1].

        Returns
        -------
        float
        """
        check_share(coverage)
        return float((1 - coverage) * self.attempts * (self.payload_bytes or 0))

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
        if self.order == "same_device":
            return 0.0
        sent = self.attempts * self.link.price(self.payload_bytes)
        answered = (1 - self.chance_lost) * self.cloud.price_per_query
        return float((1 - coverage) * (sent + answered))

    def by_row(self, kept, payload_bytes=None):
        """Return the mean costs of each row for given decisions.

        Parameters
        ----------
        kept : array-like of shape (n_samples,), bool
            Whether the base answers.
        payload_bytes : array-like of shape (n_samples,) or None, default=None
            Bytes sent per query of each row; None uses the deployment's payload.

        Returns
        -------
        dict of str to ndarray of shape (n_samples,)
            ``latency_ms`` (ms), ``energy_mj`` (mJ), ``bytes``, ``price`` (money).

        Raises
        ------
        ValueError
            If a payload is negative or not finite, or shapes differ.
        """
        kept = as_mask(kept, "kept")
        if payload_bytes is None:
            payload_bytes = np.full(kept.shape, self.payload_bytes or 0)
        payload = as_column(payload_bytes, "payload_bytes")
        check_finite(payload, "payload_bytes", 0, each="row")
        if payload.shape != kept.shape:
            raise ValueError(
                "kept and payload_bytes must hold one value for each row. Got shapes "
                f"{kept.shape} and {payload.shape}."
            )
        names = ("latency_ms", "energy_mj", "bytes", "price")
        found = {n: np.full(len(kept), getattr(self, n)(1.0)) for n in names}
        for size in np.unique(payload[~kept]):
            model = self._sending(float(size))
            rows = ~kept & (payload == size)
            for name in names:
                found[name][rows] = getattr(model, name)(0.0)
        return found

    def _sending(self, payload_bytes):
        """Return the deployment with another payload, without cost checks."""
        other = copy.copy(self)
        vars(other).pop("_query", None)
        object.__setattr__(other, "payload_bytes", payload_bytes)
        if self.order != "same_device":
            other._check_in_time()
        return other
