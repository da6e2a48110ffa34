"""Plots of the metrics, one display class for each."""

from selective_query._utils import publish
from selective_query.displays.accuracy_cost import AccuracyCostDisplay
from selective_query.displays.accuracy_coverage import AccuracyCoverageDisplay
from selective_query.displays.benefit_reliability import BenefitReliabilityDisplay
from selective_query.displays.cost_quality import CostQualityDisplay
from selective_query.displays.gap_attribution import GapAttributionDisplay
from selective_query.displays.outage import OutageDisplay
from selective_query.displays.risk_coverage import RiskCoverageDisplay
from selective_query.displays.score_histogram import ScoreHistogramDisplay
from selective_query.displays.tier_flows import TierFlowsDisplay

__all__ = [
    "AccuracyCostDisplay",
    "AccuracyCoverageDisplay",
    "BenefitReliabilityDisplay",
    "CostQualityDisplay",
    "GapAttributionDisplay",
    "OutageDisplay",
    "RiskCoverageDisplay",
    "ScoreHistogramDisplay",
    "TierFlowsDisplay",
]

publish(globals())
