"""Models in a file whose arrays lead compiled code out of their bounds."""

import numpy as np
import pytest
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
)
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, RoutingPolicy, load, save
from selective_query.datasets import make_selective_query
from tests.crafted_files import (
    array_of,
    mapping,
    named,
    node,
    plain,
    put_array,
    read,
    saved,
    state_of,
    write,
)

X, Y = np.random.default_rng(0).normal(size=(90, 4)), np.arange(90) % 3


def written(model, path):
    save(AbstainingClassifier(FrozenEstimator(model.fit(X, Y))), path)
    return path


def with_array(name, change):
    """Change an array among the attributes, or the state, of a node."""

    def edit(found, members):
        array = array_of(members, state_of(found)[name]).copy()
        put_array(members, state_of(found)[name], change(array))

    return edit


def with_field(name, field, value):
    def change(array):
        array[field][0] = value
        return array

    return with_array(name, change)


def with_attribute(name, value):
    def edit(found, members):
        state_of(found)[name] = value

    return edit


def without(name):
    def edit(found, members):
        del state_of(found)[name]
        found["content"]["key_types"]["content"].pop()

    return edit


def with_argument(i, value):
    def edit(found, members):
        found["__reduce__"]["args"]["content"][i] = value

    return edit


def with_few_classes(found, members):
    put_array(members, found["__reduce__"]["args"]["content"][1], np.array([1]))


def filled(value):
    return lambda array: np.full_like(array, value)


def doubled(array):
    return np.concatenate([array, array])


def method_hidden(found, members):
    content, ufunc = found["content"], node("FunctionNode", "numpy.positive")
    content["content"]["_validate_X_predict"] = ufunc
    content["key_types"]["content"].append(node("TypeNode", "builtins.str"))


TREE, FOREST = (
    DecisionTreeClassifier(max_depth=3),
    RandomForestClassifier(2, max_depth=3),
)
HISTOGRAM = HistGradientBoostingClassifier(max_iter=2)
BOOSTED = GradientBoostingClassifier(n_estimators=2)
NEIGHBOURS = KNeighborsClassifier(algorithm="brute")
ATTACKS = {
    "child_far": (TREE, "Tree", with_field("nodes", "left_child", 2**40)),
    "child_near": (TREE, "Tree", with_field("nodes", "right_child", 50)),
    "child_before": (TREE, "Tree", with_field("nodes", "left_child", -7)),
    "child_none": (TREE, "Tree", with_field("nodes", "right_child", -1)),
    "circle": (TREE, "Tree", with_field("nodes", "left_child", 0)),
    "one_child_twice": (TREE, "Tree", with_field("nodes", "right_child", 1)),
    "feature": (TREE, "Tree", with_field("nodes", "feature", 10**6)),
    "feature_negative": (TREE, "Tree", with_field("nodes", "feature", -5)),
    "no_nodes": (TREE, "Tree", with_array("nodes", lambda array: array[:0])),
    "n_nodes": (TREE, "Tree", with_attribute("node_count", plain(10**9))),
    "depth": (TREE, "Tree", with_attribute("max_depth", plain(0))),
    "values": (TREE, "Tree", with_array("values", lambda array: array[:1])),
    "n_features": (TREE, "Tree", with_argument(0, plain(10**6))),
    "n_outputs": (TREE, "Tree", with_argument(2, plain(10**7))),
    "n_outputs_negative": (TREE, "Tree", with_argument(2, plain(-1))),
    "n_classes": (TREE, "Tree", with_few_classes),
    "tree_less": (TREE, "DecisionTreeClassifier", without("n_features_in_")),
    "tree_features": (
        TREE,
        "DecisionTreeClassifier",
        with_attribute("n_features_in_", plain(1)),
    ),
    "hidden_method": (TREE, "DecisionTreeClassifier", method_hidden),
    "forest": (
        FOREST,
        "RandomForestClassifier",
        with_attribute("n_features_in_", plain(1)),
    ),
    "forest_tree": (FOREST, "Tree", with_field("nodes", "left_child", 2**40)),
    "extra": (
        ExtraTreesClassifier(2, max_depth=3),
        "ExtraTreesClassifier",
        with_attribute("n_features_in_", plain(1)),
    ),
    "boosted_features": (
        BOOSTED,
        "DecisionTreeRegressor",
        with_attribute("n_features_in_", plain(1)),
    ),
    "boosted_first_guess": (
        BOOSTED,
        "DummyClassifier",
        with_array("class_prior_", lambda array: array[:1]),
    ),
    "histogram_child": (
        HISTOGRAM,
        "TreePredictor",
        with_field("nodes", "left", 2**31),
    ),
    "histogram_circle": (HISTOGRAM, "TreePredictor", with_field("nodes", "left", 0)),
    "histogram_feature": (
        HISTOGRAM,
        "TreePredictor",
        with_field("nodes", "feature_idx", 10**6),
    ),
    "histogram_category": (
        HISTOGRAM,
        "TreePredictor",
        with_field("nodes", "is_categorical", 1),
    ),
    "histogram_swapped": (
        HISTOGRAM,
        "TreePredictor",
        with_array(
            "nodes",
            lambda array: array[[*reversed(array.dtype.names)]].astype(
                [(name, array.dtype[name]) for name in reversed(array.dtype.names)]
            ),
        ),
    ),
    "histogram_features": (
        HISTOGRAM,
        "HistGradientBoostingClassifier",
        with_attribute("n_features_in_", plain(0)),
    ),
    "neighbours": (NEIGHBOURS, "KNeighborsClassifier", with_array("_y", filled(2**40))),
    "neighbours_few": (
        NEIGHBOURS,
        "KNeighborsClassifier",
        with_array("_y", lambda array: array[:3]),
    ),
    "neighbours_none": (
        NEIGHBOURS,
        "KNeighborsClassifier",
        with_array("_fit_X", lambda array: array[:0]),
    ),
    "points_none": (
        KNeighborsRegressor(algorithm="brute"),
        "KNeighborsRegressor",
        with_array("_fit_X", lambda array: array[:0]),
    ),
    "centroids_none": (
        NearestCentroid(),
        "NearestCentroid",
        with_array("centroids_", lambda array: array[:0]),
    ),
    "support_counts": (SVC(), "SVC", with_array("_n_support", lambda array: -array)),
    "support_coefficients": (
        SVC(),
        "SVC",
        with_array("_dual_coef_", lambda array: array[:1]),
    ),
    "support_intercept": (
        SVC(),
        "SVC",
        with_array("_intercept_", lambda array: array[:1]),
    ),
    "support_features": (SVC(), "SVC", with_attribute("n_features_in_", plain(9))),
    "support_kind": (SVC(), "SVC", with_attribute("_sparse", plain(True))),
}


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_leads_out_of_bounds_is_refused(name, tmp_path):
    model, kind, edit = ATTACKS[name]
    schema, members = read(written(model, tmp_path / "good.skops"))
    edit(named(schema, kind), members)
    with pytest.raises(ValueError, match=r"evil\.skops holds something that cannot"):
        load(write(tmp_path / "evil.skops", schema, members))


def test_a_tree_of_nearest_neighbours_is_built_anew(tmp_path):
    outcomes = make_selective_query(200, random_state=0).outcomes
    policy = RoutingPolicy("knn_distance").fit(outcomes)
    save(policy, tmp_path / "good.skops")
    schema, members = read(tmp_path / "good.skops")
    tree = named(schema, "KDTree")["content"]["content"]
    put_array(members, tree[1], filled(2**40)(array_of(members, tree[1])))
    loaded = load(write(tmp_path / "evil.skops", schema, members))
    np.testing.assert_array_equal(
        loaded.decide(outcomes.evidence), policy.decide(outcomes.evidence)
    )


def test_the_state_of_random_numbers_is_checked(tmp_path):
    path = written(
        GradientBoostingClassifier(n_estimators=2, random_state=0),
        tmp_path / "good.skops",
    )
    schema, members = read(path)
    state = state_of(named(schema, "RandomState"))["state"]
    state["content"]["pos"] = plain(10**8)
    with pytest.raises(ValueError, match="random numbers is damaged"):
        load(write(tmp_path / "evil.skops", schema, members))


@pytest.mark.parametrize(
    "model",
    [
        node(
            "ObjectNode",
            "sklearn.pipeline.Pipeline",
            content=mapping(
                memory=plain("//elsewhere/cache"), _sklearn_version=plain("0")
            ),
        ),
        node(
            "ObjectNode",
            "sklearn.feature_extraction.text.CountVectorizer",
            content=mapping(input=plain("filename"), _sklearn_version=plain("0")),
        ),
    ],
    ids=["cache", "text"],
)
@pytest.mark.filterwarnings("ignore:Trying to unpickle")
def test_a_model_that_opens_files_is_refused(model, tmp_path):
    router = node(
        "ObjectNode",
        "selective_query.policy.RoutingPolicy",
        content=mapping(router=model, coverage=plain(0.5)),
    )
    path = write(tmp_path / "evil.skops", saved(router))
    with pytest.raises(ValueError, match="is damaged"):
        load(path)
    name = f"{model['__module__']}.{model['__class__']}"
    assert type(load(path, trusted=[name])) is RoutingPolicy


@pytest.mark.parametrize(
    "model",
    [
        TREE,
        FOREST,
        HISTOGRAM,
        BOOSTED,
        GradientBoostingClassifier(n_estimators=2, init="zero"),
        NEIGHBOURS,
        KNeighborsClassifier(algorithm="kd_tree"),
        SVC(),
        SVC(kernel="linear"),
        NuSVC(nu=0.2),
        SVR(),
        NuSVR(),
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
    ],
    ids=lambda model: type(model).__name__,
)
def test_models_that_are_checked_come_back(model, tmp_path):
    loaded = load(written(model, tmp_path / "good.skops")).base_estimator
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
