"""ExportReport: comparison of an artefact with its classifier."""

import json
from dataclasses import asdict, dataclass, replace

from selective_query.export._format import plain

# Measurements that do not depend on the operating point.
MEASURED = "footprint", "flash_bytes", "sram_bytes", "stack_bytes", "instructions"


@dataclass(frozen=True)
class ExportReport:
    """Comparison of an artefact with its classifier on some rows.

    Parameters
    ----------
    target : str
        Format of the artefact, such as ``"ONNX"``.
    rows : int
        Number of rows compared; 0 without an example.
    labels_equal, decisions_equal : int or None
        Number of rows on which both have the same label, and the same decision.
        `labels_equal` is None if the artefact has no labels, as for a policy alone.
    score_difference : float or None
        Largest difference of the query scores on rows with the same label; for a policy
        alone, on all rows.
    near_threshold : int or None
        Rows that rounding may decide: in the classifier, their score is within that
        difference of the threshold, plus the margin by which the artefact's threshold
        is raised.
    coverage_before, coverage_after : float or None
        Coverage on these rows by the classifier and by the artefact.
    certificate_before : str
        What the classifier guarantees about its budget on new data.
    certificate_after : str or None
        The same for the artefact; None if it was not shown to decide identically.
    footprint : str or None
        Source of the sizes: the linker, or an estimate.
    flash_bytes, sram_bytes, stack_bytes : int or None
        Memory that the artefact needs on the device.
    instructions : float or None
        Mean instructions per decision, counted by an emulator.
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
        """Return this report with the device measurements of another report.

        Parameters
        ----------
        other : dict
            The other report, as `to_json` writes it.

        Returns
        -------
        ExportReport
        """
        return replace(self, **{name: other.get(name) for name in MEASURED})

    def to_json(self):
        """Return the report as JSON.

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
            lacking = "none: refit the threshold on the artefact"
            if not self.rows:
                lacking = "none was shown: give example=, or refit the threshold"
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
