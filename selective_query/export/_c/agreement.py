"""Rows on which C, its twin in numpy and the classifier are compared."""

from dataclasses import dataclass

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._c.host import HostModel
from selective_query.export._parity import (
    Decisions,
    asked_of,
    compared,
    decisions_of,
    not_compared,
)
from selective_query.outcomes import Evidence

# Where there is no example, arithmetic alone is compared, on so many random rows.
N_RANDOM = 64


@dataclass(frozen=True, eq=False)
class Rows:
    """Some inputs, as C is handed them, and what is decided on them in Python.

    Parameters
    ----------
    handed : dict of str to ndarray of shape (n_samples, n_columns), float32
    group : ndarray of shape (n_samples,) or None
        Positions among the cuts, where a group is handed over.
    local : ndarray of shape (n_samples,) or None
        Which must stay, where that is.
    expected : Decisions or None
        Of the classifier; None of random rows.
    evidence : Evidence or None
    """

    handed: dict
    group: np.ndarray | None
    local: np.ndarray | None
    expected: Decisions | None = None
    evidence: Evidence | None = None

    @classmethod
    def of_example(cls, subject, half, inputs, example):
        """Rows that were given, as a classifier or rule is."""
        expected, evidence = decisions_of(subject, example)
        asked = asked_of(subject, evidence)
        numbers = example if inputs is None else inputs.tensors(example)["X"]
        group = None
        if "group" in asked:
            place = {label: i for i, (label, _) in enumerate(subject.cuts)}
            group = np.array([place[label] for label in asked["group"].tolist()])
        return cls(
            half.handed(numbers), group, asked.get("local_only"), expected, evidence
        )

    @classmethod
    def at_random(cls, half):
        """Rows that tell nothing but whether C and its twin compute the same."""
        rng, decision = np.random.default_rng(0), half.decision
        handed = {
            name: rng.uniform(size=(N_RANDOM, width)).astype(np.float32)
            for name, width in decision.inputs
        }
        zeros = np.zeros(N_RANDOM, dtype=int)
        group = zeros if decision.group == "input" else None
        return cls(handed, group, zeros > 0 if decision.reads_local else None)

    def answers(self, half, folder):
        """What C decides, which must be what its twin does.

        Parameters
        ----------
        half : Half
        folder : Path
            Of its C.

        Returns
        -------
        dict of str to ndarray

        Raises
        ------
        ExportError
            When any number differs in its last bit.
        """
        decision = half.decision
        model = HostModel(
            folder, decision.inputs, decision.n_classes,
            decision.group == "input", decision.reads_local,
        )  # fmt: skip
        found = model.run(self.handed, self.group, self.local)
        twin = half.run(self.handed, self.group, self.local)
        for name, values in found.items():
            differs = values != twin[name]
            if differs.any():
                raise ExportError(
                    f"C and its twin in numpy have other values of {name}: "
                    f"{differs.sum()} of {differs.size}. Compile with -O2 and "
                    "-ffp-contract=off; set CC to another compiler if it persists."
                )
        return found

    def report(self, subject, answers, *, must_agree):
        """The ExportReport of these answers.

        Parameters
        ----------
        subject : Subject
            With the rule of the classifier.
        answers : dict of str to ndarray
        must_agree : bool
            Whether the base is the same model.
        """
        target = "C"
        if self.expected is None:
            return not_compared(subject, target)
        label = answers.get("label")
        if label is not None and subject.classes is not None:
            label = subject.classes[label]
        found = Decisions(answers["score"].astype(float), ~answers["queried"], label)
        return compared(
            subject, self.expected, found, self.evidence, target, must_agree=must_agree
        )
