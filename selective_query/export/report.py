"""How an artefact compares with the classifier that it was made of."""

import json
from dataclasses import asdict, dataclass, replace

from selective_query.export._format import plain

# What an operating point does not change.
MEASURED = "footprint", "flash_bytes", "sram_bytes", "stack_bytes", "instructions"


@dataclass(frozen=True)
class ExportReport:
    """What an artefact says about some rows, beside what its classifier says.

    Parameters
    ----------
    target : str
        What the artefact is, such as ``"ONNX"``.
    rows : int
        How many were compared; 0 where no example was given.
    labels_equal, decisions_equal : int or None
        On how many of them both have the same label, and the same decision. Labels are
        None where the artefact has none, as that of a policy alone.
    score_difference : float or None
        The largest difference of query scores on rows that have the same label, or on
        all rows of a policy alone. Those of another label `labels_equal` tells.
    near_threshold : int or None
        Rows whose score in the classifier is within that difference of the threshold,
        or within what the artefact's threshold is raised by, so that rounding may
        decide them.
    coverage_before, coverage_after : float or None
        Share of the rows that the base answers, by the classifier and by the artefact.
    certificate_before : str
        What is known about the budget of the classifier on new data.
    certificate_after : str or None
        The same of the artefact; None where nothing shows that it decides alike.
    footprint : str or None
        How the bytes are known: by the linker, or by an estimate.
    flash_bytes, sram_bytes, stack_bytes : int or None
        What a device must hold.
    instructions : float or None
        A decision takes on average, counted by an emulator.
    """

    target: str
    rows: int
    labels_equal: int | None
    decisions_equal: int | None
    score_difference: float | None
    near_threshold: int | None
    coverage_before: float | None
    coverage_after: float | None
    certificate_before: str
    certificate_after: str | None
    footprint: str | None = None
    flash_bytes: int | None = None
    sram_bytes: int | None = None
    stack_bytes: int | None = None
    instructions: float | None = None

    def measured_as(self, other):
        """Add what another report of this artefact measured on a device.

        Parameters
        ----------
        other : dict
            As `to_json` writes it.

        Returns
        -------
        ExportReport
        """
        return replace(self, **{name: other.get(name) for name in MEASURED})

    def to_json(self):
        """The report as text.

        Returns
        -------
        str
        """
        told = {name: plain(value) for name, value in asdict(self).items()}
        return json.dumps(told, indent=1) + "\n"

    def __str__(self):
        lines = [*self._compared(), *self._measured()]
        width = max(len(name) for name, _ in lines)
        return "\n".join(f"{name.ljust(width)}  {value}" for name, value in lines)

    def _compared(self):
        if not self.rows:
            yield self.target, "compared on no rows: give example="
            yield from self._certified()
            return
        yield self.target, f"compared on {self.rows:,} rows"
        if self.labels_equal is not None:
            yield "labels equal", f"{self.labels_equal:,}"
        yield "decisions equal", f"{self.decisions_equal:,}"
        yield "score difference", f"{self.score_difference:.3g}"
        yield "near the threshold", f"{self.near_threshold:,} rows"
        yield "coverage", f"{self.coverage_before:.4f} -> {self.coverage_after:.4f}"
        yield from self._certified()

    def _certified(self):
        if self.certificate_after == self.certificate_before:
            yield "certificate", f"unchanged: {self.certificate_before}"
        else:
            yield "certificate before", self.certificate_before
            lacking = "none: learn it anew"
            if not self.rows:
                lacking = "none was shown: give example=, or learn it anew"
            yield "certificate after", self.certificate_after or lacking

    def _measured(self):
        if self.footprint is not None:
            yield "footprint", self.footprint
        for name, value in (
            ("flash", self.flash_bytes),
            ("static SRAM", self.sram_bytes),
            ("stack", self.stack_bytes),
        ):
            if value is not None:
                yield name, f"{value:,} bytes"
        if self.instructions is not None:
            yield "a decision", f"{self.instructions:,.0f} instructions"


__all__ = ["ExportReport"]
