"""FootprintReport: whether a footprint fits a device, with used and free memory."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import check_instance
from selective_query.costs.devices import Device

RESERVED_BYTES = 32 * 1024


@dataclass(frozen=True)
class MemoryUse:
    """Use of one memory of a device.

    Parameters
    ----------
    name : str
    used, allowed : float
    """

    name: str
    used: float
    allowed: float

    @property
    def headroom(self):
        """Free memory; negative if the memory is exceeded."""
        return self.allowed - self.used

    def __str__(self):
        share = f"{self.used:,.0f} of {self.allowed:,.0f} {self.name}"
        if self.headroom < 0:
            return f"{share}: {-self.headroom:,.0f} too many"
        return f"{share}: {self.headroom:,.0f} left"


@dataclass(frozen=True)
class FootprintReport:
    """Memory use on a device; true if everything fits.

    Parameters
    ----------
    device : str
    memories : tuple of MemoryUse
        Flash and SRAM.
    assumptions : str, default=""
        Assumptions in words, such as the bits per number.
    """

    device: str
    memories: tuple
    assumptions: str = ""

    def __bool__(self):
        return all(memory.headroom >= 0 for memory in self.memories)

    @property
    def excess(self):
        """The exceeded memories in words; None if everything fits."""
        exceeded = [str(memory) for memory in self.memories if memory.headroom < 0]
        return f"{self.device}: {'; '.join(exceeded)}" if exceeded else None

    def beside(self, what, **used):
        """Return the report with additional memory use.

        Parameters
        ----------
        what : str
            Text added to the assumptions.
        **used : int
            Additional bytes by name of the memory: ``flash_bytes``, ``sram_bytes``.

        Returns
        -------
        FootprintReport
        """
        memories = tuple(
            replace(memory, used=memory.used + used.get(memory.name, 0))
            for memory in self.memories
        )
        return FootprintReport(self.device, memories, f"{self.assumptions}, {what}")

    def __str__(self):
        head = f"{self.device}, {self.assumptions}" if self.assumptions else self.device
        return "\n".join([head, *(f"  {memory}" for memory in self.memories)])


@runtime_checkable
class Footprint(Protocol):
    """Operations and memory of a model on a device, net or not.

    :class:`~selective_query.footprint.EstimatorProfile` and
    :class:`~selective_query.footprint.net_profile.NetProfile` are footprints.
    """

    macs: int

    @property
    def parameters(self):
        """Number of learned parameters."""

    @property
    def operations(self):
        """Multiply-accumulates and comparisons, for ``Deployment(base_macs=)``."""

    def flash_bytes(self, bits):
        """Return the stored bytes.

        Parameters
        ----------
        bits : int
            Bits per number.

        Returns
        -------
        int
        """

    def sram_bytes(self, bits):
        """Return the peak bytes of numbers alive at once.

        Parameters
        ----------
        bits : int
            Bits per number.

        Returns
        -------
        int
        """

    def fits(self, device, *, bits, reserved_bytes):
        """Report whether the model fits a device, and how much memory is left.

        Parameters
        ----------
        device : Device
        bits : int
            Bits per number.
        reserved_bytes : int
            Bytes of each memory reserved for the program and everything else.

        Returns
        -------
        FootprintReport
        """


def footprint_report(device, flash_bytes, sram_bytes, *, bits, reserved_bytes):
    """Return the report on both memories of a device.

    Parameters
    ----------
    device : Device
    flash_bytes, sram_bytes : int
        Memory of a model.
    bits : int
        Bits per number, for the assumptions.
    reserved_bytes : int
        Bytes of each memory reserved for the program and everything else.

    Returns
    -------
    FootprintReport

    Raises
    ------
    TypeError
        If `device` is not a Device, for example only a name.
    """
    check_instance(
        device,
        "device",
        Device,
        "Give one, such as selective_query.costs.DEVICES['STM32F746'].",
    )
    reserved_bytes = check_whole(reserved_bytes, "reserved_bytes")
    used = {"flash_bytes": flash_bytes, "sram_bytes": sram_bytes}
    return FootprintReport(
        device.name,
        tuple(
            MemoryUse(name, taken + reserved_bytes, getattr(device, name))
            for name, taken in used.items()
        ),
        f"{bits}-bit weights and activations, {reserved_bytes:,} bytes reserved",
    )
