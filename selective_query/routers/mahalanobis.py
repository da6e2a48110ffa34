"""Distance to the nearest class, in units of the within-class spread."""

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from selective_query.outcomes.probabilities import top_class
from selective_query.routers._table import (
    centre_and_scale,
    numeric_table,
)
from selective_query.routers.base import BaseRouter
from selective_query.routers.steps import Steps

# Keeps a covariance without spread solvable.
TINY = 1e-12


class MahalanobisRouter(BaseRouter):
    r"""Query inputs that are far from every class mean of the base's features.

    .. math:: s(x) = \min_c \,(\phi(x) - \mu_c)^\top \Sigma^{-1} (\phi(x) - \mu_c)

    with the mean :math:`\mu_c` of the rows that the base assigns to class c, and the
    covariance :math:`\Sigma` around these means, shared by all classes and shrunk
    towards a multiple of the identity as by Ledoit and Wolf. Columns are first scaled
    to mean 0 and variance 1, which affects only the shrinkage.

    The paper uses means of true classes on the training rows. Here they are of
    predicted classes, so that the router also works with graded answers and without
    labels.

    Attributes
    ----------
    means_ : ndarray of shape (n_predicted_classes, n_columns)
        After whitening.
    whitening_ : ndarray of shape (n_columns, n_columns)
        Inverse of the lower Cholesky factor of the shrunken covariance.
    shrinkage_ : float
        Weight of the identity, in [0, 1].
    centre_, scale_ : ndarray of shape (n_columns,)

    References
    ----------
    Lee, Lee, Lee and Shin, "A simple unified framework for detecting
    out-of-distribution samples and adversarial attacks", NeurIPS 2018. Ledoit and Wolf,
    "A well-conditioned estimator for large-dimensional covariance matrices", 2004.

    Examples
    --------
    >>> import numpy as np
    >>> from selective_query import Evidence, Outcomes
    >>> from selective_query.routers import MahalanobisRouter
    >>> known = Outcomes(
    ...     base_proba=[[1, 0], [1, 0], [0, 1], [0, 1]], base_utility=np.ones(4),
    ...     base_features=[[-3.0], [-1.0], [1.0], [3.0]],
    ... )
    >>> router = MahalanobisRouter().fit(known)
    >>> router.query_score(Evidence(base_features=[[2.0], [3.0], [0.0]])).round(3)
    array([0., 1., 4.])
    """

    learns = True
    required_evidence = ("base_features", "base_proba")

    def fit(self, outcomes):
        table = numeric_table(outcomes, "base_features", "MahalanobisRouter")
        predicted = top_class(outcomes.require("base_proba", "MahalanobisRouter"))
        used = outcomes.weight > 0
        weight = outcomes.weight[used]
        self.centre_, self.scale_ = centre_and_scale(table[used], weight)
        table = (table[used] - self.centre_) / self.scale_
        classes, member = np.unique(predicted[used], return_inverse=True)
        means = np.zeros((len(classes), table.shape[1]))
        np.add.at(means, member, weight[:, None] * table)
        means /= np.bincount(member, weight)[:, None]
        covariance, self.shrinkage_ = ledoit_wolf(table - means[member], weight)
        width = len(covariance)
        factor = cholesky(covariance + TINY * np.eye(width), lower=True)
        self.whitening_ = solve_triangular(factor, np.eye(width), lower=True)
        self.means_ = means @ self.whitening_.T
        return self

    def program(self):
        self._check_fitted()
        length = (self.means_**2).sum(axis=1)
        steps = Steps()
        table = steps.read("base_features", len(self.centre_))
        table = steps.add("scale", table, centre=self.centre_, scale=self.scale_)
        white = steps.add("affine", table, weight=self.whitening_.T, bias=None)
        to_means = steps.add("affine", white, weight=-2 * self.means_.T, bias=length)
        nearest = steps.add("reduce", to_means, function="min")
        own = steps.add("reduce", white, function="norm2")
        score = steps.add("combine", own, nearest, function="add")
        steps.add("apply", score, function="relu")
        return steps.program("MahalanobisRouter")


def ledoit_wolf(rows, weight):
    """Shrunken covariance of rows around zero, with each row counted `weight` times.

    Returns
    -------
    covariance : ndarray of shape (n_columns, n_columns)
    shrinkage : float
    """
    n, width = weight.sum(), rows.shape[1]
    covariance = (weight[:, None] * rows).T @ rows / n
    level = np.trace(covariance) / width
    spread = (covariance**2).sum() - width * level**2
    fourth = weight @ (rows**2).sum(axis=1) ** 2 / n
    noise = (fourth - (covariance**2).sum()) / n
    shrinkage = float(np.clip(noise / spread, 0, 1)) if spread > 0 else 0.0
    target = level * np.eye(width)
    return (1 - shrinkage) * covariance + shrinkage * target, shrinkage
