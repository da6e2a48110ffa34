"""The exported parts of a classifier or policy: base, score program, thresholds."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils.validation import check_is_fitted

from selective_query.budgets import GroupOperatingPoint, OperatingPoint
from selective_query.budgets._columns import part_that_reads
from selective_query.budgets._solving.thresholds import ROUNDING_STEPS, USUAL_STEPS
from selective_query.classifiers import (
    AbstainingClassifier,
    CascadeClassifier,
    HybridClassifier,
)
from selective_query.exceptions import ExportError
from selective_query.export._single import rounded_down
from selective_query.policy import RoutingPolicy
from selective_query.routers import Program
from selective_query.rule import Rule
from selective_query.tiers import CascadePolicy, CascadeRule

CLASSIFIERS = AbstainingClassifier, CascadeClassifier, HybridClassifier


@dataclass(frozen=True, eq=False)
class Subject:
    """Everything that decides, in parts that can be converted to another language.

    Parameters
    ----------
    rule : Rule
    program : Program
        Program of the rule's router.
    base : estimator or None
        None for a policy or rule alone, which takes the base's outputs as input.
    features : str, callable, transformer or None
        Features of the base that the router reads, like ``base_features`` of a
        classifier.
    classes : ndarray of shape (n_classes,) or None
    cuts : tuple of (group or None, float)
        The threshold, or one per group.
    group : {None, "predicted_class", "input"}
        Source of an input's group: none, the base's answer, or the caller.
    """

    rule: Rule
    program: Program
    base: object
    features: object
    classes: np.ndarray | None
    cuts: tuple
    group: str | None

    @property
    def reads_local(self):
        """Whether the caller must say which inputs are local."""
        return bool(self.rule.local)

    @property
    def thresholds(self):
        """The thresholds of `cuts`, shape (n_cuts,)."""
        return np.array([threshold for _, threshold in self.cuts])

    @property
    def groups(self):
        """Group labels that the caller may give for an input; None without groups."""
        return [label for label, _ in self.cuts] if self.group == "input" else None

    def single_thresholds(self, n_classes):
        """Return the thresholds for single-precision scores.

        Returns
        -------
        ndarray of float32
            In the order of `cuts`, or by class if the predicted class is the group. A
            class that was never predicted on the calibration rows is kept by the base.
        """
        found = rounded_down(self.thresholds + self.margins)
        if self.group != "predicted_class":
            return found
        by_class = np.full(n_classes, np.inf, dtype=np.float32)
        by_class[[place for place, _ in self.cuts]] = found
        return by_class

    @property
    def margins(self):
        """Increase of each threshold for an artefact, shape (n_cuts,).

        A threshold exceeds the score that it keeps only by the rounding error of the
        scores that it was fitted on, which may be in double precision. In single
        precision, rows tied at the threshold could then fall on either side. So it is
        raised by the rounding error of single precision, but by at most half the
        distance to the next score of a calibration row.
        """
        cut = self.thresholds
        size = np.where(np.isfinite(cut), np.abs(cut), 0)
        own, usual = ROUNDING_STEPS[np.dtype(np.float32)], USUAL_STEPS
        margin = (own * size + usual) * np.finfo(np.float32).eps
        if not self.rule.headroom:
            return margin
        return np.minimum(margin, np.array(self.rule.headroom) / 2)


def subject_of(obj):
    """Return the exported parts, after checking that they can be converted.

    Parameters
    ----------
    obj : HybridClassifier, AbstainingClassifier, CascadeClassifier, policy or rule
        Fitted. For a chain, the first tier is exported.

    Returns
    -------
    Subject

    Raises
    ------
    TypeError
        If it is of another type.
    NotFittedError
        If it is not fitted, or a rule has no threshold.
    ExportError
        If the router has no program, the rule mixes thresholds at random, or a chain
        abstains.
    """
    base = features = classes = None
    if isinstance(obj, CLASSIFIERS):
        check_is_fitted(obj, "policy_")
        base, features, rule, classes, _ = obj.edge_
    elif isinstance(obj, (RoutingPolicy, CascadePolicy)):
        check_is_fitted(obj, "rule_")
        rule = obj.rule_
    elif isinstance(obj, (Rule, CascadeRule)):
        rule = obj
    else:
        raise TypeError(
            "Only a HybridClassifier, AbstainingClassifier, CascadeClassifier, policy "
            f"or rule can be exported. Got {type(obj).__name__}. Export a model alone "
            "with tools of its own, such as skl2onnx."
        )
    _refuse_doubts(getattr(obj, "rule_", obj))
    if isinstance(rule, CascadeRule):
        rule = rule.rules[0]
    rule.check_cut()
    cuts, group = _cuts(rule.operating_point)
    program = _program(rule.router)
    return Subject(rule, program, base, features, classes, cuts, group)


def _refuse_doubts(rule):
    """Raise if the first tier of a chain has a second threshold, for abstention."""
    if getattr(rule, "doubts", ()):
        raise ExportError(
            "A chain that abstains cannot be exported: an artefact can only answer or "
            "pass on. Export chain.at(coverage, abstain=None)."
        )


def _program(router):
    try:
        return router.program()
    except TypeError as error:
        raise ExportError(f"The rule cannot be exported: {error}") from error


def _cuts(point):
    kind = type(point)
    if kind is OperatingPoint:
        return ((None, point.threshold),), None
    if kind is not GroupOperatingPoint:
        raise ExportError(
            f"A rule cut by a {kind.__name__} cannot be exported: it picks among "
            "thresholds at random, row by row. Give the budget as All(...) in place of "
            "Mixed(...)."
        )
    by = part_that_reads(point.budget, "group")
    if by is None:
        ((_, threshold),) = point.thresholds
        return ((None, threshold),), None
    return point.thresholds, "predicted_class" if by.reads_base else "input"
