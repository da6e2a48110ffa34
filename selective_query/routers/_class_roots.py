"""Ridge regression on square roots of the largest probabilities, by class."""

import numpy as np
from scipy.sparse import csr_array

from selective_query.outcomes.probabilities import TopKProba

# Number of largest probabilities used for each row, as in the evidence columns.
N_TOP = 5
PENALTIES = (np.inf, 1000.0, 300.0, 150.0, 80.0, 40.0, 20.0, 10.0, 5.0)
# Conjugate gradients stop at this share of the initial gradient.
CLOSE = 1e-10
MOST_STEPS = 500


def roots_of_largest(proba, k=N_TOP):
    """Square roots of the k largest probabilities, including ties with the k-th.

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes) or TopKProba
    k : int

    Returns
    -------
    ndarray or csr_array of shape (n_samples, n_classes)
        Zero for all other classes.
    """
    if not isinstance(proba, TopKProba):
        return np.sqrt(_largest_alone(proba.astype(float), k))
    roots = np.sqrt(proba.proba[:, :k].astype(float))
    ends = np.arange(0, roots.size + 1, roots.shape[1])
    classes = proba.classes[:, :k].ravel()
    return csr_array((roots.ravel(), classes, ends), shape=proba.shape)


def _largest_alone(proba, k):
    """The probabilities, with zeros in place of those below the k-th largest."""
    n_classes = proba.shape[1]
    if k >= n_classes:
        return proba
    least = np.partition(proba, n_classes - k, axis=1)[:, n_classes - k]
    return np.where(proba >= least[:, None], proba, 0)


class ClassRoots:
    r"""Additive effects of the most probable classes on a score.

    .. math:: \min_\theta \sum_i v_i \Big(r_i - \sum_{k \le 5}
              \sqrt{p_{(k)i}}\, \theta_{(k)i}\Big)^2 + \alpha \lVert \theta \rVert^2

    Parameters
    ----------
    proba : ndarray of shape (n_samples, n_classes) or TopKProba
    weight : ndarray of shape (n_samples,)
    """

    def __init__(self, proba, weight):
        self.roots = csr_array(roots_of_largest(proba))
        self.weight = weight

    def path(self, penalties, residual, rows):
        """Yield the effect on each row for each penalty, starting with the largest."""
        roots, weight = self.roots[rows], self.weight[rows]
        effects = np.zeros(roots.shape[1])
        for penalty in penalties:
            if np.isinf(penalty):
                yield np.zeros(len(self.weight))
                continue
            effects = _solved(roots, weight, residual[rows], penalty, effects)
            yield self.roots @ effects

    def effects(self, penalty, residual):
        """The effect of each class, shape (n_classes,); None without effects."""
        if np.isinf(penalty):
            return None
        start = np.zeros(self.roots.shape[1])
        return _solved(self.roots, self.weight, residual, penalty, start)


def _solved(roots, weight, target, penalty, start):
    """Ridge regression by conjugate gradients, without a square matrix."""

    def normal(effects):
        return roots.T @ (weight * (roots @ effects)) + penalty * effects

    scale = roots.power(2).T @ weight + penalty
    scale[scale == 0] = 1  # classes that are among the most probable in no row
    slope = roots.T @ (weight * target)
    goal = CLOSE**2 * (slope @ (slope / scale))
    effects, residual = start, slope - normal(start)
    direction = along = residual / scale
    size = residual @ along
    for _ in range(MOST_STEPS):
        if size <= goal:
            break
        bent = normal(direction)
        step = size / (direction @ bent)
        effects, residual = effects + step * direction, residual - step * bent
        along = residual / scale
        size, before = residual @ along, size
        direction = along + size / before * direction
    return effects
