"""What it costs: from coverage to price, latency, energy and battery life."""

from selective_query.costs.cost_model import ConstantCosts, CostModel

__all__ = ["ConstantCosts", "CostModel"]
