"""Estimators around the decision: hybrid, cascade, abstaining, and adaptation."""

from selective_query._utils import publish
from selective_query.classifiers.abstaining import AbstainingClassifier
from selective_query.classifiers.adaptation import AlternatingAdaptation
from selective_query.classifiers.cascade import CascadeClassifier
from selective_query.classifiers.decisions import Decisions
from selective_query.classifiers.hybrid import HybridClassifier

__all__ = [
    "AbstainingClassifier",
    "AlternatingAdaptation",
    "CascadeClassifier",
    "Decisions",
    "HybridClassifier",
]

publish(globals())
