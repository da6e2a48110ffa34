"""Whether an artefact fits a device, asked of the linker before anything is flashed."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

from selective_query.exceptions import DeviceLimitError, ExportError
from selective_query.export._c import toolchain
from selective_query.export._c.stack import stack_bound
from selective_query.footprint.report import FootprintReport, MemoryUse

# Where a microcontroller of STMicroelectronics has its memories.
FLASH_AT, RAM_AT = 0x08000000, 0x20000000
# A frame that an interrupt pushes, with the registers of the floating-point unit, and
# the main that calls.
STACK_RESERVE = 256


@dataclass(frozen=True)
class LinkReport:
    """What the linked firmware takes of a device: artefact, one input, startup.

    Parameters
    ----------
    device : str
    core : str
    flash_bytes : int
        Code and constants.
    sram_bytes : int
        Static: activations, and the input and output of one call.
    stack_bytes : int
        Of the longest path of calls, by the compiler's figures.
    """

    device: str
    core: str
    flash_bytes: int
    sram_bytes: int
    stack_bytes: int


def link(folder, device, call):
    """Compile and link an artefact for a device.

    All SRAM of the profile is taken as one block. Where it lies in banks apart, as in
    an STM32H743, less fits in one piece than is said here.

    Parameters
    ----------
    folder : str or Path
        Of C files and headers, all in one place.
    device : Device
    call : Call

    Returns
    -------
    LinkReport

    Raises
    ------
    ExportError
        When nobody compiles for the device.
    DeviceLimitError
        When it does not fit; says how many bytes are too many.
    RuntimeError
        When the cross compiler is not installed or refuses the C.
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
    """The Cortex-M core of a device.

    Raises
    ------
    ExportError
        When it has none.
    """
    core = getattr(device, "core", None)
    if core is None:
        raise ExportError(
            f"{getattr(device, 'name', device)} has no core that firmware is compiled "
            f"for. Take a device with one, or name it: device.with_(core=...), of "
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
