"""Rows for property tests, and plain computations to compare the fast ones with."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

INF = np.inf
EIGHTHS = st.integers(0, 8).map(lambda i: i / 8)
RIGHT_OR_WRONG = st.integers(0, 1).map(float)
FINITE = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
ANY = st.sampled_from([-INF, -1.0, 0.0, 0.5, INF])


def rows(scores, utilities=EIGHTHS, max_size=8):
    """Draw score, base utility, global utility and weight, with many ties."""
    row = st.tuples(scores, utilities, utilities, st.integers(1, 3).map(float))
    drawn = st.lists(row, min_size=1, max_size=max_size)
    return drawn.map(lambda rows: np.array(rows).T)


def repeated(score, base, query, weight):
    """Return the rows, each repeated as often as its weight."""
    return [np.repeat(column, weight.astype(int)) for column in (score, base, query)]


def kept_share(score, coverage, weight):
    """Return the share of each row that the base keeps, splitting tie groups evenly."""
    share = []
    for s in score:
        below, level = weight[score < s].sum(), weight[score == s].sum()
        share.append(np.clip((coverage * weight.sum() - below) / level, 0, 1))
    return np.array(share)


def kept_loss(score, base, weight, coverage):
    """Return the mean over all rows of the base's loss on kept rows."""
    return np.average((1 - base) * kept_share(score, coverage, weight), weights=weight)


def accuracy(score, base, query, weight, coverage):
    """Return the mean utility of the hybrid."""
    kept = kept_share(score, coverage, weight)
    return np.average(kept * base + (1 - kept) * query, weights=weight)


def corners(score, weight):
    """Return the coverages at the ends of tie groups, and 0."""
    return np.append(
        0, [weight[score <= s].sum() / weight.sum() for s in np.unique(score)]
    )


def integral(function, corners):
    """Integrate a function that is smooth between corners, by Gaussian quadrature."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0.0
    for low, high in pairwise(corners):
        half = (high - low) / 2
        values = [function(low + half * (1 + node)) for node in nodes]
        total += half * (weights @ values)
    return total
