"""Round a mixture to one threshold for each group while meeting every constraint."""

from dataclasses import dataclass

import numpy as np

from selective_query.budgets.base import ROUNDING

# Number of steps from the plan to keeping every row.
N_STEPS = 500


@dataclass(frozen=True, eq=False)
class Constraints:
    """Bounds on the kept rows of each group and on the cost of queries.

    Attributes
    ----------
    size : ndarray of shape (n_groups,)
        Sum of weights of each group.
    least : ndarray of shape (n_groups,)
        Minimum coverage of each group.
    overall : float
        Minimum overall coverage.
    max_gap : float or None
        Largest difference in coverage between two groups.
    max_cost : float or None
        Largest mean cost.
    """

    size: np.ndarray
    least: np.ndarray
    overall: float
    max_gap: float | None
    max_cost: float | None

    def met(self, kept, cost):
        """Whether sums over groups, of shape (..., n_groups), meet every constraint."""
        coverage, n = kept / self.size, self.size.sum()
        met = (coverage >= self.least - ROUNDING).all(axis=-1)
        met &= kept.sum(axis=-1) / n >= self.overall - ROUNDING
        if self.max_gap is not None:
            met &= np.ptp(coverage, axis=-1) <= self.max_gap + ROUNDING
        if self.max_cost is not None:
            met &= cost.sum(axis=-1) / n <= self.max_cost * (1 + ROUNDING)
        return met


def one_threshold_each(plan, levels, constraints):
    """One threshold for each group, shared unless a constraint sets groups apart.

    If that breaks a constraint, each group gets its own threshold, and all groups keep
    more rows, step by step, until every constraint is met. Keeping all rows meets them
    all.

    Parameters
    ----------
    plan : GroupPlan
    levels : list of Levels
        All levels of each group.
    constraints : Constraints

    Returns
    -------
    ndarray of shape (n_groups,)
    """
    shared = _shared_thresholds(plan, levels, constraints)
    places = [level.place_at(t) for level, t in zip(levels, shared, strict=True)]
    if constraints.met(*_sums(levels, places)):
        return shared
    steps = _towards_everything(plan.coverage, constraints.max_gap is not None)
    places = [level.place_for(c) for level, c in zip(levels, steps.T, strict=True)]
    first = int(np.argmax(constraints.met(*_sums(levels, places))))
    return np.array(
        [
            level.threshold_of(place[first])
            for level, place in zip(levels, places, strict=True)
        ]
    )


def repaired(mixture, levels, constraints):
    """Mixtures, each blended with "keep all" just enough to meet all constraints.

    The solver meets them only up to its tolerance.
    """
    places = [
        level.place_at(np.array([t for t, _ in mixed]))
        for level, mixed in zip(levels, mixture, strict=True)
    ]
    shares = [np.array([share for _, share in mixed]) for mixed in mixture]
    kept, cost = (
        np.array([s @ column for s, column in zip(shares, sums, strict=True)])
        for sums in zip(
            *(
                (level.kept[place], level.cost[place])
                for level, place in zip(levels, places, strict=True)
            ),
            strict=True,
        )
    )
    more = np.append(0.0, np.geomspace(ROUNDING, 1, N_STEPS))[:, None]
    met = constraints.met(kept + more * (constraints.size - kept), (1 - more) * cost)
    more = float(more[int(np.argmax(met)), 0])
    if not more:
        return mixture
    return [
        [*((t, (1 - more) * share) for t, share in mixed), (np.inf, more)]
        for mixed in mixture
    ]


def _sums(levels, places):
    """Kept rows and query cost at each place, with groups along the last axis."""
    return (
        np.stack([v.kept[p] for v, p in zip(levels, places, strict=True)], axis=-1),
        np.stack([v.cost[p] for v, p in zip(levels, places, strict=True)], axis=-1),
    )


def _shared_thresholds(plan, levels, constraints):
    """Thresholds at the planned coverage, one shared by all groups not set apart."""
    size = constraints.size
    least = (constraints.least - ROUNDING) * size
    every = np.unique(np.concatenate([level.threshold for level in levels]))
    kept = np.stack([level.kept[level.place_at(every)] for level in levels], axis=-1)
    together, common = ~plan.apart, -np.inf
    while together.any():
        planned = (plan.coverage[together] - ROUNDING) @ size[together]
        first = int(np.argmax(kept[:, together].sum(axis=-1) >= planned))
        common = every[first] if first + 1 < len(every) else np.inf
        # If rows of several groups have the same value, the plan may have met a group's
        # constraint at no cost; a shared threshold may not.
        short = together & (kept[first] < least)
        if not short.any():
            break
        together &= ~short
    found = np.full(len(levels), common)
    for g in np.flatnonzero(~together):
        found[g] = levels[g].threshold_of(levels[g].place_for(plan.coverage[g]))
    return found


def _towards_everything(coverage, level_first):
    """Coverages from the plan to 1, first equalised across groups if `level_first`."""
    step = np.linspace(0, 1, N_STEPS)[:, None]
    highest = coverage.max() if level_first else coverage
    levelled = coverage + step * (highest - coverage)
    return np.vstack([levelled, highest + step * (np.ones_like(coverage) - highest)])
