"""Outcomes as budgets look at them, and where a budget is likely to end."""

import numpy as np

from selective_query.budgets._solving.sweep import JudgedRows
from selective_query.budgets.combined import floors_of, least_coverage
from selective_query.budgets.row_budgets import RowBudget, looks_at_rows
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import top_probability


def judged_rows(score, outcomes):
    """Scores and outcomes of rows, as budgets look at them."""
    return JudgedRows(
        score, outcomes.base_utility, outcomes.answer_if_queried, outcomes.weight
    )


def likely_coverage(budget, outcomes):
    """The coverage that a budget is going to end at, for routers trained for one.

    A limit says it. For a floor it is where plain confidence reaches it, or comes
    closest to it. Budgets by group say little, and those by cost of rows nothing.
    """
    least, floors = least_coverage(budget), floors_of(budget)
    if looks_at_rows(budget):
        by_row = [part for part in budget.parts if isinstance(part, RowBudget)]
        return max(least, *(part.likely_coverage for part in by_row), 0.0)
    if not floors or not isinstance(outcomes, Outcomes):
        return least
    score = np.zeros(outcomes.n_rows)
    if outcomes.base_proba is not None:
        score = -top_probability(outcomes.base_proba)
    sweep = judged_rows(score, outcomes).sweep()
    lacking = sum(np.maximum(0, floor.shortfall(sweep)) for floor in floors)
    lacking = np.nan_to_num(lacking, nan=np.inf, posinf=np.inf)
    closest = np.flatnonzero(lacking == lacking.min())[-1]
    return max(least, float(min(sweep.coverage[closest], 1.0)))
