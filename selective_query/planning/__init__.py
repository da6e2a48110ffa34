"""The operating point of best accuracy within budgets, and what it hangs on."""

from selective_query.planning.plans import Plan, plan, rebound
from selective_query.planning.sensitivity import Sensitivity

__all__ = ["Plan", "Sensitivity", "plan", "rebound"]
