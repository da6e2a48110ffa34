"""Links and clouds: time, energy, price and limits."""

import math
from dataclasses import dataclass, field
from math import inf

import numpy as np

from selective_query._utils.numbers import check_number
from selective_query.costs.provenance import ASSUMED, Profile, Source

MEGABYTE = 1e6
# The 95th percentile of a standard normal variable.
P95_OF_NORMAL = 1.6448536269514722


@dataclass(frozen=True, kw_only=True)
class Link(Profile):
    """The link between device and cloud.

    Parameters
    ----------
    name : str
    throughput_kbps : float
        Throughput of the payload in kbit/s.
    round_trip_ms : float
        Round trip without the payload and without the cloud's own time.
    jitter_ms : float
        Mean of the exponentially distributed excess over the round trip.
    energy_uj_per_byte : float
        Energy of the device's radio to send one byte.
    energy_mj_per_wake_up : float
        Energy to connect, once per query.
    waiting_power_mw : float, default=0
        Power while the radio waits for the answer.
    price_per_mb : float, default=0
        Price per million bytes.
    availability : float, default=1
        Probability that a message is delivered, in [0, 1]; a query of several messages
        needs all of them.
    max_payload_bytes : int or None, default=None
        Maximum payload of one message.
    duty_cycle : float, default=1
        Share of the time that the device may send, in (0, 1].
    sources : dict of str to Source
        Sources of the constants; those not listed are the user's own.

    Raises
    ------
    ValueError
        If a constant is out of range.

    Examples
    --------
    >>> from selective_query.costs import LORAWAN, WIFI
    >>> WIFI.transfer_ms(3072) < 10
    True
    >>> LORAWAN.n_messages(3072)
    14
    """

    name: str
    throughput_kbps: float
    round_trip_ms: float
    jitter_ms: float
    energy_uj_per_byte: float
    energy_mj_per_wake_up: float
    waiting_power_mw: float = 0.0
    price_per_mb: float = 0.0
    availability: float = 1.0
    max_payload_bytes: int | None = None
    duty_cycle: float = 1.0
    sources: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        self._check(
            throughput_kbps=(1e-6, inf),
            round_trip_ms=(0, inf),
            jitter_ms=(0, inf),
            energy_uj_per_byte=(0, inf),
            energy_mj_per_wake_up=(0, inf),
            waiting_power_mw=(0, inf),
            price_per_mb=(0, inf),
            availability=(0, 1),
            max_payload_bytes=(1, inf),
            duty_cycle=(1e-9, 1),
        )

    def n_messages(self, payload_bytes):
        """Return the number of messages of a payload.

        Parameters
        ----------
        payload_bytes : float

        Returns
        -------
        int
        """
        payload_bytes = check_number(payload_bytes, "payload_bytes")
        if self.max_payload_bytes is None:
            return 1
        return max(1, math.ceil(payload_bytes / self.max_payload_bytes))

    def on_air_ms(self, payload_bytes):
        """Return the time that the radio transmits.

        Parameters
        ----------
        payload_bytes : float

        Returns
        -------
        float
            In ms.
        """
        return 8 * check_number(payload_bytes, "payload_bytes") / self.throughput_kbps

    def transfer_ms(self, payload_bytes):
        """Return the time to send a payload, including the pauses of the duty cycle.

        Messages are assumed equally long; no pause follows the last one.

        Parameters
        ----------
        payload_bytes : float

        Returns
        -------
        float
            In ms.
        """
        on_air = self.on_air_ms(payload_bytes)
        n_messages = self.n_messages(payload_bytes)
        pauses = on_air * (n_messages - 1) / n_messages * (1 / self.duty_cycle - 1)
        return on_air + pauses

    def draw_round_trip_ms(self, rng, n):
        """Draw round-trip times without payload.

        Parameters
        ----------
        rng : numpy.random.Generator
        n : int

        Returns
        -------
        ndarray of shape (n,)
            In ms.
        """
        return self.round_trip_ms + self.jitter_ms * rng.standard_exponential(n)

    def send_energy_mj(self, payload_bytes):
        """Return the energy of the device to connect and send a payload once.

        Parameters
        ----------
        payload_bytes : float

        Returns
        -------
        float
            In mJ.
        """
        payload_bytes = check_number(payload_bytes, "payload_bytes")
        sent = self.energy_uj_per_byte * payload_bytes / 1000
        return self.energy_mj_per_wake_up + sent

    def price(self, payload_bytes):
        """Return the price to send a payload once.

        Parameters
        ----------
        payload_bytes : float

        Returns
        -------
        float
        """
        payload_bytes = check_number(payload_bytes, "payload_bytes")
        return self.price_per_mb * payload_bytes / MEGABYTE


@dataclass(frozen=True, kw_only=True)
class Cloud(Profile):
    """The cloud that answers queries.

    Parameters
    ----------
    name : str
    median_ms, p95_ms : float
        Median and 95th percentile of its response time, modelled as log-normal.
    price_per_query : float, default=0
        Price per answered query.
    sources : dict of str to Source
        Sources of the constants; those not listed are the user's own.

    Raises
    ------
    ValueError
        If a constant is out of range, or the 95th percentile is below the median.
    """

    name: str
    median_ms: float
    p95_ms: float
    price_per_query: float = 0.0
    sources: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        self._check(median_ms=(0, inf), p95_ms=(0, inf), price_per_query=(0, inf))
        if self.p95_ms < self.median_ms or (self.p95_ms and not self.median_ms):
            raise ValueError(
                "Cloud: p95_ms must be at least median_ms, and both zero or neither. "
                f"Got {self.p95_ms!r} and {self.median_ms!r}."
            )

    def draw_ms(self, rng, n):
        """Draw response times.

        Parameters
        ----------
        rng : numpy.random.Generator
        n : int

        Returns
        -------
        ndarray of shape (n,)
            In ms.
        """
        if not self.median_ms:
            return np.zeros(n)
        spread = math.log(self.p95_ms / self.median_ms) / P95_OF_NORMAL
        return self.median_ms * np.exp(spread * rng.standard_normal(n))


def _link(published=None, **constants):
    sources = dict.fromkeys((n for n in constants if n != "name"), ASSUMED)
    for name, text in (published or {}).items():
        sources[name] = Source("published", text)
    for name in ("price_per_mb", "availability", "duty_cycle", "waiting_power_mw"):
        sources.setdefault(name, ASSUMED)
    return Link(**constants, sources=sources)


BLE = _link(
    name="BLE", throughput_kbps=700, round_trip_ms=40, jitter_ms=15,
    energy_uj_per_byte=0.15, energy_mj_per_wake_up=0.3, waiting_power_mw=10,
    availability=0.99,
)  # fmt: skip
LORAWAN = _link(
    {
        "throughput_kbps": "LoRa modulation, SF7 at 125 kHz: 5.47 kbit/s",
        "max_payload_bytes": "LoRaWAN regional parameters, EU868, data rate 5",
        "duty_cycle": "ETSI EN 300 220, 868.0-868.6 MHz: 1 %",
        "round_trip_ms": "LoRaWAN class A: first receive window after 1 s",
    },
    name="LoRaWAN", throughput_kbps=5.47, round_trip_ms=1000, jitter_ms=300,
    energy_uj_per_byte=180, energy_mj_per_wake_up=5, waiting_power_mw=5,
    availability=0.95, max_payload_bytes=222, duty_cycle=0.01,
)  # fmt: skip
NB_IOT = _link(
    name="NB-IoT", throughput_kbps=30, round_trip_ms=1600, jitter_ms=800,
    energy_uj_per_byte=60, energy_mj_per_wake_up=250, waiting_power_mw=150,
    price_per_mb=0.5, availability=0.98, max_payload_bytes=1600,
)  # fmt: skip
LTE_M = _link(
    {"throughput_kbps": "3GPP release 13, category M1, half duplex: 375 kbit/s"},
    name="LTE-M", throughput_kbps=375, round_trip_ms=120, jitter_ms=60,
    energy_uj_per_byte=20, energy_mj_per_wake_up=150, waiting_power_mw=200,
    price_per_mb=0.2, availability=0.99,
)  # fmt: skip
WIFI = _link(
    name="Wi-Fi", throughput_kbps=20_000, round_trip_ms=20, jitter_ms=15,
    energy_uj_per_byte=0.3, energy_mj_per_wake_up=60, waiting_power_mw=250,
    availability=0.995,
)  # fmt: skip
LTE = _link(
    name="LTE", throughput_kbps=10_000, round_trip_ms=60, jitter_ms=30,
    energy_uj_per_byte=1.5, energy_mj_per_wake_up=300, waiting_power_mw=800,
    price_per_mb=0.01, availability=0.99,
)  # fmt: skip
FIVE_G = _link(
    name="5G", throughput_kbps=50_000, round_trip_ms=25, jitter_ms=10,
    energy_uj_per_byte=0.8, energy_mj_per_wake_up=250, waiting_power_mw=900,
    price_per_mb=0.01, availability=0.99,
)  # fmt: skip
WIRED = _link(
    name="wired", throughput_kbps=100_000, round_trip_ms=10, jitter_ms=3,
    energy_uj_per_byte=0.05, energy_mj_per_wake_up=0, availability=0.9999,
)  # fmt: skip

LINKS = {
    link.name: link for link in (BLE, LORAWAN, NB_IOT, LTE_M, WIFI, LTE, FIVE_G, WIRED)
}
CLOUD = Cloud(
    name="cloud", median_ms=50, p95_ms=150, sources=dict.fromkeys(
        ("median_ms", "p95_ms", "price_per_query"), ASSUMED
    ),
)  # fmt: skip
