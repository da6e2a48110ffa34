"""Whether a device holds a footprint: of each memory what is used, what is left."""

from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

from selective_query._utils.numbers import check_whole
from selective_query._utils.validation import check_instance
from selective_query.costs.devices import Device

RESERVED_BYTES = 32 * 1024


@dataclass(frozen=True)
class MemoryUse:
    """What is taken of one memory of a device.

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
        """What is left; below zero where more is taken than there is."""
        return self.allowed - self.used

    def __str__(self):
        share = f"{self.used:,.0f} of {self.allowed:,.0f} {self.name}"
        if self.headroom < 0:
            return f"{share}: {-self.headroom:,.0f} too many"
        return f"{share}: {self.headroom:,.0f} left"


@dataclass(frozen=True)
class FootprintReport:
    """What is taken of a device; true where each memory holds it.

    Parameters
    ----------
    device : str
    memories : tuple of MemoryUse
        Flash and SRAM.
    assumptions : str, default=""
        In words, such as the bits of a number.
    """

    device: str
    memories: tuple
    assumptions: str = ""

    def __bool__(self):
        return all(memory.headroom >= 0 for memory in self.memories)

    @property
    def excess(self):
        """What is exceeded, in words; None where all fits."""
        exceeded = [str(memory) for memory in self.memories if memory.headroom < 0]
        return f"{self.device}: {'; '.join(exceeded)}" if exceeded else None

    def beside(self, what, **used):
        """The report with something else in the memories as well.

        Parameters
        ----------
        what : str
            Named among the assumptions.
        **used : int
            What it takes, by name of the memory: ``flash_bytes``, ``sram_bytes``.

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
    """What a model takes of a device, whether it is a net or not.

    :class:`~selective_query.footprint.EstimatorProfile` and
    :class:`~selective_query.footprint.net_profile.NetProfile` are footprints.
    """

    macs: int

    @property
    def parameters(self):
        """Numbers that were learned."""

    @property
    def operations(self):
        """Multiply-accumulates and comparisons, for ``Deployment(base_macs=)``."""

    def flash_bytes(self, bits):
        """Bytes of what is stored.

        Parameters
        ----------
        bits : int
            Of a number.

        Returns
        -------
        int
        """

    def sram_bytes(self, bits):
        """Bytes of numbers that are alive at once, at most.

        Parameters
        ----------
        bits : int
            Of a number.

        Returns
        -------
        int
        """

    def fits(self, device, *, bits, reserved_bytes):
        """Whether a device holds the model, and with how much room to spare.

        Parameters
        ----------
        device : Device
        bits : int
            Of a number.
        reserved_bytes : int
            Of each memory, for the program and all else.

        Returns
        -------
        FootprintReport
        """


def footprint_report(device, flash_bytes, sram_bytes, *, bits, reserved_bytes):
    """The report on both memories of a device.

    Parameters
    ----------
    device : Device
    flash_bytes, sram_bytes : int
        What a model takes.
    bits : int
        Of its numbers, for the assumptions.
    reserved_bytes : int
        Of each memory, for the program and all else.

    Returns
    -------
    FootprintReport

    Raises
    ------
    TypeError
        When `device` is something else, as its name.
    """
    check_instance(
        device,
        "device",
        Device,
        "Take one, as selective_query.costs.DEVICES['STM32F746'].",
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
