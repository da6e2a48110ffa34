"""profile_estimator: profile any supported estimator, net or not."""

from dataclasses import replace
from functools import reduce
from math import ceil, log2, prod

import numpy as np

from selective_query.footprint import _dense_profiles as dense
from selective_query.footprint import _tree_profiles as trees
from selective_query.footprint.estimator_profile import EstimatorProfile

# By name of the class or a parent class, to avoid importing from scikit-learn.
CLASSIFIERS = {
    "LinearClassifierMixin": dense.linear,
    "GaussianNB": dense.gaussian_bayes,
    "MLPClassifier": dense.perceptron,
    "KNeighborsClassifier": dense.neighbours,
    "DecisionTreeClassifier": trees.tree,
    "ForestClassifier": trees.forest,
    "GradientBoostingClassifier": trees.boosting,
    "HistGradientBoostingClassifier": trees.histogram_boosting,
}
TRANSFORMERS = {
    "StandardScaler": dense.scaling,
    "MinMaxScaler": dense.scaling,
    "MaxAbsScaler": dense.scaling,
    "RobustScaler": dense.scaling,
    "PCA": dense.projection,
}
NETS = {"NetClassifier", "NeuralNet"}


def profile_estimator(estimator, X, *, n_classes=None):
    r"""Count the operations, flash and memory of an estimator for one input.

    With d columns, K classes (K' = 1 score if K = 2, else K' = K), n stored rows, k
    neighbours, and trees with L leaves:

    =====================  ====================  ============  ==================
    estimator              multiply-accumulates  comparisons   learned numbers
    =====================  ====================  ============  ==================
    linear models          d K'                  0             d K' + K'
    GaussianNB             3 d K                 0             2 d K + K
    MLPClassifier          layer times layer     0             same, and biases
    KNeighborsClassifier   2 n d                 n k           n d, and labels
    a tree                 0                     depth         L - 1 + K L
    a forest               K for each tree       its depth     L - 1 + K L
    boosted trees          1 for each tree       its depth     2 L - 1; and K'
    scaling                d                     0             2 d
    PCA to m columns       d m                   0             d m + m
    =====================  ====================  ============  ==================

    Depths are those of the longest paths, summed over the trees; ``mean_comparisons``
    is the mean over the rows of the fit. A split stores its column in 2 bytes and its
    children in 2 bytes each, or in 4 bytes if there are more than 65,536.

    Parameters
    ----------
    estimator : estimator
        One of the table, fitted or not; a pipeline, frozen or calibrated classifier or
        ``SecondLook`` (with both looks) of these; or a net (``NetClassifier`` or
        skorch).
    X : array-like
        Inputs, of which only the shape is used. If the estimator is not fitted, the
        rows that it will be fitted on.
    n_classes : int or None, default=None
        Required if the estimator is not fitted.

    Returns
    -------
    EstimatorProfile or NetProfile
        Both are a :class:`~selective_query.footprint.Footprint`: ``macs``,
        ``operations``, ``parameters``, ``flash_bytes(bits)``, ``sram_bytes(bits)``,
        ``fits(device)``.

    Raises
    ------
    ValueError
        If this kind of estimator is not supported.
    NotFittedError
        If the counts are only known after a fit.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from selective_query.costs import STM32F746
    >>> from selective_query.footprint import profile_estimator
    >>> X, y = load_digits(return_X_y=True)
    >>> profile = profile_estimator(LogisticRegression(), X, n_classes=10)
    >>> profile.macs, profile.parameters, profile.flash_bytes(bits=8)
    (640, 650, 680)
    >>> bool(profile.fits(STM32F746))
    True
    """
    shape = np.shape(X) if hasattr(X, "shape") else _shape_of_list(X)
    n_columns = shape[1] if len(shape) == 2 else None
    inputs = dense.Inputs(shape[0], n_columns, n_classes)
    return _profile(estimator, inputs, shape[1:], CLASSIFIERS)


def _shape_of_list(X):
    of_one = np.shape(X[0]) if len(X) else ()
    return len(X), *of_one


def _profile(estimator, inputs, input_shape, known):
    names = {parent.__name__ for parent in type(estimator).__mro__}
    if "FrozenEstimator" in names:
        return _profile(estimator.estimator, inputs, input_shape, known)
    if names & NETS:
        # This imports torch, which is installed if there is a net.
        from selective_query.footprint.net_profile import profile_net_estimator

        return profile_net_estimator(estimator, input_shape)
    if "SecondLook" in names:
        looked = getattr(estimator, "estimator_", estimator.estimator)
        return _profile(looked, inputs, input_shape, known).twice(prod(input_shape))
    if "Pipeline" in names:
        return _profile_pipeline(estimator, inputs, input_shape, known)
    if "CalibratedClassifierCV" in names:
        return _profile_calibrated(estimator, inputs)
    for name, count in known.items():
        if name in names:
            return count(estimator, inputs)
    raise ValueError(
        f"The cost of {type(estimator).__name__} on a device cannot be counted. "
        "Supported are nets, linear classifiers, GaussianNB, MLPClassifier, "
        "KNeighborsClassifier, trees, forests and boosted trees, also frozen, "
        f"calibrated, or after {', '.join(TRANSFORMERS)} in a pipeline. Measure it on "
        "the device: give Deployment(base_ms=...), and no device= to check against."
    )


def _profile_pipeline(pipeline, inputs, input_shape, known):
    steps = [step for _, step in pipeline.steps if step not in (None, "passthrough")]
    *transformers, last = steps
    profiles = []
    for step in transformers:
        profiles.append(_profile(step, inputs, input_shape, TRANSFORMERS))
        inputs = replace(inputs, n_columns=profiles[-1].n_outputs)
        input_shape = (inputs.n_columns,)
    found = _profile(last, inputs, input_shape, known)
    return found.after(reduce(EstimatorProfile.then, profiles)) if profiles else found


def _profile_calibrated(estimator, inputs):
    """Profile the members and calibrators of a calibrated classifier."""
    if not hasattr(estimator, "calibrated_classifiers_"):
        raise dense.unknown_before_fit(estimator, "number of members")
    members = []
    for member in estimator.calibrated_classifiers_:
        scores = _profile(member.estimator, inputs, (inputs.n_columns,), CLASSIFIERS)
        members += [scores.then(_calibrators(member.calibrators, estimator))]
    return reduce(EstimatorProfile.beside, members)


def _calibrators(calibrators, estimator):
    n_classes = len(estimator.classes_)
    comparisons = constants = 0
    for each in calibrators:
        if hasattr(each, "X_thresholds_"):
            n_steps = len(each.X_thresholds_)
            comparisons += ceil(log2(max(n_steps, 2)))
            constants += 2 * n_steps
        else:
            constants += 2
    return EstimatorProfile(
        macs=len(calibrators) + n_classes,
        comparisons=comparisons,
        weights=0,
        constants=constants,
        peak_elements=2 * n_classes,
        n_outputs=n_classes,
    )
