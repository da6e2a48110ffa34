"""Consistency checks of models that pass their arrays to compiled code."""

import numpy as np
from sklearn.base import is_regressor

from selective_query._files.compiled import blamed_on, is_count, name_of, need
from selective_query._files.known_types import TREE_PREDICTOR


def _check_tree_model(model):
    need(model.n_features_in_ == model.tree_.n_features)


def _check_forest(model):
    need(_same_features(model.estimators_, model.n_features_in_))


def _check_boosted(model):
    """Check that each stage adds its trees to the columns of a first guess."""
    trees, guess = model.estimators_, model.init_
    n_features = trees[0, 0].n_features_in_
    need(
        trees.ndim == 2
        and _same_features(trees.ravel(), n_features)
        and (guess == "zero" or type(guess).__module__ == "sklearn.dummy")
    )
    row = np.zeros((1, n_features), dtype=np.float32)
    need(model._raw_predict_init(row).shape == (1, trees.shape[1]))


def _check_histogram_boosted(model):
    trees = [tree for stage in model._predictors for tree in stage]
    need(
        model._preprocessor is None
        and not np.any(model._bin_mapper.is_categorical_)
        and "_in_fit" not in vars(model)
        and all(
            name_of(tree) == TREE_PREDICTOR
            and not tree.nodes["is_categorical"].any()
            and tree.nodes["feature_idx"].max() < model.n_features_in_
            for tree in trees
        )
    )


def _check_neighbours(model):
    n_points = model._fit_X.shape[0]
    _check_points(model._fit_X)
    need(
        model.n_samples_fit_ == n_points
        and (model._tree is None or model._tree.data.shape[0] == n_points)
    )


def _check_centroids(model):
    _check_points(model.centroids_)


def _check_codes(model):
    _check_points(model.code_book_)


def _check_points(points):
    """Refuse empty points: scikit-learn's threaded code would divide by zero."""
    need(points.ndim == 2 and min(points.shape) > 0)


def _check_labelled_neighbours(model):
    _check_neighbours(model)
    labels, k = model._y, model.n_neighbors
    if labels.ndim > 1:
        return  # several outputs are counted in Python
    need(
        labels.dtype.kind == "i"
        and len(labels) == model._fit_X.shape[0]
        and (k is None or 0 < k <= len(labels))  # None: all within a radius
        and (labels >= 0).all()
        and (labels < len(model.classes_)).all()
    )


def _check_support_vectors(model):
    rows, counts = model.support_, model._n_support
    n_classes = 2 if is_regressor(model) else len(counts)
    n_pairs = n_classes * (n_classes - 1) // 2
    need(
        model._sparse is False
        and model.kernel in ("linear", "poly", "precomputed", "rbf", "sigmoid")
        and "_impl" not in vars(model)
        and n_classes == len(counts) > 1
        and model._dual_coef_.shape == (n_classes - 1, len(rows))
        and model._intercept_.shape == (n_pairs,)
        and {model._probA.shape, model._probB.shape} <= {(0,), (n_pairs,)}
        and (counts >= 0).all()
        and (is_regressor(model) or counts.sum() == len(rows))
        and (rows >= 0).all()
    )
    if model.kernel == "precomputed":
        need((rows < model.shape_fit_[0]).all())
    else:
        shape = len(rows), model.n_features_in_
        need(model.support_vectors_.shape == shape)


def _check_text_reader(model):
    n_features = getattr(model, "n_features", None)
    need(
        getattr(model, "input", "content") == "content"
        and (n_features is None or is_count(n_features))
    )
    if "vocabulary_" in vars(model):
        _check_vocabulary(model)


def _check_vocabulary(model):
    """Columns of a sparse matrix, which no one compares with its width."""
    columns = sorted(model.vocabulary_.values())
    need(columns == list(range(len(columns))))


def _check_one_hot(model):
    """Columns of a sparse matrix, which no one compares with its width."""
    dropped = model._drop_idx_after_grouping
    need(len(model._n_features_outs) == len(model.categories_))
    for i, (categories, n_out) in enumerate(
        zip(model.categories_, model._n_features_outs, strict=True)
    ):
        n, rare, grouped = len(categories), None, None
        if model._infrequent_enabled:
            rare = model._infrequent_indices[i]
            grouped = model._default_to_infrequent_mappings[i]
        if rare is not None:
            n -= rare.size - 1
        drop = None if dropped is None else dropped[i]
        need(
            (rare is None) == (grouped is None)
            and (grouped is None or (grouped.min() >= 0 and grouped.max() < n))
            and (drop is None or 0 <= drop < n)
            and n_out == n - (drop is not None)
            and _is_rising(categories)
        )


def _is_rising(categories):
    if categories.dtype.kind not in "biuf":
        return True  # looked up in a dict
    known = categories[categories == categories].astype(float)  # without NaN
    return (np.diff(known) > 0).all()


def _check_no_cache(model):
    need(model.memory is None)


# Class -> attribute whose presence requires the check, and the check.
_CHECKS = {
    f"sklearn.{module}.{name}": (attribute, check)
    for module, names, attribute, check in (
        (
            "tree._classes",
            "DecisionTreeClassifier DecisionTreeRegressor "
            "ExtraTreeClassifier ExtraTreeRegressor",
            "tree_",
            _check_tree_model,
        ),
        (
            "ensemble._forest",
            "ExtraTreesClassifier ExtraTreesRegressor RandomForestClassifier "
            "RandomForestRegressor RandomTreesEmbedding",
            "estimators_",
            _check_forest,
        ),
        (
            "ensemble._gb",
            "GradientBoostingClassifier GradientBoostingRegressor",
            "estimators_",
            _check_boosted,
        ),
        (
            "ensemble._hist_gradient_boosting.gradient_boosting",
            "HistGradientBoostingClassifier HistGradientBoostingRegressor",
            "_predictors",
            _check_histogram_boosted,
        ),
        (
            "neighbors._classification",
            "KNeighborsClassifier RadiusNeighborsClassifier",
            "_y",
            _check_labelled_neighbours,
        ),
        (
            "neighbors._regression",
            "KNeighborsRegressor RadiusNeighborsRegressor",
            "_fit_X",
            _check_neighbours,
        ),
        ("neighbors._unsupervised", "NearestNeighbors", "_fit_X", _check_neighbours),
        (
            "neighbors._graph",
            "KNeighborsTransformer RadiusNeighborsTransformer",
            "_fit_X",
            _check_neighbours,
        ),
        (
            "neighbors._nearest_centroid",
            "NearestCentroid",
            "centroids_",
            _check_centroids,
        ),
        ("multiclass", "OutputCodeClassifier", "code_book_", _check_codes),
        (
            "svm._classes",
            "NuSVC NuSVR SVC SVR",
            "support_vectors_",
            _check_support_vectors,
        ),
        (
            "feature_extraction.text",
            "CountVectorizer HashingVectorizer TfidfVectorizer",
            "input",
            _check_text_reader,
        ),
        ("feature_extraction._hash", "FeatureHasher", "n_features", _check_text_reader),
        (
            "feature_extraction._dict_vectorizer",
            "DictVectorizer",
            "vocabulary_",
            _check_vocabulary,
        ),
        (
            "preprocessing._encoders",
            "OneHotEncoder",
            "_n_features_outs",
            _check_one_hot,
        ),
        ("pipeline", "FeatureUnion Pipeline", "memory", _check_no_cache),
    )
    for name in names.split()
}


def check(model):
    """Refuse a scikit-learn model whose arrays contain out-of-range indices.

    Parameters
    ----------
    model : object

    Raises
    ------
    ValueError
        With the name of the class.
    """
    if name_of(model) in _CHECKS:
        attribute, check_content = _CHECKS[name_of(model)]
        if attribute in vars(model):
            with blamed_on(name_of(model)):
                check_content(model)


def _same_features(trees, n_features):
    return all(
        type(tree).__module__ == "sklearn.tree._classes"
        and tree.tree_.n_features == n_features
        for tree in trees
    )
