"""Check with the linker whether an artefact fits a device."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from selective_query.exceptions import DeviceLimitError, ExportError
from selective_query.export._c import toolchain
from selective_query.export._c.stack import stack_bound
from selective_query.footprint.report import FootprintReport, MemoryUse

# Memory addresses of STM32 microcontrollers.
FLASH_AT, RAM_AT = 0x08000000, 0x20000000
# For an interrupt frame, including floating-point registers, and the calling main.
STACK_RESERVE = 256


@dataclass(frozen=True)
class LinkReport:
    """Memory of the linked firmware: artefact, buffers of one call, startup code.

    Parameters
    ----------
    device : str
    core : str
    flash_bytes : int
        Code and constants.
    sram_bytes : int
        Static memory: activations, and the input and output of one call.
    stack_bytes : int
        Stack of the deepest call path, from the compiler's figures.
    """

    device: str
    core: str
    flash_bytes: int
    sram_bytes: int
    stack_bytes: int


def link(folder, device, call):
    """Compile and link an artefact for a device.

    All SRAM of the profile counts as one block. If a device has separate banks, as an
    STM32H743 has, the largest contiguous block is smaller than assumed here.

    Parameters
    ----------
    folder : str or Path
        Contains all C files and headers.
    device : Device
    call : Call

    Returns
    -------
    LinkReport

    Raises
    ------
    ExportError
        If the device has no supported core.
    DeviceLimitError
        If it does not fit; the message contains the excess in bytes.
    RuntimeError
        If the cross compiler is missing or refuses the C code.
    """
    core = core_of(device)
    with TemporaryDirectory() as made:
        out = Path(made)
        objects = toolchain.compiled(Path(folder), core, call, out)
        stack = stack_bound(sorted(out.glob("*.ci")), call.function)
        try:
            image = toolchain.linked(objects, core, _memory(device, stack), out)
        except toolchain.Overflow as overflow:
            raise _does_not_fit(device, overflow.excess) from None
        return LinkReport(device.name, core, *toolchain.sections(image), stack)


def core_of(device):
    """Return the Cortex-M core of a device.

    Raises
    ------
    ExportError
        If it has no supported core.
    """
    core = getattr(device, "core", None)
    if core is None:
        raise ExportError(
            f"{getattr(device, 'name', device)} has no core that firmware is compiled "
            f"for. Choose a device with one, or set it: device.with_(core=...), one of "
            f"{', '.join(toolchain.CORE_FLAGS)}."
        )
    return core


def _memory(device, stack_bytes):
    flash, ram = device.flash_bytes, device.sram_bytes
    return toolchain.Memory(FLASH_AT, flash, RAM_AT, ram, stack_bytes + STACK_RESERVE)


def _does_not_fit(device, excess):
    memories = tuple(
        MemoryUse(name, getattr(device, name) + excess[region], getattr(device, name))
        for region, name in (("FLASH", "flash_bytes"), ("RAM", "sram_bytes"))
        if region in excess
    )
    report = FootprintReport(device.name, memories, "linked, with its stack")
    return DeviceLimitError(
        f"The firmware does not fit {report.excess}. Take a smaller base or router, or "
        "a larger device.",
        report,
    )
