"""The kernel benefit router: a smooth function for the benefit of a query."""

import numpy as np
from scipy.linalg import eigh

from selective_query._utils.numbers import check_number, check_whole, is_number
from selective_query.routers._evidence_columns import (
    add_class_effect,
    column_steps,
    evidence_columns,
)
from selective_query.routers._operations.landmarks import gaussian
from selective_query.routers._ridge import (
    RidgeProblem,
    check_penalty,
    column_penalty,
    standardised,
)
from selective_query.routers.base import SelfScoringRouter
from selective_query.routers.supervision.named import is_in_benefit_units, supervise

# In units of the mean distance between two rows; inf leaves a plain ridge regression.
WIDTHS = (np.inf, 1.0, 0.5)
# Directions of the kernel below this share of the largest are rounding errors.
ROUNDING = 1e-6


class KernelBenefitRouter(SelfScoringRouter):
    r"""Query where the expected benefit is largest, by kernel ridge regression.

    The regression of :class:`BenefitRouter` plus a smooth function of the evidence, so
    that the benefit need not be linear in it:

    .. math:: s(x) = w_0 + w_1 (1 - \max_k p_k) + w^\top \phi(x) + u_{\hat y(x)}
              + \sum_j c_j \exp\Big(-\frac{\lVert \phi(x) - \phi_j \rVert^2}
              {2 d h^2}\Big)

    with the d standardised columns :math:`\phi` and landmarks :math:`\phi_j`: rows
    spread evenly from certainty to doubt, so that the selection depends neither on the
    order of the rows nor on chance. With Nyström's method the landmarks represent all
    rows, and one penalty applies to the linear and the smooth part. Width and penalties
    are chosen by cross-validated squared error along the folds of the outcomes; an
    infinite width gives the plain ridge regression. Scores are in units of benefit.

    Parameters
    ----------
    n_landmarks : int, default=500
        Reduced if there are fewer rows. Memory and time of a fit grow with the number
        of rows times this, and the cost of a decision with this times the number of
        columns.
    width : float or None, default=None
        The width h, in units of the root mean squared distance between two rows. None
        chooses among 1/2, 1 and inf.
    alpha, class_smoothing : float or None, default=None
        Penalties as in :class:`BenefitRouter`.
    supervision : str or callable, default="benefit"
        As in :class:`BenefitRouter`.

    Attributes
    ----------
    landmarks_ : ndarray of shape (n_landmarks, n_columns)
        In standardised columns; empty if the width is infinite.
    kernel_coef_ : ndarray of shape (n_landmarks,)
    coef_ : ndarray of shape (n_columns,)
        For the standardised columns.
    centre_, scale_ : ndarray of shape (n_columns,)
    intercept_ : float
    class_effect_ : ndarray of shape (n_classes,) or None
    width_, alpha_, class_smoothing_ : float
        The chosen or given values.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.

    References
    ----------
    Jitkrittum et al., "When does confidence-based cascade deferral suffice?", NeurIPS
    2023 (the regression of the difference). Williams and Seeger, "Using the Nyström
    method to speed up kernel machines", NIPS 2000.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import KernelBenefitRouter
    >>> outcomes = make_selective_query(500, random_state=0).outcomes
    >>> router = KernelBenefitRouter(n_landmarks=50, width=1.0).fit(outcomes)
    >>> len(router.landmarks_)
    50
    """

    _reads_columns = True

    def __init__(
        self,
        n_landmarks=500,
        width=None,
        alpha=None,
        class_smoothing=None,
        supervision="benefit",
    ):
        self.n_landmarks = n_landmarks
        self.width = width
        self.alpha = alpha
        self.class_smoothing = class_smoothing
        self.supervision = supervision

    @property
    def in_benefit_units(self):
        return is_in_benefit_units(self.supervision)

    def program(self):
        self._check_fitted()
        steps = column_steps(self.layout_, len(self.coef_))
        table = steps.add(
            "scale", len(steps) - 1, centre=self.centre_, scale=self.scale_
        )
        score = steps.add(
            "affine",
            table,
            weight=self.coef_[:, None],
            bias=np.array([self.intercept_]),
        )
        if len(self.landmarks_):
            smooth = steps.add(
                "kernel",
                table,
                landmarks=self.landmarks_,
                weights=self.kernel_coef_,
                width=float(self.width_),
            )
            score = steps.add("combine", score, smooth, function="add")
        add_class_effect(steps, score, self.class_effect_)
        return steps.program("KernelBenefitRouter")

    def _fit(self, outcomes):
        """Fit, and return out-of-fold scores of each row."""
        self._check_params()
        outcomes = supervise(outcomes, self.supervision)
        columns, self.layout_ = evidence_columns(outcomes)
        design, self.centre_, self.scale_ = standardised(columns, outcomes.weight)
        landmarks = _spread_out(columns, outcomes.weight, self.n_landmarks)
        landmarks = (landmarks - self.centre_) / self.scale_
        best = None
        for width in WIDTHS if self.width is None else (self.width,):
            smooth = _SmoothPart(design[:, 1:], landmarks, width, outcomes.weight)
            table = np.hstack([design, smooth.columns])
            problem = RidgeProblem(table, column_penalty(table, outcomes), outcomes)
            choice = problem.choose(self.alpha, self.class_smoothing)
            if best is None or choice.error < best[0].error:
                best = choice, width, smooth, problem
        choice, self.width_, smooth, problem = best
        self.alpha_, self.class_smoothing_ = choice.alpha, choice.class_smoothing
        weights, self.class_effect_, score = problem.fit_all(*choice[1:3])
        self.coef_ = weights[1 : design.shape[1]]
        self.landmarks_ = smooth.landmarks
        self.kernel_coef_ = smooth.map @ weights[design.shape[1] :]
        self.intercept_ = float(weights[0] - smooth.centre @ weights[design.shape[1] :])
        return problem.held_out(*choice[1:3], score)

    def _check_params(self):
        check_whole(self.n_landmarks, "n_landmarks", 1)
        linear = is_number(self.width) and self.width == np.inf
        if self.width is not None and not linear:
            hint = "None chooses it by cross-validation; inf is the linear router."
            check_number(self.width, "width", 1e-6, 1e6, hint=hint)
        check_penalty(self.alpha, "alpha")
        check_penalty(self.class_smoothing, "class_smoothing")


class _SmoothPart:
    """Columns in which a function's squared norm is the sum of squared weights."""

    def __init__(self, rows, landmarks, width, weight):
        self.landmarks = landmarks if np.isfinite(width) else landmarks[:0]
        if not len(self.landmarks):
            self.map = np.zeros((0, 0))
            self.columns, self.centre = np.zeros((len(rows), 0)), np.zeros(0)
            return
        values, vectors = eigh(gaussian(self.landmarks, self.landmarks, width))
        kept = values > ROUNDING * values[-1]
        # Scaled to the variance of the linear columns, so that one penalty suits both.
        self.map = vectors[:, kept] * np.sqrt(rows.shape[1] / values[kept])
        self.columns = gaussian(rows, self.landmarks, width) @ self.map
        self.centre = weight @ self.columns / weight.sum()
        self.columns -= self.centre


def _spread_out(columns, weight, n_landmarks):
    """Distinct rows, spread evenly by weight along the first column."""
    order = np.lexsort(columns.T[::-1])
    reached = np.cumsum(weight[order])
    places = (np.arange(n_landmarks) + 0.5) / n_landmarks * reached[-1]
    chosen = order[np.searchsorted(reached, places)]
    return np.unique(columns[chosen], axis=0)
