"""What of a classifier or policy leaves Python: base, program of the score, cuts."""

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
    """All that decides, in parts that another language can be given.

    Parameters
    ----------
    rule : Rule
    program : Program
        Of the rule's router.
    base : estimator or None
        None of a policy or rule alone, which takes what the base put out.
    features : str, callable, transformer or None
        What the router reads of the base, as ``base_features`` of a classifier.
    classes : ndarray of shape (n_classes,) or None
    cuts : tuple of (group or None, float)
        The threshold, or that of each group.
    group : {None, "predicted_class", "input"}
        What tells the group of an input: nothing, the base's answer, or whoever asks.
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
        """Whether whoever asks must tell which inputs stay with the base."""
        return bool(self.rule.local)

    @property
    def thresholds(self):
        """The thresholds of `cuts` alone, shape (n_cuts,)."""
        return np.array([threshold for _, threshold in self.cuts])

    @property
    def groups(self):
        """Labels of `cuts` that whoever asks tells of an input; None without them."""
        return [label for label, _ in self.cuts] if self.group == "input" else None

    def single_thresholds(self, n_classes):
        """What an artefact of so many classes compares scores of single precision with.

        Returns
        -------
        ndarray of float32
            In the order of `cuts`, or by class where it is the group. A class that no
            calibration row was given stays with the base.
        """
        found = rounded_down(self.thresholds + self.margins)
        if self.group != "predicted_class":
            return found
        by_class = np.full(n_classes, np.inf, dtype=np.float32)
        by_class[[place for place, _ in self.cuts]] = found
        return by_class

    @property
    def margins(self):
        """By how much each threshold is raised for an artefact, shape (n_cuts,).

        A cut stands above the score that it keeps by the rounding of the scores that
        it was learned from, which may be finer: rows tied at the cut would otherwise
        fall to either side. It is raised by what single precision takes, and no more
        than half the way to the next score of a calibration row.
        """
        cut = self.thresholds
        size = np.where(np.isfinite(cut), np.abs(cut), 0)
        own, usual = ROUNDING_STEPS[np.dtype(np.float32)], USUAL_STEPS
        margin = (own * size + usual) * np.finfo(np.float32).eps
        if not self.rule.headroom:
            return margin
        return np.minimum(margin, np.array(self.rule.headroom) / 2)


def subject_of(obj):
    """What is to be exported, once all of it is known to have another form.

    Parameters
    ----------
    obj : HybridClassifier, AbstainingClassifier, CascadeClassifier, policy or rule
        Fitted. Of a chain it is the first tier.

    Returns
    -------
    Subject

    Raises
    ------
    TypeError
        When it is something else.
    NotFittedError
        When it is not fitted, or a rule is not cut.
    ExportError
        When the router has no program, the rule mixes thresholds at random, or a chain
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
    """Raise where the first tier of a chain has a second threshold, to abstain."""
    if getattr(rule, "doubts", ()):
        raise ExportError(
            "A chain that abstains cannot be exported: an artefact passes on or "
            "answers, and has no third word. Export chain.at(coverage, abstain=None)."
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
