"""Devices: speed, memory and power."""

from dataclasses import dataclass, field
from math import inf

from selective_query._utils.numbers import check_amount
from selective_query._utils.validation import check_choice
from selective_query.costs.provenance import ASSUMED, Profile, Source

KB, MB, GB = 1024, 1024**2, 1024**3
LAYER_FORMS = ("convolution", "stem", "pointwise", "depthwise", "linear")
CORES = ("cortex-m4", "cortex-m7", "cortex-m33")


@dataclass(frozen=True, kw_only=True)
class Device(Profile):
    """The device that runs the base.

    Parameters
    ----------
    name : str
    clock_mhz : float
        Clock frequency in MHz.
    cycles_per_mac : (float, float)
        Range of cycles per int8 multiply-accumulate of a convolution, including all
        overhead: from the best published engine to a plain one. Latencies of nets are
        always given as this range, never as a single promise.
    sram_bytes, flash_bytes : int
        Memory sizes.
    active_power_mw, sleep_power_mw : float
        Power while computing, and while idle.
    battery_mah, battery_v : float or None, default=None
        None for mains power.
    usable_share : float, default=0.8
        Usable share of the battery's charge.
    sensing_energy_mj : float, default=0
        Energy to sense one input.
    stem_factor, depthwise_factor : float, default=1
        Time of a multiply-accumulate of a convolution of raw inputs, or of a depthwise
        convolution, relative to one of a plain convolution; see `plain_macs`.
    core : {"cortex-m4", "cortex-m7", "cortex-m33"} or None, default=None
        Core that firmware is compiled for; None if it cannot be.
    sources : dict of str to Source
        Sources of the constants; those not listed are the user's own.

    Raises
    ------
    ValueError
        If a constant is out of range.

    Examples
    --------
    >>> from selective_query.costs import STM32F746
    >>> low, high = STM32F746.latency_range_ms(12_800_000)
    >>> round(low), round(high)
    (65, 190)
    """

    name: str
    clock_mhz: float
    cycles_per_mac: tuple
    sram_bytes: int
    flash_bytes: int
    active_power_mw: float
    sleep_power_mw: float
    battery_mah: float | None = None
    battery_v: float | None = None
    usable_share: float = 0.8
    sensing_energy_mj: float = 0.0
    stem_factor: float = 1.0
    depthwise_factor: float = 1.0
    core: str | None = None
    sources: dict = field(default_factory=dict, compare=False, repr=False)

    def __post_init__(self):
        if not isinstance(self.cycles_per_mac, tuple) or len(self.cycles_per_mac) != 2:
            raise ValueError(
                "Device: cycles_per_mac must be a range (low, high), a tuple. Got "
                f"{self.cycles_per_mac!r}."
            )
        if self.core is not None:
            check_choice(self.core, "Device: core", CORES)
        self._check(
            clock_mhz=(1e-3, 1e5),
            cycles_per_mac=(1e-6, 1e6),
            sram_bytes=(1, inf),
            flash_bytes=(1, inf),
            active_power_mw=(0, inf),
            sleep_power_mw=(0, inf),
            battery_mah=(0, inf),
            battery_v=(0, inf),
            usable_share=(0, 1),
            sensing_energy_mj=(0, inf),
            stem_factor=(1e-6, 1e6),
            depthwise_factor=(1e-6, 1e6),
        )

    def plain_macs(self, macs_by_form):
        """Convert a net's multiply-accumulates to those of plain convolutions.

        Kinds of layers without a factor count like plain convolutions. This is accurate
        for pointwise layers with 64 channels; narrower ones take up to twice as long.

        Parameters
        ----------
        macs_by_form : dict of str to int
            Multiply-accumulates by kind of layer, as in ``NetProfile.macs_by_form``.

        Returns
        -------
        float
            For `latency_range_ms`, and as ``base_macs`` of a deployment.

        Raises
        ------
        ValueError
            If a kind is unknown.

        Examples
        --------
        >>> from selective_query.costs import STM32F746
        >>> macs = {"pointwise": 1_000_000, "depthwise": 100_000}
        >>> STM32F746.with_(depthwise_factor=4).plain_macs(macs)
        1400000.0
        """
        factors = {"stem": self.stem_factor, "depthwise": self.depthwise_factor}
        total = 0.0
        for form, macs in macs_by_form.items():
            check_choice(form, "Each kind in macs_by_form", LAYER_FORMS)
            total += check_amount(macs, form) * factors.get(form, 1)
        return total

    def latency_range_ms(self, macs):
        """Return the range of the time for a number of multiply-accumulates.

        Parameters
        ----------
        macs : float

        Returns
        -------
        low, high : float
            In ms.
        """
        macs = check_amount(macs, "macs")
        low, high = self.cycles_per_mac
        cycles_per_ms = 1000 * self.clock_mhz
        return macs * low / cycles_per_ms, macs * high / cycles_per_ms

    def latency_ms(self, macs):
        """Return the geometric middle of the range of the time.

        Parameters
        ----------
        macs : float

        Returns
        -------
        float
            In ms.
        """
        low, high = self.latency_range_ms(macs)
        return (low * high) ** 0.5

    def compute_energy_mj(self, ms):
        """Return the energy that the device spends while computing.

        Parameters
        ----------
        ms : float
            Duration in ms.

        Returns
        -------
        float
            In mJ.
        """
        return self.active_power_mw * check_amount(ms, "ms") / 1000

    @property
    def battery_mwh(self):
        """Usable charge in mWh; None without a battery."""
        if self.battery_mah is None or self.battery_v is None:
            return None
        return self.battery_mah * self.battery_v * self.usable_share


_MLPERF = "MLPerf Tiny v1.0 closed results"
_DATASHEET = "STMicroelectronics data sheet"
_COUNTED = Source(
    "measured",
    "instructions of CMSIS-NN 4.0.0 on an emulated Cortex-M4 and M7 (benchmarks/edge.py"
    "); with it, three latencies of MLPerf Tiny agree at 1.0 to 1.1 cycles instead of "
    "1.1 to 1.6",
)


def _stm32(
    name, core, clock, sram, flash, cycles, active, sleep, *, cycles_source, power
):  # fmt: skip
    sources = {
        "clock_mhz": Source("published", _DATASHEET),
        "sram_bytes": Source("published", _DATASHEET),
        "flash_bytes": Source("published", _DATASHEET),
        "cycles_per_mac": cycles_source,
        "active_power_mw": power,
        "sleep_power_mw": ASSUMED,
        "battery_mah": Source("assumed", "two AA cells"),
        "battery_v": Source("assumed", "two AA cells"),
        "usable_share": ASSUMED,
        "sensing_energy_mj": ASSUMED,
        "stem_factor": _COUNTED,
        "depthwise_factor": _COUNTED,
    }
    return Device(
        name=name, core=core, clock_mhz=clock, cycles_per_mac=cycles, sram_bytes=sram,
        flash_bytes=flash, active_power_mw=active, sleep_power_mw=sleep,
        battery_mah=2500, battery_v=3.0, stem_factor=2.0, depthwise_factor=4.3,
        sources=sources,
    )  # fmt: skip


STM32F746 = _stm32(
    "STM32F746", "cortex-m7", 216, 320 * KB, 1 * MB, (1.1, 3.2), 330, 1.0,
    cycles_source=Source(
        "assumed",
        f"{_MLPERF} has 1.1 to 1.9; 3.2 is inferred from the latencies in Kag et al. "
        "2023 and the 12.8 M MACs of a net of the MCUNet zoo",
    ),
    power=ASSUMED,
)  # fmt: skip
STM32H743 = _stm32(
    "STM32H743", "cortex-m7", 480, 1 * MB, 2 * MB, (1.1, 3.2), 270, 1.0,
    cycles_source=Source("assumed", "as STM32F746, the same core"),
    power=Source("assumed", f"{_MLPERF} has 158 mW for an H7A3 at 280 MHz; scaled"),
)  # fmt: skip
STM32L4R5 = _stm32(
    "STM32L4R5", "cortex-m4", 120, 640 * KB, 2 * MB, (2.3, 3.7), 44, 0.01,
    cycles_source=Source(
        "published", f"{_MLPERF}: wake words in 230.5 ms, 3.7; 0.85 to 1.34 nJ/MAC"
    ),
    power=Source("published", f"{_MLPERF}: 10,066 uJ in 230.5 ms"),
)  # fmt: skip
STM32U575 = _stm32(
    "STM32U575", "cortex-m33", 160, 786 * KB, 2 * MB, (1.9, 2.9), 25, 0.005,
    cycles_source=Source(
        "published", f"{_MLPERF}: wake words in 133.4 ms, 2.8; 0.3 to 0.45 nJ/MAC"
    ),
    power=Source("published", f"{_MLPERF}: 3,364 uJ in 133.4 ms"),
)  # fmt: skip


def _assumed(**constants):
    sources = dict.fromkeys((n for n in constants if n != "name"), ASSUMED)
    for name in (
        "usable_share", "sensing_energy_mj", "stem_factor", "depthwise_factor"
    ):  # fmt: skip
        sources[name] = ASSUMED
    return Device(**constants, sources=sources)


ESP32_S3 = _assumed(
    name="ESP32-S3", clock_mhz=240, cycles_per_mac=(0.8, 6.0), sram_bytes=512 * KB,
    flash_bytes=8 * MB, active_power_mw=300, sleep_power_mw=0.05, battery_mah=2000,
    battery_v=3.7,
)  # fmt: skip
RASPBERRY_PI = _assumed(
    name="Raspberry Pi class", clock_mhz=1500, cycles_per_mac=(0.05, 0.4),
    sram_bytes=4 * GB, flash_bytes=16 * GB, active_power_mw=6000, sleep_power_mw=2500,
)  # fmt: skip
PHONE = _assumed(
    name="phone class", clock_mhz=2800, cycles_per_mac=(0.01, 0.1), sram_bytes=8 * GB,
    flash_bytes=128 * GB, active_power_mw=3000, sleep_power_mw=30, battery_mah=4500,
    battery_v=3.85,
)  # fmt: skip
SERVER = _assumed(
    name="server", clock_mhz=3000, cycles_per_mac=(0.0005, 0.05), sram_bytes=128 * GB,
    flash_bytes=1024 * GB, active_power_mw=300_000, sleep_power_mw=100_000,
)  # fmt: skip

DEVICES = {
    device.name: device
    for device in (
        STM32F746, STM32H743, STM32L4R5, STM32U575, ESP32_S3, RASPBERRY_PI, PHONE,
        SERVER,
    )
}  # fmt: skip
