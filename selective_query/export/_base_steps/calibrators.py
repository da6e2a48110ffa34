"""Steps of calibrated probabilities: sigmoid calibration or temperature scaling."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._base_steps.outputs import over, two_sided

# What scikit-learn adds to a probability before it takes the logarithm.
EPSILON = 1e-12
FLOOR = 1e-30


def calibrated_member(member, outputs, steps):
    """Add one member of a calibrated classifier; return its probabilities' index.

    Parameters
    ----------
    member : element of ``calibrated_classifiers_``
    outputs : Outputs
        Outputs of its classifier.
    steps : Steps
    """
    n_classes = len(member.classes)
    if len(member.estimator.classes_) != n_classes:
        raise ExportError(
            "A CalibratedClassifierCV with a member that saw only some of the classes "
            "has no form as plain steps. Give it fewer folds, or more rows of the "
            "rarest class."
        )
    if member.method == "temperature":
        return _tempered(member.calibrators[0].beta_, outputs, n_classes, steps)
    if member.method != "sigmoid":
        raise ExportError(
            f"CalibratedClassifierCV(method={member.method!r}) has no form as plain "
            "steps. Use method='sigmoid' or 'temperature'."
        )
    slope = np.array([each.a_ for each in member.calibrators], dtype=float)
    shift = np.array([each.b_ for each in member.calibrators], dtype=float)
    score = outputs.decision
    if score is None:
        score = outputs.proba
        if n_classes == 2:
            score = steps.add("columns", score, start=1, stop=2)
    if n_classes == 2:
        (a,), (b,) = slope, shift
        return steps.add("softmax", two_sided(steps, score, -a, -b))
    score = steps.add("affine", score, weight=np.diag(-slope), bias=-shift)
    return steps.add("normalise", steps.add("apply", score, function="sigmoid"))


def _tempered(beta, outputs, n_classes, steps):
    beta = float(np.squeeze(beta))
    if outputs.logits is None:
        # For two classes scikit-learn uses 1 minus the second probability as the first,
        # which loses the digits of a small one.
        centre, scale = np.full(n_classes, -EPSILON), np.ones(n_classes)
        shifted = steps.add("scale", outputs.proba, centre=centre, scale=scale)
        logits = steps.add("log", shifted, floor=FLOOR)
    else:
        # For two classes scikit-learn uses minus the score and the score.
        logits, beta = outputs.logits, beta * (2 if n_classes == 2 else 1)
    return steps.add("softmax", over(steps, logits, 1 / beta))
