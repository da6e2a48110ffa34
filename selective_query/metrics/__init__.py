"""Metrics of selective queries: functions from arrays to numbers."""

from selective_query._utils import publish
from selective_query.metrics.areas import (
    augrc,
    aurc,
    deferral_area,
    e_aurc,
    normalised_deferral_area,
    router_auroc,
)
from selective_query.metrics.at_coverage import (
    accuracy_at_coverage,
    coverage_at_risk,
    selective_accuracy_at_coverage,
    selective_risk_at_coverage,
)
from selective_query.metrics.attribution import gap_attribution
from selective_query.metrics.coverage_curve import AccuracyCoverageCurve
from selective_query.metrics.fronts import hull_area, pareto_front
from selective_query.metrics.gap_recovered import apgr, cpt, pgr
from selective_query.metrics.gap_steps import GapAttribution, GapStep
from selective_query.metrics.inference.bands import CurveBand
from selective_query.metrics.inference.paired_means import (
    PairedDifference,
    paired_difference,
)
from selective_query.metrics.inference.paired_scores import PairedScores
from selective_query.metrics.ranked import RankedOutcomes, accuracy_coverage_curve
from selective_query.metrics.running_curve import RunningCurve

__all__ = [
    "AccuracyCoverageCurve",
    "CurveBand",
    "GapAttribution",
    "GapStep",
    "PairedDifference",
    "PairedScores",
    "RankedOutcomes",
    "RunningCurve",
    "accuracy_at_coverage",
    "accuracy_coverage_curve",
    "apgr",
    "augrc",
    "aurc",
    "coverage_at_risk",
    "cpt",
    "deferral_area",
    "e_aurc",
    "gap_attribution",
    "hull_area",
    "normalised_deferral_area",
    "paired_difference",
    "pareto_front",
    "pgr",
    "router_auroc",
    "selective_accuracy_at_coverage",
    "selective_risk_at_coverage",
]

publish(globals())
