"""Join a base and a router's score into one program."""

from dataclasses import dataclass

from selective_query.exceptions import ExportError
from selective_query.export._base_steps.outputs import only
from selective_query.routers import Program, Steps


@dataclass(frozen=True, eq=False)
class JoinedProgram:
    """The steps of a base and of a router's score in one program over ``X``.

    Parameters
    ----------
    program : Program
        Reads ``X`` alone and ends in the score.
    proba : int
        Index of the step of the class probabilities.
    read : dict of str to int
        Indices of the other parts of the evidence that the score reads.
    """

    program: Program
    proba: int
    read: dict

    @property
    def steps(self):
        return self.program.steps

    @property
    def score(self):
        """Index of the step of the score: the last one."""
        return len(self.steps) - 1


def joined(base, head):
    """Join a base and the score that reads the base's outputs into one program.

    Steps that neither the probabilities nor the score need are left out.

    Parameters
    ----------
    base : BaseProgram
    head : Program
        Program of a fitted router.

    Returns
    -------
    JoinedProgram

    Raises
    ------
    ExportError
        If the score reads something that the base does not compute.
    """
    steps, placed, read = Steps(base.steps), [], {}
    for op, inputs, parameters in head.steps:
        if op == "read":
            placed.append(_place_of(base, head.router, **parameters))
            read[parameters["part"]] = placed[-1]
        else:
            placed.append(steps.add(op, *(placed[i] for i in inputs), **parameters))
    score = placed[-1]
    steps, moved = only(steps, [0, base.proba, score])
    beside = read.keys() - {"X", "base_proba"}
    return JoinedProgram(
        steps.program(head.router),
        moved[base.proba],
        {part: moved[read[part]] for part in sorted(beside)},
    )


def _place_of(base, router, part, width=None):
    places = {
        "X": 0,
        "base_proba": base.proba,
        "base_logits": base.logits,
        "base_features": base.features,
    }
    place = places[part]
    if place is None:
        raise ExportError(
            f"{router} reads {part}, which this base does not compute as plain steps. "
            "Fit the router without base_features, or with a scaler or PCA of X."
        )
    known = base.program().widths()[place]
    if width not in (None, known):
        raise ExportError(
            f"{router} was fitted on {part} with {width} columns. The base makes "
            f"{known}."
        )
    return place
