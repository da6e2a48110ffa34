"""Estimators around the decision: hybrid, abstaining, and the paper's adaptation."""

from selective_query._utils import publish
from selective_query.classifiers.abstaining import AbstainingClassifier
from selective_query.classifiers.adaptation import AlternatingAdaptation
from selective_query.classifiers.decisions import Decisions
from selective_query.classifiers.hybrid import HybridClassifier

__all__ = [
    "AbstainingClassifier",
    "AlternatingAdaptation",
    "Decisions",
    "HybridClassifier",
]

publish(globals())
