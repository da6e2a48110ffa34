"""How far new data are likely to miss a budget that calibration rows just meet."""

import numpy as np

from selective_query.budgets.base import least_coverage

# A budget met by this many standard errors is seldom missed on new data.
ROOM = 2.0


def standard_error(values, weight, worth):
    """Standard error of a weighted mean.

    Parameters
    ----------
    values, weight : ndarray of shape (n_samples,)
    worth : float
        Number of rows that one unit of weight represents.

    Returns
    -------
    float
    """
    n = weight.sum()
    if not n:
        return np.nan
    variance = weight @ (values - weight @ values / n) ** 2 / n
    return float(np.sqrt(variance / (n * worth)))


def short_by(lead, error):
    """Typical shortfall on new data, or None if a shortfall is unlikely.

    A threshold that just meets a budget on its calibration rows misses it on new rows
    about half of the time, by about one standard error. This is returned to three
    digits.

    Parameters
    ----------
    lead : float
        By how much the calibration rows exceed the budget.
    error : float
        Standard error of the lead; nan if unknown.

    Returns
    -------
    float or None
    """
    return None if lead >= ROOM * error else float(f"{error:.3g}")


def of_threshold(part, rows, sweep, i, worth):
    """Typical shortfall on new data of a part that threshold i of a sweep meets.

    Parameters
    ----------
    part : Budget
        A single part, not a combination.
    rows : JudgedRows
    sweep : Sweep
        Sweep over these rows.
    i : int
    worth : float
        Number of rows that one unit of weight represents.

    Returns
    -------
    float or None
    """
    if part.bounds_coverage:
        kept = rows.score <= sweep.thresholds[i]
        error = standard_error(kept, rows.weight, worth)
        return short_by(sweep.coverage[i] - least_coverage(part), error)
    if not part.measures_quality or (part.kept_by_global and not sweep.kept[i]):
        return None
    judged = part.values(rows, sweep.thresholds[i])
    if judged is None:
        return np.nan
    values, weight = judged
    # Even if all rows are right, or all equal, one more row could differ.
    least = 1 / (weight.sum() * worth)
    error = max(standard_error(values, weight, worth), least)
    return short_by(-float(part.shortfall(sweep)[i]), error)


def of_groups(part, problem, kept, worth):
    """Typical shortfall on new data of a part under a plan for groups.

    Parameters
    ----------
    part : Budget
        A single part, not a combination.
    problem : GroupProblem
    kept : ndarray of shape (n_samples,)
        Probability that each row is kept.
    worth : float
        Number of rows that one unit of weight represents.

    Returns
    -------
    float or None
    """
    weight = problem.judged.weight

    def share(rows):
        error = standard_error(kept[rows], weight[rows], worth)
        return np.average(kept[rows], weights=weight[rows]), error

    if part.bounds_coverage:
        coverage, error = share(slice(None))
        return short_by(coverage - least_coverage(part), error)
    if part.reads == "query_cost":
        spent = (1 - kept) * problem.cost
        lead = problem.max_cost - np.average(spent, weights=weight)
        return short_by(lead, standard_error(spent, weight, worth))
    if part.reads != "group":
        return None
    coverage, error = np.transpose([share(problem.place == g) for g in problem.present])
    leads = coverage - problem.least[problem.present]
    short = list(map(short_by, leads, error))
    if problem.max_gap is not None:
        low, high = np.argmin(coverage), np.argmax(coverage)
        lead = problem.max_gap - (coverage[high] - coverage[low])
        short.append(short_by(lead, np.hypot(error[low], error[high])))
    return max((by for by in short if by is not None), default=None)
