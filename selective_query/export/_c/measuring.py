"""Measure what a decision in C needs on a device: linked, emulated or estimated."""

from selective_query.exceptions import DeviceLimitError, ExportError
from selective_query.export._c import emulator, toolchain
from selective_query.export._c.decision_call import (
    decided,
    decision_call,
    decision_rows,
)
from selective_query.export._c.firmware import link
from selective_query.footprint.report import footprint_report

N_EMULATED = 8


def measured(folder, half, device, rows, answers):
    """Return report fields: bytes, instructions, and how they were measured.

    Parameters
    ----------
    folder : Path
    half : Half
    device : Device
    rows : Rows
    answers : dict of str to ndarray
        Decisions about the rows.

    Returns
    -------
    dict

    Raises
    ------
    DeviceLimitError
        If the artefact does not fit the device.
    ExportError
        If the emulated firmware and the twin differ.
    """
    if not toolchain.is_installed():
        return _estimated(device, *half.stored_bytes)
    decision = half.decision
    call = decision_call(decision)
    linked = link(folder, device, call)
    found = {
        "footprint": f"linked for {device.name}, {linked.core}",
        "flash_bytes": linked.flash_bytes,
        "sram_bytes": linked.sram_bytes,
        "stack_bytes": linked.stack_bytes,
    }
    if emulator.is_installed() and linked.core in emulator.MACHINES:
        handed = decision_rows(decision, rows.handed, rows.group, rows.local)
        ran = emulator.run(folder, linked.core, call, handed[:N_EMULATED])
        _refuse_others(decided(decision, ran.outputs), answers, linked.core)
        found["instructions"] = ran.instructions
    return found


def _estimated(device, flash, sram):
    report = footprint_report(device, flash, sram, bits=32, reserved_bytes=0)
    if not report:
        raise DeviceLimitError(f"The artefact does not fit {report.excess}.", report)
    return {
        "footprint": "estimated from data alone: no cross compiler is installed",
        "flash_bytes": flash,
        "sram_bytes": sram,
    }


def _refuse_others(found, expected, core):
    for name, values in found.items():
        differs = values != expected[name][: len(values)]
        if differs.any():
            raise ExportError(
                f"The firmware on an emulated {core} and its twin in numpy have "
                f"different values of {name}: {differs.sum()} of {differs.size}. "
                "Report this with the version of the compiler."
            )
