"""p-values of the calibration rows under the hypothesis that a budget is missed."""

import numpy as np
from scipy.special import (
    bdtr,
    bdtrc,
    betainccinv,
    gammaln,
    xlog1py,
    xlogy,
)

# Number of disagreement rates at which the tail is evaluated, and the range of ratios.
N_NUISANCE = 8
WIDEST_RATIO = 20
# Share of the error probability spent on the bound on the disagreement rate.
NUISANCE_PART = 0.01
# Counts of disagreements further out than this many standard deviations are not summed;
# their whole probability is added to the p-value.
REACH = 5.0
REACH_PROBABILITY = 1e-6
# A bet never stakes more than this share of what it could lose.
LARGEST_STAKE = 0.75


def binomial_p_value(n_right, n, accuracy):
    """P(at least `n_right` of `n` are right), each with probability `accuracy`.

    An exact p-value for the hypothesis that the probability is below `accuracy`.

    Parameters
    ----------
    n_right, n : float
        Whole numbers, as floats.
    accuracy : float

    Returns
    -------
    float
    """
    n_right, n = round(float(n_right)), round(float(n))
    if not n:
        return 1.0
    return float(bdtrc(n_right - 1, n, accuracy)) if n_right else 1.0


def excess_p_value(n_worse, n_better, n, excess, error):
    r"""p-value of "P(worse) - P(better) exceeds `excess`", from paired counts.

    With D in {-1, 0, 1}, let d be the sum of n draws and m the number of disagreements,
    D != 0. An outcome is as extreme as the observed one, or more so, if it has no
    larger value of

    .. math:: (d - n \cdot excess) / \sqrt{m + 1} .

    At a disagreement rate :math:`\pi` this statistic has an exact distribution: m is
    Binomial(n, pi), and the losses among the disagreements are Binomial(m, (1 + excess
    / pi) / 2). The p-value is the maximum over a range of rates below an upper
    Clopper-Pearson bound, plus the probability that this bound fails (Berger and Boos,
    "P values maximized over a confidence set for the nuisance parameter", JASA 1994).
    The statistic is studentised, so its distribution hardly depends on the rate and
    little power is lost.

    Parameters
    ----------
    n_worse, n_better, n : float
        Number of rows on which the rule loses, number on which it wins, and all rows.
    excess : float
        In [0, 1].
    error : float
        Level that the p-value will be compared with. A hundredth of it is spent on the
        bound on the disagreement rate.

    Returns
    -------
    float
        Not exact above `error`: the computation stops once it is exceeded.
    """
    n = round(float(n))
    n_apart = round(float(n_worse + n_better))
    lead = round(float(n_worse - n_better)) - n * excess
    if lead >= 0:
        return 1.0
    statistic = lead / np.sqrt(n_apart + 1)
    given_up = NUISANCE_PART * error
    highest = betainccinv(n_apart + 1, n - n_apart, given_up) if n_apart < n else 1.0
    largest = given_up
    if highest > excess:
        lowest = max(excess, highest / WIDEST_RATIO)
        for rate in np.geomspace(highest, lowest, N_NUISANCE):
            if largest <= error:
                tail = _excess_tail(statistic, n, rate, excess)
                largest = max(largest, tail + given_up)
    return float(min(1.0, largest))


def _excess_tail(statistic, n, rate, excess):
    """P((d - n excess) / sqrt(m + 1) <= statistic) at this disagreement rate."""
    spread = REACH * np.sqrt(n * rate * (1 - rate)) + 1
    lowest, highest = n * rate - spread, n * rate + spread
    m = np.arange(max(0, int(lowest)), min(n, int(highest) + 1) + 1)
    furthest = n * excess + statistic * np.sqrt(m + 1)
    # Rounding must not exclude the observed counts.
    losses = np.floor((m + furthest + 1e-9 * n) / 2)
    chance = min(1.0, (1 + excess / rate) / 2)
    log_chance_of_m = (
        gammaln(n + 1)
        - gammaln(m + 1)
        - gammaln(n - m + 1)
        + xlogy(m, rate)
        + xlog1py(n - m, -rate)
    )
    few = bdtr(np.clip(losses, 0, m), m, chance)
    few = np.where(losses >= m, 1.0, np.where(losses < 0, 0.0, few))
    return np.exp(log_chance_of_m) @ few + REACH_PROBABILITY


def mean_p_value(values, mean):
    r"""p-value of "the mean of values in [0, 1] is lower than `mean`", by betting.

    The wealth :math:`\prod_i (1 + \lambda_i (x_i - m))` of a player who bets on a
    higher mean is a nonnegative supermartingale if the mean is at most m, so it exceeds
    1/p with probability at most p (Waudby-Smith and Ramdas, "Estimating means of
    bounded random variables by betting", JRSS-B 2024). Stakes follow the mean and
    variance seen so far, so the test adapts to the variance.

    Parameters
    ----------
    values : ndarray of shape (n,)
        In [0, 1], in an order that does not depend on the values.
    mean : float
        In [0, 1].

    Returns
    -------
    float
    """
    if not len(values):
        return 1.0
    if mean <= 0:
        return 0.0
    count = np.arange(1, len(values) + 1)
    # The estimates start from one imaginary row of 1/2 with variance 1/4.
    running_mean = (0.5 + np.cumsum(values)) / (count + 1)
    running_variance = (0.25 + np.cumsum((values - running_mean) ** 2)) / (count + 1)
    before_mean = np.append(0.5, running_mean[:-1])
    before_variance = np.append(0.25, running_variance[:-1])
    lead = before_mean - mean
    stake = np.clip(lead / (before_variance + lead**2), 0, LARGEST_STAKE / mean)
    log_wealth = np.cumsum(np.log1p(stake * (values - mean)))
    return float(min(1.0, np.exp(-max(0.0, log_wealth.max()))))
