"""The constrained router: a net and the price of a query, learned together."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_random_state

from selective_query._utils.validation import Interval, fit_context
from selective_query.routers._constrained_inputs import (
    input_steps,
    layout_of_net,
    linear_guess,
    moments,
    n_top,
    net_inputs,
    spread_evenly,
)
from selective_query.routers.base import BaseRouter
from selective_query.routers.steps import Steps

FEWEST_ROWS = 4
MEASUREMENTS_PER_EPOCH = 4
DAMPING = 0.1
# Unused coverage that is tolerated while the price of a query is positive.
TOLERANCE = 0.005


class ConstrainedRouter(BaseRouter):
    r"""Learn a routing net and the price of a query together, for one target coverage.

    The method of Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023:
    minimise the loss :math:`\ell(r(x), o(x))` subject to :math:`E[1 - r(x)] \ge c`,
    where :math:`o` is the positive part of the benefit (``Outcomes.proxy_label``). The
    net's score s decides at zero, :math:`r(x) = 1\{s(x) > 0\}`, without a threshold
    search afterwards. With multiplier :math:`\lambda`, the net descends on

    .. math:: E\big[o\,\sigma_+(-s) + \rho\,(1-o)\,\sigma_+(s)
              + \lambda\,\sigma_+(s)\big] - \lambda\,(1-c), \qquad
              \sigma_+(s) = \log_2(1 + e^s),

    while :math:`\lambda \ge 0` ascends on the true violation :math:`E[r] - (1 - c)`.
    Softplus bounds the 0/1 step from above, so this is a convex surrogate of missed
    benefit, plus needless queries at their cost :math:`\rho`, plus all queries at their
    price. Its minimiser in s is :math:`\log E[o\mid x] - \log(\lambda + \rho\,E[1-o\mid
    x])`, hence

    .. math:: r(x) = 1 \iff E[o \mid x] > \lambda + \rho\,E[1 - o \mid x]:

    the Lagrangian dual of maximising the benefit of a share 1 - c of queries, with the
    multiplier as the price of a query in units of benefit. Where the paper's optimum
    leaves the decision open, a small :math:`\rho` decides in favour of the base. With
    :math:`\rho = 1` and no constraint, the loss is plain cross-entropy, which seldom
    queries if o is rare, whatever the target.

    The violation is a mean over training and held-out rows, moved towards the latter if
    the two differ by more than chance. Weights and multiplier respond to it during
    training; the trained score is not shifted.

    The architecture is that of the paper: entropy and pairwise margins of the top
    probabilities, joined to the features after two layers on the features alone, then
    three more layers, with batch normalisation and ReLU. As published it overfits on a
    few thousand rows; hence dropout, weight decay and held-out rows.

    Parameters
    ----------
    target_coverage : float or None, default=None
        Minimum share of inputs that the base answers. ``HybridClassifier`` and
        ``RoutingPolicy`` fill in their own. None trains without the constraint.
    k : int, default=10
        Number of largest probabilities that are compared with each other.
    hidden : sequence of int, default=(128, 64)
        Widths of the layers on features and logits alone.
    head : sequence of int, default=(64, 64, 64)
        Widths of the layers after confidences and features are joined.
    needless_query_cost : float, default=0.05
        Cost of a query that gains nothing, in units of benefit, even if the coverage
        allows it.
    n_epochs : int, default=50
    batch_size : int, default=256
        Reduced if an epoch would have fewer than eight batches.
    learning_rate : float, default=0.001
        Initial step size of the weights (AdamW); it decays to zero along a half cosine.
    dual_learning_rate : float, default=0.05
        Step size of the multiplier, which is updated about four times per epoch.
    weight_decay : float, default=1.0
        Decoupled: each step shrinks matrices by this times the learning rate.
    dropout : float, default=0.3
        Applied after each hidden layer.
    early_stopping : bool, default=True
        Whether to hold out rows from the weights, and to keep those weights from the
        second half of training that meet the constraint and perform best on these rows.
        False trains and evaluates on all rows.
    validation_fraction : float, default=0.2
        Share of rows held out, spread evenly along a linear prediction of the label.
    random_state : int, RandomState instance or None, default=None
        For initial weights, batches, dropout and held-out rows. torch's own random
        state is restored.

    Attributes
    ----------
    multiplier_ : float
        Price of a query when the kept weights were measured; 0 if the constraint was
        slack.
    multiplier_history_, violation_history_ : ndarray of shape (n_measurements,)
        In the order of training. A positive violation is missing coverage.
    kept_measurement_ : int
        Index of the kept weights in the histories.
    layout_ : tuple of (str, int)
        Kinds of evidence, and the width of each.
    feature_layers_, head_layers_ : list of (ndarray, ndarray)
        Weights of shape (n_in, n_out) and biases of shape (n_out,), with batch
        normalisation folded in, so that scoring needs only numpy.

    Notes
    -----
    The label ignores inputs on which only the base is right; :class:`BenefitRouter`
    includes them. Coverage on new data varies around its target by at least
    :math:`\sqrt{c(1-c)/n}`; if you need a guarantee, leave the threshold to
    ``RoutingPolicy`` and its certificate.

    Examples
    --------
    >>> from selective_query.datasets import make_selective_query
    >>> from selective_query.routers import ConstrainedRouter
    >>> outcomes = make_selective_query(1000, random_state=0).outcomes
    >>> router = ConstrainedRouter(target_coverage=0.7, random_state=0).fit(outcomes)
    >>> kept = router.query_score(outcomes.evidence) <= 0
    >>> bool(abs(kept.mean() - 0.7) < 0.03), router.multiplier_ > 0
    (True, True)
    """

    learns = True
    _reads_columns = True

    _parameter_constraints = {
        "target_coverage": [Interval(Real, 0, 1, closed="both"), None],
        "k": [Interval(Integral, 1, None, closed="left")],
        "hidden": ["array-like"],
        "head": ["array-like"],
        "needless_query_cost": [Interval(Real, 0, None, closed="left")],
        "n_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "dual_learning_rate": [Interval(Real, 0, None, closed="neither")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "early_stopping": ["boolean"],
        "validation_fraction": [Interval(Real, 0, 1, closed="neither")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        target_coverage=None,
        *,
        k=10,
        hidden=(128, 64),
        head=(64, 64, 64),
        needless_query_cost=0.05,
        n_epochs=50,
        batch_size=256,
        learning_rate=1e-3,
        dual_learning_rate=0.05,
        weight_decay=1.0,
        dropout=0.3,
        early_stopping=True,
        validation_fraction=0.2,
        random_state=None,
    ):
        self.target_coverage = target_coverage
        self.k = k
        self.hidden = hidden
        self.head = head
        self.needless_query_cost = needless_query_cost
        self.n_epochs = n_epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dual_learning_rate = dual_learning_rate
        self.weight_decay = weight_decay
        self.dropout = dropout
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    def check_before_fit(self, X):
        import selective_query.routers._constrained_net  # noqa: F401 - imports torch

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, outcomes):
        """Learn the net's weights and the price of a query.

        Parameters
        ----------
        outcomes : Outcomes

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range or there are too few rows.
        MissingEvidenceError
            If the evidence has nothing numeric.
        """
        from selective_query.routers._constrained_net import (
            CoverageProblem,
            RouterNet,
            seeded,
        )
        from selective_query.routers._primal_dual import minimise

        self._check(outcomes)
        self.n_top_ = n_top(outcomes.base_proba, self.k)
        self.layout_ = layout_of_net(outcomes)
        inputs, self.n_confidence_ = net_inputs(outcomes, self.n_top_)
        used = outcomes.weight > 0
        inputs, label = inputs[used], outcomes.proxy_label[used]
        weight = outcomes.weight[used] / outcomes.weight[used].mean()
        self.centre_, self.scale_ = moments(inputs, weight)
        inputs = (inputs - self.centre_) / self.scale_
        random = check_random_state(self.random_state)
        held_out = np.zeros(len(inputs), dtype=bool)
        if self.early_stopping:
            guess = linear_guess(inputs, label, weight)
            held_out = spread_evenly(guess, self.validation_fraction, random)
        with seeded(random.randint(2**31 - 1)):
            net = RouterNet(
                self.n_confidence_,
                inputs.shape[1] - self.n_confidence_,
                self.hidden,
                self.head,
                self.dropout,
            )
            problem = CoverageProblem(
                net,
                inputs,
                label,
                weight,
                held_out,
                query_rate=1 - (self.target_coverage or 0),
                needless_query_cost=self.needless_query_cost,
                batch_size=self.batch_size,
            )
            trace = minimise(
                problem,
                net,
                n_epochs=self.n_epochs,
                learning_rate=self.learning_rate,
                dual_learning_rate=self.dual_learning_rate,
                damping=DAMPING,
                tolerance=TOLERANCE,
                weight_decay=self.weight_decay,
                measure_every=max(problem.n_batches // MEASUREMENTS_PER_EPOCH, 1),
            )
        self.feature_layers_, self.head_layers_ = net.plain_layers()
        self.multiplier_history_ = trace.multiplier
        self.violation_history_ = trace.violation
        self.kept_measurement_ = trace.kept
        self.multiplier_ = float(trace.multiplier[trace.kept])
        return self

    def _check(self, outcomes):
        for name in ("hidden", "head"):
            _check_widths(getattr(self, name), name)
        n_used = np.count_nonzero(outcomes.weight)
        if n_used < FEWEST_ROWS:
            raise ValueError(
                f"ConstrainedRouter needs at least {FEWEST_ROWS} rows of positive "
                f"weight. Got {n_used}. Use router='max_probability', which learns "
                "nothing, or give more rows."
            )

    _layout_of = staticmethod(layout_of_net)

    def program(self):
        self._check_fitted()
        n_confidence, n_inputs = self.n_confidence_, len(self.centre_)
        steps = Steps(input_steps(self.layout_, self.n_top_))
        inputs = steps.add(
            "scale", len(steps) - 1, centre=self.centre_, scale=self.scale_
        )
        joined = inputs
        if n_confidence < n_inputs:
            table = inputs
            if n_confidence:
                table = steps.add("columns", inputs, start=n_confidence, stop=n_inputs)
            joined = _rectified(steps, table, self.feature_layers_)
            if n_confidence:
                doubt = steps.add("columns", inputs, start=0, stop=n_confidence)
                joined = steps.add("concatenate", doubt, joined)
        *layers, (weight, bias) = self.head_layers_
        joined = _rectified(steps, joined, layers)
        score = steps.add("affine", joined, weight=weight, bias=bias)
        # A matrix product may differ in its last bits with the batch size.
        steps.add("apply", score, function="single")
        return steps.program("ConstrainedRouter")


def _rectified(steps, table, layers):
    """Append layers, each with a ReLU."""
    for weight, bias in layers:
        table = steps.add("affine", table, weight=weight, bias=bias)
        table = steps.add("apply", table, function="relu")
    return table


def _check_widths(widths, name):
    if not len(widths) or not all(isinstance(w, Integral) and w >= 1 for w in widths):
        raise ValueError(
            f"{name} must list the widths of at least one layer, whole numbers >= 1. "
            f"Got {widths!r}."
        )
