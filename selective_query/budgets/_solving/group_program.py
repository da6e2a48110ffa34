"""The share of each group to query, by a small linear program over thresholds."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import linprog
from scipy.sparse import block_diag, csr_array, hstack, vstack
from sklearn.isotonic import IsotonicRegression

from selective_query.budgets.base import ROUNDING
from selective_query.outcomes._sorted_rows import SortedRows

# Number of thresholds in each group; the program can mix two neighbouring ones.
N_LEVELS = 64
# Scale, so that small gains are not lost in the solver's tolerance.
SCALE = 1e4
# Dual values below this are rounding errors of the solver.
SMALLEST_PRICE = 1e-9


@dataclass(frozen=True, eq=False)
class GroupPlan:
    """Solution of the program.

    Attributes
    ----------
    coverage : ndarray of shape (n_groups,)
        Share of each group that is kept by the base.
    mixture : list of list of (float, float)
        For each group, thresholds and their mixture shares.
    apart : ndarray of shape (n_groups,), bool
        Groups with thresholds of their own, because one of their own constraints binds
        or their costs differ; all other groups share one shadow price, and so one
        threshold.
    value : float
        Expected accuracy gain of the mixture over the base.
    """

    coverage: np.ndarray
    apart: np.ndarray
    mixture: list
    value: float


def expected_benefit(score, benefit, weight):
    """Benefit as a nondecreasing function of the score, by isotonic regression.

    Fitted on all groups together, because single groups may be small.
    """
    finite = np.isfinite(score)
    value = np.zeros(len(score))
    if finite.any():
        value[finite] = IsotonicRegression(out_of_bounds="clip").fit_transform(
            score[finite], benefit[finite], sample_weight=weight[finite]
        )
    return value


def plan_groups(
    score, value, weight, group, n_groups, *, least, overall, max_gap, cost, max_cost
):
    r"""Mix thresholds in each group to maximise the gain within the constraints.

    Let :math:`\lambda_{gk}` be the share at which group g uses its k-th threshold, and
    :math:`V_{gk}, K_{gk}, C_{gk}` the gain, the kept rows and the query cost at that
    threshold. The program is

    .. math:: \max \sum \lambda_{gk} V_{gk} \quad \text{s.t.} \quad
        \sum_k \lambda_{gk} K_{gk} \ge c_g n_g, \;
        \sum \lambda_{gk} K_{gk} \ge c n, \;
        \sum \lambda_{gk} C_{gk} \le B n, \;
        \sum_k \lambda_{gk} = 1.

    Parameters
    ----------
    score, value, weight : ndarray of shape (n_samples,)
        Query score, expected benefit and frequency weight of each row.
    group : ndarray of shape (n_samples,), int
        In ``range(n_groups)``.
    n_groups : int
    least : ndarray of shape (n_groups,)
        Minimum coverage of each group.
    overall : float
        Minimum overall coverage.
    max_gap : float or None
        Largest difference in coverage between two groups.
    cost : ndarray of shape (n_samples,) or None
    max_cost : float or None
        Largest mean cost.

    Returns
    -------
    GroupPlan
    """
    levels = [
        group_levels(
            *(column[group == g] for column in (score, value, weight)),
            None if cost is None else cost[group == g],
            N_LEVELS,
        )
        for g in range(n_groups)
    ]
    size = np.array([level.n for level in levels])
    kept = [level.kept for level in levels]
    n_shares = sum(map(len, kept))
    one_each = block_diag([csr_array(np.ones((1, len(k)))) for k in kept], format="csr")
    coverage = block_diag(
        [csr_array(k[None] / n) for k, n in zip(kept, size, strict=True)], format="csr"
    )
    rows, limits = [-coverage], [-least]
    rows.append(csr_array(-np.concatenate(kept)[None] / size.sum()))
    limits.append([-overall])
    if max_cost is not None:
        spent = np.concatenate([level.cost for level in levels])
        # In its original unit, a small cost would be lost in the solver's tolerance.
        unit = spent.max() or 1.0
        rows.append(csr_array(spent[None] / unit))
        limits.append([max_cost * size.sum() / unit])
    gain = np.concatenate([level.gain for level in levels]) / size.sum()
    if max_gap is not None:
        # Two more variables, the lowest and highest coverage, bound those of the
        # groups.
        none = csr_array((n_groups, 1))
        one = csr_array(np.ones((n_groups, 1)))
        rows = [hstack([part, csr_array((part.shape[0], 2))]) for part in rows]
        rows += [hstack([-coverage, one, none]), hstack([coverage, none, -one])]
        rows.append(csr_array(([-1.0, 1.0], ([0, 0], [n_shares, n_shares + 1]))))
        limits += [np.zeros(n_groups), np.zeros(n_groups), [max_gap]]
        one_each = hstack([one_each, csr_array((n_groups, 2))])
        gain = np.append(gain, [0.0, 0.0])
    found = linprog(
        -gain * SCALE,
        A_ub=vstack(rows),
        b_ub=np.concatenate(limits) + 1e-12,
        A_eq=one_each,
        b_eq=np.ones(n_groups),
        bounds=(0, 1),
        method="highs",
    )
    if not found.success:
        # Keeping every row is always feasible, so the data cannot cause this.
        raise RuntimeError(f"The linear program was not solved: {found.message}")
    price = np.abs(found.ineqlin.marginals) / SCALE
    apart = price[:n_groups] > SMALLEST_PRICE
    if max_cost is not None and price[n_groups + 1] > SMALLEST_PRICE:
        apart[:] = True
    if max_gap is not None:
        brackets = price[-1 - 2 * n_groups : -1].reshape(2, n_groups)
        apart |= (brackets > SMALLEST_PRICE).any(axis=0)
    shares = np.split(found.x[:n_shares], np.cumsum([len(k) for k in kept])[:-1])
    return GroupPlan(
        coverage=np.array(
            [s @ k / n for s, k, n in zip(shares, kept, size, strict=True)]
        ).clip(0, 1),
        apart=apart,
        mixture=[
            [
                (level.threshold_of(i), float(share[i]))
                for i in np.flatnonzero(share > 1e-9)
            ]
            for level, share in zip(levels, shares, strict=True)
        ],
        value=float(gain @ found.x),
    )


@dataclass(frozen=True, eq=False)
class Levels:
    """Sums over a group at a series of thresholds, from querying all to querying none.

    Attributes
    ----------
    threshold, kept, gain, cost : ndarray of shape (n_levels,)
        Rows kept up to each threshold, and the gain and cost of querying the rest.
    n : float
        Sum of weights.
    """

    threshold: np.ndarray
    kept: np.ndarray
    gain: np.ndarray
    cost: np.ndarray
    n: float

    def place_for(self, coverage):
        """Index of the first level that keeps at least this share."""
        return np.searchsorted(self.kept, (coverage - ROUNDING) * self.n)

    def place_at(self, threshold):
        """Index of the level with the same kept rows as a threshold."""
        return np.searchsorted(self.threshold, threshold, side="right") - 1

    def threshold_of(self, place):
        """The threshold of a level; infinity for the level that keeps every row."""
        last = place == len(self.threshold) - 1
        return np.inf if last else float(self.threshold[place])


def group_levels(score, value, weight, cost=None, most=None):
    """Levels of a group, thinned evenly if there are more than `most`."""
    rows = SortedRows(score, stable=True)
    last, weight = len(rows.level), weight[rows.order]
    cuts = np.arange(last + 1)
    if most is not None and last > most:
        cuts = np.append(0, np.linspace(0, last - 1, most).round().astype(int) + 1)
    cuts = cuts[rows.reach.start :]  # Rows that must stay are kept at every threshold.

    def sums(column):
        return rows.kept(weight * column[rows.order])[cuts]

    gained = sums(value)
    spent = sums(np.zeros(len(score)) if cost is None else cost)
    return Levels(
        threshold=np.append(-np.inf, rows.level)[cuts],
        kept=rows.kept(weight)[cuts],
        gain=gained[-1] - gained,
        cost=spent[-1] - spent,
        n=weight.sum(),
    )
