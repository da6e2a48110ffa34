"""The decision in C: steps from inputs to label and score, and thresholds."""

from dataclasses import dataclass, field

import numpy as np

from selective_query.export._c import twin
from selective_query.export._c.answer import fields_of


@dataclass(frozen=True, eq=False)
class Decision:
    """A base and a rule, or a rule alone, in single precision.

    Parameters
    ----------
    steps : list of Step
        Result of ``steps_in_single``.
    widths : list of int
    inputs : tuple of (str, int)
        Arguments per input: parts of the evidence, and their widths.
    score : int
        Index of the step of the score.
    proba : int or None
        Index of the step of the probabilities; None if a rule reads none.
    thresholds : ndarray of float32
        A single one, one per class, or one per group.
    group : {None, "predicted_class", "input"}
    reads_local : bool
    told : dict of str to int
        Indices of the steps of ``logits`` or ``features`` that the rule reads. They are
        part of the answer, so that another rule can be fitted on the same base.
    has_net : bool, default=False
        Whether ``sq_net`` processes ``X`` and writes the part ``net``.
    """

    steps: list
    widths: list
    inputs: tuple
    score: int
    proba: int | None
    thresholds: np.ndarray
    group: str | None
    reads_local: bool
    told: dict = field(default_factory=dict)
    has_net: bool = False

    @property
    def n_classes(self):
        """Columns of the probabilities; 0 without them."""
        return 0 if self.proba is None else self.widths[self.proba]

    @property
    def told_widths(self):
        """Columns of the additional arrays of the answer, by name."""
        return {name: self.widths[place] for name, place in self.told.items()}

    @property
    def answered(self):
        """The fields of ``sq_answer``."""
        return fields_of(self.n_classes, self.told_widths)

    @property
    def kept(self):
        """Indices of the steps whose tables are read at the end."""
        return {self.score, *self.told.values()} | ({self.proba} - {None})

    def run(self, parts, group=None, local=None):
        """Return the decisions of the C code, computed by the NumPy twin.

        Parameters
        ----------
        parts : dict of str to ndarray of shape (n_samples, n_columns)
            By name, as the steps read them.
        group : ndarray of shape (n_samples,), int, optional
            Position of each input's group in `thresholds`.
        local : ndarray of shape (n_samples,), bool, optional
            True where an input must not be queried.

        Returns
        -------
        dict of str to ndarray
            ``score``, ``queried`` and, where known, ``label``, ``probabilities`` and
            the arrays named in `told`. The score of a row that C refuses is NaN.
        """
        tables = twin.run(self.steps, lambda part, width: parts[part])
        made = {name: tables[place] for name, place in self.told.items()}
        if self.proba is not None:
            made["probabilities"] = tables[self.proba]
            made["label"] = tables[self.proba].argmax(axis=1)
        score = tables[self.score][:, 0]
        if self.reads_local:
            score = np.where(local, np.float32(-np.inf), score)
        score = np.where(twin.is_finite(self.steps, tables), score, np.float32(np.nan))
        place = {"predicted_class": made.get("label"), "input": group}.get(
            self.group, 0
        )
        made |= {"score": score, "queried": score > self.thresholds[place]}
        return made
