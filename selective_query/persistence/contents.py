"""What compiled code indexes without a look: checked before anything can use it.

Trees, nearest neighbours and support vector machines of scikit-learn take the numbers
in their arrays as they are; a wrong one reads or writes memory that is not theirs.
"""

from numbers import Integral

import numpy as np
from sklearn.base import is_regressor

from selective_query.persistence.known_types import (
    EUCLIDEAN,
    KD_TREE,
    TREE,
    TREE_PREDICTOR,
)


def make_tree(kind, args, state):
    """A Tree whose nodes lead down to leaves, and nowhere else."""
    n_features, n_classes, n_outputs = args
    _need(
        _is_count(n_features)
        and _is_count(n_outputs)
        and isinstance(n_classes, np.ndarray)
        and n_classes.shape == (n_outputs,)
        and n_classes.dtype.kind in "iu"
        and n_classes.min() >= 1
        and len(state["nodes"]) == state["node_count"] > 0,
        TREE,
    )
    tree = kind(int(n_features), n_classes, int(n_outputs))
    tree.__setstate__(state)
    _check_nodes(tree)
    return tree


def _check_nodes(tree):
    nodes = tree.__getstate__()["nodes"]
    inner = nodes["left_child"] != -1
    feature = nodes["feature"][inner]
    _need(
        ((nodes["right_child"] != -1) == inner).all()
        and (feature >= 0).all()
        and (feature < tree.n_features).all()
        and _depth(nodes["left_child"], nodes["right_child"], inner) <= tree.max_depth,
        TREE,
    )


def make_tree_predictor(kind, state):
    """A TreePredictor whose nodes lead down to leaves, and nowhere else."""
    _need(
        set(state) == {"nodes", "raw_left_cat_bitsets", "binned_left_cat_bitsets"},
        TREE_PREDICTOR,
    )
    predictor = kind.__new__(kind)
    predictor.__setstate__(state)
    nodes, n_bitsets = predictor.nodes, len(predictor.raw_left_cat_bitsets)
    inner = nodes["is_leaf"] == 0
    splits = inner & (nodes["is_categorical"] != 0)
    _need(
        nodes.ndim == 1
        and len(nodes) > 0
        and (nodes["feature_idx"][inner] >= 0).all()
        and predictor.raw_left_cat_bitsets.shape == (n_bitsets, 8)
        and predictor.binned_left_cat_bitsets.shape == (n_bitsets, 8)
        and (nodes["bitset_idx"][splits] < n_bitsets).all()
        and _depth(nodes["left"], nodes["right"], inner) >= 0,
        TREE_PREDICTOR,
    )
    return predictor


def make_kd_tree(kind, state):
    """A KDTree built anew, so that only its points are taken from the file."""
    data, leaf_size, metric, weight = state[0], state[4], state[11], state[12]
    _need(
        isinstance(data, np.ndarray)
        and data.dtype == np.float64
        and _name(metric) == EUCLIDEAN
        and _is_count(leaf_size),
        KD_TREE,
    )
    return kind(data, int(leaf_size), "euclidean", sample_weight=weight)


def _depth(left, right, inner):
    """Depth of a tree, in which every node but the first has one parent at most."""
    children = np.concatenate([left[inner], right[inner]]).astype(np.int64)
    parents = np.tile(np.flatnonzero(inner), 2)
    _need(
        (children > parents).all()
        and (children < len(left)).all()
        and len(np.unique(children)) == len(children),
        "a tree",
    )
    level, depth = np.array([0]), 0
    while True:
        level = level[inner[level]]
        if not len(level):
            return depth
        level = np.concatenate([left[level], right[level]]).astype(np.int64)
        depth += 1


def _check_tree_model(model):
    _need(model.n_features_in_ == model.tree_.n_features, "a tree")


def _check_forest(model):
    _need(_same_features(model.estimators_, model.n_features_in_), "a forest")


def _check_boosted(model):
    """Each stage adds its trees to the columns of a first guess."""
    trees, guess = model.estimators_, model.init_
    n_features = trees[0, 0].n_features_in_
    _need(
        trees.ndim == 2
        and _same_features(trees.ravel(), n_features)
        and (guess == "zero" or type(guess).__module__ == "sklearn.dummy"),
        "boosted trees",
    )
    row = np.zeros((1, n_features), dtype=np.float32)
    _need(model._raw_predict_init(row).shape == (1, trees.shape[1]), "boosted trees")


def _check_histogram_boosted(model):
    trees = [tree for stage in model._predictors for tree in stage]
    _need(
        model._preprocessor is None
        and not np.any(model._bin_mapper.is_categorical_)
        and all(
            _name(tree) == TREE_PREDICTOR
            and not tree.nodes["is_categorical"].any()
            and tree.nodes["feature_idx"].max() < model.n_features_in_
            for tree in trees
        ),
        "boosted trees",
    )


def _check_neighbours(model):
    _check_points(model._fit_X)


def _check_centroids(model):
    _check_points(model.centroids_)


def _check_codes(model):
    _check_points(model.code_book_)


def _check_points(points):
    """Distances to no points at all are divided by zero among the threads."""
    _need(points.ndim == 2 and min(points.shape) > 0, "points")


def _check_labelled_neighbours(model):
    _check_neighbours(model)
    labels, k = model._y, getattr(model, "n_neighbors", 1)
    if labels.ndim > 1:
        return  # of several outputs, which are counted in Python
    _need(
        labels.dtype.kind == "i"
        and 0 < k <= len(labels) == model._fit_X.shape[0]
        and (labels >= 0).all()
        and (labels < len(model.classes_)).all(),
        "neighbours",
    )


def _check_support_vectors(model):
    rows, counts = model.support_, model._n_support
    n_classes = 2 if is_regressor(model) else len(counts)
    n_pairs = n_classes * (n_classes - 1) // 2
    _need(
        model._sparse is False
        and model.kernel in ("linear", "poly", "precomputed", "rbf", "sigmoid")
        and "_impl" not in vars(model)
        and n_classes == len(counts) > 1
        and model._dual_coef_.shape == (n_classes - 1, len(rows))
        and model._intercept_.shape == (n_pairs,)
        and {model._probA.shape, model._probB.shape} <= {(0,), (n_pairs,)}
        and (counts >= 0).all()
        and (is_regressor(model) or counts.sum() == len(rows))
        and (rows >= 0).all(),
        "support vectors",
    )
    if model.kernel == "precomputed":
        _need((rows < model.shape_fit_[0]).all(), "support vectors")
    else:
        shape = len(rows), model.n_features_in_
        _need(model.support_vectors_.shape == shape, "support vectors")


def _check_text_reader(model):
    n_features = getattr(model, "n_features", None)
    _need(
        getattr(model, "input", "content") == "content"
        and (n_features is None or _is_count(n_features)),
        "a reader of texts",
    )


def _check_no_cache(model):
    _need(model.memory is None, "memory=, a folder whose files may run code,")


# Class -> attribute that it has when there is something to check, and the check.
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
        ("pipeline", "FeatureUnion Pipeline", "memory", _check_no_cache),
    )
    for name in names.split()
}


def check(model):
    """Refuse a model of scikit-learn whose arrays lead out of their bounds."""
    attribute, check_content = _CHECKS.get(_name(model), (None, None))
    if attribute in vars(model):
        check_content(model)


def _same_features(trees, n_features):
    return all(tree.tree_.n_features == n_features for tree in trees)


def _is_count(number):
    return (
        isinstance(number, Integral)
        and not isinstance(number, bool)
        and 0 < number < 2**31
    )


def _name(value):
    return f"{type(value).__module__}.{type(value).__name__}"


def _need(holds, what):
    if not holds:
        raise ValueError(f"the content of {what} is damaged")
