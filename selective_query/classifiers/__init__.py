"""Hybrid, cascade and abstaining classifiers; adaptation and second looks."""

from selective_query._utils import publish
from selective_query.classifiers.abstaining import AbstainingClassifier
from selective_query.classifiers.adaptation import AlternatingAdaptation
from selective_query.classifiers.cascade import CascadeClassifier
from selective_query.classifiers.decisions import Decisions
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.classifiers.second_look import SecondLook

__all__ = [
    "AbstainingClassifier",
    "AlternatingAdaptation",
    "CascadeClassifier",
    "Decisions",
    "HybridClassifier",
    "SecondLook",
]

publish(globals())
