"""Choose the base by the accuracy of its hybrid."""

from numbers import Integral

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from selective_query._utils.fitting import become, unfitted
from selective_query._utils.labels import labelled_rows
from selective_query._utils.validation import (
    HasMethods,
    Interval,
    Offers,
    check_matplotlib_support,
    fit_context,
    will_offer,
)
from selective_query.classifiers.hybrid import HybridClassifier
from selective_query.footprint._device_check import check_device
from selective_query.routers.base import BaseRouter
from selective_query.routers.registry import make_router, refuse_bound
from selective_query.search._contest import Contest
from selective_query.search._hybrid_accuracy import compared_coverage, pareto
from selective_query.search.space import SearchSpace


def _best_has_proba(self):
    return will_offer(
        getattr(self, "best_hybrid_", self.global_estimator), "predict_proba"
    )


class HybridSearchCV(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    r"""Search for the base whose hybrid is most accurate at a coverage.

    The best base alone is not the best base with a global: what counts is its accuracy
    on the inputs that it answers, and whether its errors can be detected. The paper
    searches architectures for the best *hybrid*, with a cheap proxy:

    .. math:: \max_{b} \; \max_{r:\, E[1 - r] \ge c}
              E[(1 - r)\,1\{b = y\} + r\,1\{g = y\}]

    where an oracle routes. Here a confidence routes instead, by default: it is equally
    cheap, and ranks candidates better if there are many queries. Candidates are ranked
    by that proxy, out of fold, on few rows first; the better ones continue with more
    rows (successive halving), and the finalists are compared with the final router.

    Parameters
    ----------
    candidates : dict of str to classifier, or SearchSpace
        Bases by name; or a space of parameters, in which the better half of each
        generation is mutated.
    global_estimator : classifier
    coverage : float or Budget, default=0.9
        Coverage at which hybrids are compared, in [0, 1]; for a budget that limits
        queries, the implied coverage.
    router : str or BaseRouter, default="auto"
        For the final comparison and the fitted hybrid.
    proxy : str or BaseRouter, default="max_probability"
        Routes in all comparisons before the final one. ``"oracle"`` is the paper's
        choice; it ignores whether a base's errors can be detected.
    device : Device or None, default=None
        Candidates that do not fit it are excluded before any comparison: without a fit
        if the size is known, as for nets, otherwise after a fit on all rows.
    excess : callable or None, default=None
        Maps a candidate to a text that names the limit it exceeds, which excludes it,
        or to None. Checked before `device`.
    cost : callable or None, default=None
        Maps a candidate to a number, for :attr:`pareto_`.
    min_rows : int, default=500
        Number of rows in the first comparison.
    factor : int, default=3
        In each round, one in this many candidates continues, with this many times the
        rows.
    n_finalists : int, default=3
        Number of candidates compared with the router, on all rows.
    n_generations, population : int, default=4, 8
        For a SearchSpace.
    cv : int or splitter, default=5
        Not a list of splits, because comparisons use parts of the rows.
    memory : str, joblib.Memory or None, default=None
        Cache for comparisons: an interrupted search continues from there. The same rows
        and candidates are then drawn even if `random_state` is None.
    n_jobs : int or None, default=None
        Number of parallel candidates, for joblib.
    random_state : int, RandomState instance or None, default=None
    verbose : int, default=0
        If above zero, a progress bar counts candidates.

    Attributes
    ----------
    best_name_ : str
    best_base_ : classifier
        Not fitted.
    best_hybrid_ : HybridClassifier
        Uses the best base; fitted on all rows.
    results_ : list of dict
        The latest comparison of each candidate: ``name``, ``n_rows``,
        ``base_accuracy``, ``proxy``, ``learned``, ``cost``; best first.
    left_out_ : dict of str to str
        Excluded candidates, and why.
    pareto_ : list of str
        Finalists that no other finalist dominates in accuracy and cost.
    proxy_rank_correlation_ : float
        Spearman's rank correlation between proxy and learned accuracy of the finalists:
        how reliable the proxy is here. nan with fewer than three, or if all are equal.

    References
    ----------
    Kag et al., "Efficient Edge Inference by Selective Query", ICLR 2023 (joint
    architecture search). Jamieson and Talwalkar, "Non-stochastic best arm
    identification and hyperparameter optimization", AISTATS 2016 (successive halving).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from selective_query import HybridSearchCV
    >>> X, y = load_digits(return_X_y=True)
    >>> search = HybridSearchCV(
    ...     {"bayes": GaussianNB(), "stump": DecisionTreeClassifier(max_depth=1)},
    ...     ExtraTreesClassifier(20, random_state=0), coverage=0.8, cv=3,
    ... ).fit(X, y)
    >>> search.best_name_
    'bayes'
    """

    _parameter_constraints = {
        "candidates": [dict, SearchSpace],
        "global_estimator": [Offers(["fit", "predict"])],
        "coverage": "no_validation",  # compared_coverage gives a better message
        "router": [str, BaseRouter],
        "proxy": [str, BaseRouter],
        "device": "no_validation",  # check_device gives a better message
        "excess": [callable, None],
        "cost": [callable, None],
        "min_rows": [Interval(Integral, 20, None, closed="left")],
        "factor": [Interval(Integral, 2, None, closed="left")],
        "n_finalists": [Interval(Integral, 1, None, closed="left")],
        "n_generations": [Interval(Integral, 1, None, closed="left")],
        "population": [Interval(Integral, 2, None, closed="left")],
        "cv": [Integral, HasMethods(["split", "get_n_splits"])],
        "memory": [str, HasMethods(["cache"]), None],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        candidates,
        global_estimator,
        *,
        coverage=0.9,
        router="auto",
        proxy="max_probability",
        device=None,
        excess=None,
        cost=None,
        min_rows=500,
        factor=3,
        n_finalists=3,
        n_generations=4,
        population=8,
        cv=5,
        memory=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.candidates = candidates
        self.global_estimator = global_estimator
        self.coverage = coverage
        self.router = router
        self.proxy = proxy
        self.device = device
        self.excess = excess
        self.cost = cost
        self.min_rows = min_rows
        self.factor = factor
        self.n_finalists = n_finalists
        self.n_generations = n_generations
        self.population = population
        self.cv = cv
        self.memory = memory
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    @fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, sample_weight=None):
        """Search, and fit a hybrid with the best base on all rows.

        Parameters
        ----------
        X, y : array-like
            As in :meth:`HybridClassifier.fit`.
        sample_weight : array-like of shape (n_samples,), optional
            Frequency weights, for the fits and the comparisons.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter is out of range, no candidate fits, or a candidate's size
            cannot be compared with the device.
        """
        X, y, sample_weight = labelled_rows(X, y, sample_weight)
        if isinstance(self.candidates, dict) and not self.candidates:
            raise ValueError("candidates must name at least one base. Got {}.")
        if self.device is not None:
            check_device(self.device)
        compared_coverage(self.coverage)
        make_router(self.proxy, name="proxy")
        refuse_bound(make_router(self.router))
        seed = self.random_state
        if seed is None and self.memory is not None:
            seed = 0  # otherwise, an interrupted search would restart on other rows
        contest = Contest(self, X, y, sample_weight, check_random_state(seed))
        finalists = contest.finalists()
        fitted = unfitted(self)
        fitted._settle(contest, finalists)
        fitted.best_hybrid_.fit(X, y, sample_weight)
        fitted.classes_ = fitted.best_hybrid_.classes_
        return become(self, fitted)

    def _settle(self, contest, finalists):
        judged, ranked = contest.judged, contest.ranked(contest.judged)
        others = [name for name in ranked if name not in finalists]
        self.left_out_ = contest.left_out
        self.results_ = [vars(judged[name]) for name in [*finalists, *others]]
        self.pareto_ = pareto([judged[name] for name in finalists])
        self.proxy_rank_correlation_ = np.nan
        pairs = np.array([(judged[n].proxy, judged[n].learned) for n in finalists])
        if len(finalists) > 2 and np.ptp(pairs, axis=0).all():
            self.proxy_rank_correlation_ = float(spearmanr(*pairs.T).statistic)
        self.best_name_ = finalists[0]
        self.best_base_ = contest.bases[finalists[0]]
        self.best_hybrid_ = HybridClassifier(
            self.best_base_, self.global_estimator, router=self.router,
            coverage=self.coverage, cv=self.cv, random_state=self.random_state,
            device=self.device,
        )  # fmt: skip

    def predict(self, X):
        """Labels from the hybrid with the best base; see :class:`HybridClassifier`.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "best_hybrid_")
        return self.best_hybrid_.predict(X)

    @available_if(_best_has_proba)
    def predict_proba(self, X):
        """Class probabilities from the hybrid with the best base.

        Available if the global has ``predict_proba``.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self, "best_hybrid_")
        return self.best_hybrid_.predict_proba(X)

    def predict_coverage(self, X):
        """Whether the best base answers, for each row.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,), bool
            True where the base answers.
        """
        check_is_fitted(self, "best_hybrid_")
        return self.best_hybrid_.predict_coverage(X)

    def plot(self, ax=None):
        """Plot accuracy of the hybrids over the cost of their bases, finalists filled.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None

        Returns
        -------
        Axes

        Raises
        ------
        ValueError
            If the search had no `cost`.
        """
        check_is_fitted(self, "results_")
        if self.cost is None:
            raise ValueError(
                "A picture of accuracy over cost needs HybridSearchCV(cost=...), a "
                "function from a base to a number. Got none."
            )
        check_matplotlib_support("HybridSearchCV.plot")
        import matplotlib.pyplot as plt

        ax = plt.subplots()[1] if ax is None else ax
        for key, label in (("learned", "by the router"), ("proxy", "by the proxy")):
            rows = [row for row in self.results_ if not np.isnan(row[key])]
            points = [[row[name] for row in rows] for name in ("cost", key)]
            ax.plot(*points, "o" if key == "learned" else "x", label=label)
        front = [row for row in self.results_ if row["name"] in self.pareto_]
        front.sort(key=lambda row: row["cost"])
        ax.plot([row["cost"] for row in front], [row["learned"] for row in front], "-")
        for row in front:
            ax.annotate(row["name"], (row["cost"], row["learned"]))
        ax.set(xlabel="cost of the base", ylabel="accuracy of the hybrid")
        ax.legend()
        return ax
