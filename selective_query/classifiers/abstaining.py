"""AbstainingClassifier: a base that may abstain."""

from selective_query.classifiers._abstain_label import abstaining, check_abstain_label
from selective_query.classifiers._deciding import decided_rows
from selective_query.classifiers._selective import BaseSelectiveClassifier


class AbstainingClassifier(BaseSelectiveClassifier):
    """A classifier that answers the share of inputs it is most confident about.

    A hybrid without a global: to query means to abstain.

    Parameters
    ----------
    base_estimator : classifier with predict_proba
    router : str or BaseRouter, default="auto"
        Ranks the inputs; see :func:`list_routers`.
    coverage : float or Budget, default=0.9
        Minimum share of inputs to answer, in [0, 1]; or a budget, such as
        ``MinSelectiveAccuracy(0.95)``. Used by ``fit``; once fitted, ``at(0.8)`` gives
        a copy at another coverage.
    confidence : float or None, default=None
        Probability with which the budget holds on new data. Needs rows that nothing was
        fitted on: a share given as ``calibration=``, or a frozen base with a router
        that learns nothing.
    calibration : None, "out_of_fold" or float, default=None
        Where the threshold comes from; see :class:`HybridClassifier`.
    abstain_label : label or None, default=None
        What ``predict`` returns where it abstains: of the same kind as the classes, but
        not one of them. None: ``predict`` answers every input, as pipelines, searches
        and metrics require, and ``predict_coverage`` marks the answers to accept. A
        fitted classifier follows ``set_params(abstain_label=...)`` at once.
    cv : int, splitter or iterable, default=5
        Folds for a base that is not frozen.
    adaptation : AlternatingAdaptation or None, default=None
        Refits the base with weights for the rows that it will answer.
    base_features : str, callable, transformer or None, default=None
        Additional evidence for the router; see :class:`HybridClassifier`.
    device : Device or None, default=None
        Device whose limits base and router must meet; see :class:`HybridClassifier`.
    n_jobs : int or None, default=None
        Number of parallel fits, for joblib.
    random_state : int, RandomState instance or None, default=None
        For held-out rows and the router; the base uses its own.
    verbose : int, default=0
        If above zero, a progress bar is shown for cross-fitting over two seconds.

    Attributes
    ----------
    base_estimator_ : estimator
    policy_ : RoutingPolicy
    operating_point_ : OperatingPoint
    classes_ : ndarray of shape (n_classes,)
    n_features_in_, feature_names_in_
        As in :class:`HybridClassifier`.
    footprint_ : FootprintReport or None

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from selective_query import AbstainingClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> model = AbstainingClassifier(
    ...     GaussianNB(), router="max_probability", coverage=0.9, abstain_label=-1
    ... ).fit(X, y)
    >>> sorted(set(model.predict(X).tolist()))
    [-1, 0, 1, 2]
    """

    _parameter_constraints = {
        **BaseSelectiveClassifier._parameter_constraints,
        "abstain_label": "no_validation",  # its kind depends on the classes
    }

    def __init__(
        self,
        base_estimator,
        *,
        router="auto",
        coverage=0.9,
        confidence=None,
        calibration=None,
        abstain_label=None,
        cv=5,
        adaptation=None,
        base_features=None,
        device=None,
        n_jobs=None,
        random_state=None,
        verbose=0,
    ):
        self.base_estimator = base_estimator
        self.router = router
        self.coverage = coverage
        self.confidence = confidence
        self.calibration = calibration
        self.abstain_label = abstain_label
        self.cv = cv
        self.adaptation = adaptation
        self.base_features = base_features
        self.device = device
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def _check_target(self, coverage):
        super()._check_target(coverage)
        if coverage is None:
            raise ValueError(
                "coverage must be a number in [0, 1] for an AbstainingClassifier. Got "
                "None, which abstains wherever that gains anything, and without a "
                "global that is everywhere."
            )

    def _check_classes(self, classes):
        if self.abstain_label is not None:
            check_abstain_label(self.abstain_label, classes)

    def predict(self, X):
        """Labels of the base; ``abstain_label``, if set, where it abstains.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples,)

        Raises
        ------
        ValueError
            If the columns of X differ from those in ``fit``, the base's answer is not a
            distribution over its classes for each row, or `abstain_label` does not fit
            the classes.
        """
        X = self._sliceable(X)
        self._check_classes(self.classes_)
        base, kept = self.edge_.route(X)
        labels = self.classes_[base.label]
        if self.abstain_label is None:
            return labels
        return abstaining(labels, ~kept, self.abstain_label)

    def predict_proba(self, X):
        """Class probabilities of the base, including rows where it abstains.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of length n_samples

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        X = self._sliceable(X)
        return self.edge_.route(X)[0].proba

    def score(self, X, y, sample_weight=None):
        """Accuracy on the answered rows; nan if no row is answered.

        Parameters
        ----------
        X, y : array-like
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        report = self.report(X, y, sample_weight=sample_weight)
        return report.base_accuracy_on_kept

    def report(self, X, y, *, sample_weight=None):
        """Report how the classifier performs on labelled rows that are new to it.

        Parameters
        ----------
        X, y : array-like
            On labels that did not occur in ``fit``, the base is wrong.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        RoutingReport
            A mapping of figures that prints itself and renders as a page: ``accuracy``
            and ``base_accuracy_on_kept`` (both on the answered rows), ``coverage``,
            ``n``, ``n_abstained`` (and ``n_queried``, the same), ``base_accuracy`` (on
            all rows), and nan for ``global_accuracy`` and
            ``global_accuracy_on_queried``.

        Raises
        ------
        ValueError
            If lengths differ, a label is missing or of another kind than the classes,
            or a weight is negative.
        """
        return self._reported(*decided_rows(self, X, y, sample_weight))
