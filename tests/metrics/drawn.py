"""Rows for property tests, and plain computations to hold the fast ones against."""

from itertools import pairwise

import numpy as np
from hypothesis import strategies as st

INF = np.inf
EIGHTHS = st.integers(0, 8).map(lambda i: i / 8)
RIGHT_OR_WRONG = st.integers(0, 1).map(float)
FINITE = st.sampled_from([-1.0, 0.0, 0.5, 2.0])
ANY = st.sampled_from([-INF, -1.0, 0.0, 0.5, INF])


def rows(scores, utilities=EIGHTHS, max_size=8):
    """Score, base utility, global utility and weight, with many ties."""
    row = st.tuples(scores, utilities, utilities, st.integers(1, 3).map(float))
    drawn = st.lists(row, min_size=1, max_size=max_size)
    return drawn.map(lambda rows: np.array(rows).T)


def repeated(score, base, query, weight):
    """The same rows with each as often as its weight says."""
    return [np.repeat(column, weight.astype(int)) for column in (score, base, query)]


def kept_share(score, coverage, weight):
    """The share of each row that the base keeps, each tie group cut evenly."""
    share = []
    for s in score:
        below, level = weight[score < s].sum(), weight[score == s].sum()
        share.append(np.clip((coverage * weight.sum() - below) / level, 0, 1))
    return np.array(share)


def kept_loss(score, base, weight, coverage):
    """Mean over all rows of the base's loss on what it keeps."""
    return np.average((1 - base) * kept_share(score, coverage, weight), weights=weight)


def accuracy(score, base, query, weight, coverage):
    """Mean utility of the hybrid."""
    kept = kept_share(score, coverage, weight)
    return np.average(kept * base + (1 - kept) * query, weights=weight)


def corners(score, weight):
    """Coverages at the ends of tie groups, with 0."""
    return np.append(
        0, [weight[score <= s].sum() / weight.sum() for s in np.unique(score)]
    )


def integral(function, corners):
    """Integral of a function that is smooth between corners, by Gauss's rule."""
    nodes, weights = np.polynomial.legendre.leggauss(60)
    total = 0.0
    for low, high in pairwise(corners):
        half = (high - low) / 2
        values = [function(low + half * (1 + node)) for node in nodes]
        total += half * (weights @ values)
    return total
