"""Rows on which the C code, its NumPy twin and the classifier are compared."""

from dataclasses import dataclass

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c.host import HostModel
from selective_query.export._c.runtime import facts_of_folder
from selective_query.export._parity import (
    Decisions,
    asked_of,
    compared,
    decisions_of,
    not_compared,
)
from selective_query.outcomes import Evidence

TARGET = "C"
# Without an example, only the arithmetic is compared, on this many random rows.
N_RANDOM = 64


@dataclass(frozen=True, eq=False)
class Rows:
    """Inputs for the C code, and Python's decisions about them.

    Parameters
    ----------
    handed : dict of str to ndarray of shape (n_samples, n_columns), float32
    group : ndarray of shape (n_samples,) or None
        Indices of the groups, if the C code takes a group.
    local : ndarray of shape (n_samples,) or None
        Rows that must not be queried, if the C code takes that flag.
    expected : Decisions or None
        Decisions of the classifier; None for random rows.
    evidence : Evidence or None
    """

    handed: dict
    group: np.ndarray | None
    local: np.ndarray | None
    expected: Decisions | None = None
    evidence: Evidence | None = None

    @classmethod
    def of_example(cls, subject, names, inputs, example):
        """Return the rows of an example.

        Parameters
        ----------
        subject : Subject
        names : list of str
            Names of the inputs of the C code.
        inputs : Inputs or None
        example : array-like, or Evidence for a rule alone
        """
        expected, evidence = decisions_of(subject, example)
        asked, group = asked_of(subject, evidence), None
        if "group" in asked:
            place = {label: i for i, label in enumerate(subject.groups)}
            group = np.array([place[label] for label in asked["group"].tolist()])
        if inputs is None:
            parts = {name: np.asarray(getattr(evidence, name)) for name in names}
        else:
            parts = inputs.tensors(example)
        handed = {
            name: np.float32(part).reshape(len(part), -1)
            for name, part in parts.items()
        }
        return cls(handed, group, asked.get("local_only"), expected, evidence)

    @classmethod
    def at_random(cls, decision):
        """Return random rows, only to compare the arithmetic of C and twin."""
        rng = np.random.default_rng(0)
        handed = {
            name: rng.uniform(size=(N_RANDOM, width)).astype(np.float32)
            for name, width in decision.inputs
        }
        zeros = np.zeros(N_RANDOM, dtype=int)
        group = zeros if decision.group == "input" else None
        return cls(handed, group, zeros > 0 if decision.reads_local else None)

    def answers(self, folder):
        """Return the decisions of the C code in a folder, a dict of arrays.

        Raises
        ------
        ExportError
            If the C code refuses a row.
        """
        model = HostModel(folder, **facts_of_folder(folder)["handed"])
        try:
            return model.run(self.handed, self.group, self.local)
        except ValueError as error:
            raise ExportError(
                f"C cannot decide on all rows of the example. {error} An intermediate "
                "value may overflow single precision: scale the inputs of the model "
                "and refit it."
            ) from None

    def refuse_other(self, half, answers):
        """Raise if the C code and its twin differ.

        Raises
        ------
        ExportError
            If any bit of any value differs.
        """
        twin = half.run(self.handed, self.group, self.local)
        for name, values in answers.items():
            differs = values != twin[name]
            if differs.any():
                raise ExportError(
                    f"C and its twin in numpy have different values of {name}: "
                    f"{differs.sum()} of {differs.size}. Set CC to another compiler, "
                    "and report this with the version of this one."
                )

    def report(self, subject, answers, *, must_agree):
        """Return the ExportReport for these answers.

        Parameters
        ----------
        subject : Subject
            With the rule of the classifier.
        answers : dict of str to ndarray
        must_agree : bool
            Whether the artefact is the same model with the same threshold.
        """
        if self.expected is None:
            return not_compared(subject, TARGET)
        label = answers.get("label")
        if label is not None and subject.classes is not None:
            label = subject.classes[label]
        score, proba = answers["score"].astype(float), answers.get("probabilities")
        found = Decisions(score, ~answers["queried"], label, proba)
        return compared(
            subject, self.expected, found, self.evidence, TARGET, must_agree=must_agree
        )
