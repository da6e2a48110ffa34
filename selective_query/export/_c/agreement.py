"""Rows on which C, its twin in numpy and the classifier are compared."""

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
# Where there is no example, arithmetic alone is compared, on so many random rows.
N_RANDOM = 64


@dataclass(frozen=True, eq=False)
class Rows:
    """Some inputs, as C is handed them, and what is decided on them in Python.

    Parameters
    ----------
    handed : dict of str to ndarray of shape (n_samples, n_columns), float32
    group : ndarray of shape (n_samples,) or None
        Positions among the groups, where a group is handed over.
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
    def of_example(cls, subject, names, inputs, example):
        """Rows that were given, as a classifier or rule is.

        Parameters
        ----------
        subject : Subject
        names : list of str
            Of what C is handed.
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
        """Rows that tell nothing but whether C and its twin compute the same."""
        rng = np.random.default_rng(0)
        handed = {
            name: rng.uniform(size=(N_RANDOM, width)).astype(np.float32)
            for name, width in decision.inputs
        }
        zeros = np.zeros(N_RANDOM, dtype=int)
        group = zeros if decision.group == "input" else None
        return cls(handed, group, zeros > 0 if decision.reads_local else None)

    def answers(self, folder):
        """What the C in a folder decides, a dict of arrays.

        Raises
        ------
        ExportError
            When it refuses a row.
        """
        model = HostModel(folder, **facts_of_folder(folder)["handed"])
        try:
            return model.run(self.handed, self.group, self.local)
        except ValueError as error:
            raise ExportError(
                f"C cannot decide on all rows of the example. {error} A number on the "
                "way may be beyond single precision: scale the inputs of the model, "
                "and fit it anew."
            ) from None

    def refuse_other(self, half, answers):
        """Raise where C decides otherwise than its twin.

        Raises
        ------
        ExportError
            When any number differs in its last bit.
        """
        twin = half.run(self.handed, self.group, self.local)
        for name, values in answers.items():
            differs = values != twin[name]
            if differs.any():
                raise ExportError(
                    f"C and its twin in numpy have other values of {name}: "
                    f"{differs.sum()} of {differs.size}. Set CC to another compiler, "
                    "and report this with the version of this one."
                )

    def report(self, subject, answers, *, must_agree):
        """The ExportReport of these answers.

        Parameters
        ----------
        subject : Subject
            With the rule of the classifier.
        answers : dict of str to ndarray
        must_agree : bool
            Whether the artefact is the same model, cut alike.
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
