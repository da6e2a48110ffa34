"""Data about a batch: evidence before a decision, outcomes after it."""

from selective_query._utils import publish
from selective_query.outcomes.chain import ChainOutcomes
from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba

__all__ = ["ChainOutcomes", "Evidence", "Outcomes", "TopKProba"]

publish(globals())
