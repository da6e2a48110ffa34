"""Models in files whose arrays would make compiled code read out of bounds."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
)
from sklearn.feature_extraction import DictVectorizer
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    NearestCentroid,
    RadiusNeighborsClassifier,
)
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC, SVR, NuSVC, NuSVR
from sklearn.tree import DecisionTreeClassifier

from selective_query import AbstainingClassifier, RoutingPolicy, load, save
from selective_query.datasets import make_selective_query
from tests.files.crafted_files import (
    array_of,
    mapping,
    named,
    node,
    plain,
    put_array,
    read,
    saved,
    sequence,
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


def with_more(name, value):
    def edit(found, members):
        found["content"]["content"][name] = value
        found["content"]["key_types"]["content"].append(
            node("TypeNode", "builtins.str")
        )

    return edit


method_hidden = with_more("_validate_X_predict", node("FunctionNode", "numpy.positive"))


def method_hidden_in_pairs(found, members):
    pair = sequence(plain("decide"), node("FunctionNode", "numpy.positive"))
    found.update(__module__="selective_query.policy", __class__="RoutingPolicy")
    found["content"] = sequence(pair, kind="List")


def with_entry(name, key, value):
    """Change an entry of a dict or list among the attributes of a node."""

    def edit(found, members):
        state_of(found)[name]["content"][key] = plain(value)

    return edit


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
    "hidden_in_pairs": (TREE, "DecisionTreeClassifier", method_hidden_in_pairs),
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
    "histogram_of_bins": (
        HISTOGRAM,
        "HistGradientBoostingClassifier",
        with_more("_in_fit", plain(True)),
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
    "neighbours_more": (
        NEIGHBOURS,
        "KNeighborsClassifier",
        with_attribute("n_samples_fit_", plain(3)),
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


def refuses(good, kind, edit):
    schema, members = read(good)
    edit(named(schema, kind), members)
    with pytest.raises(ValueError, match=r"evil\.skops holds something that cannot"):
        load(write(good.with_name("evil.skops"), schema, members))


@pytest.mark.parametrize("name", ATTACKS)
def test_a_model_that_leads_out_of_bounds_is_refused(name, tmp_path):
    model, kind, edit = ATTACKS[name]
    refuses(written(model, tmp_path / "good.skops"), kind, edit)


WORDS = ["one two", "two three", "three one"]
COLUMNS = np.array([[0, 5], [1, 6], [2, 5], [0, 7]])


@pytest.mark.parametrize(
    ("model", "inputs", "edit"),
    [
        (CountVectorizer(), WORDS, with_entry("vocabulary_", "two", 2**30)),
        (TfidfVectorizer(), WORDS, with_entry("vocabulary_", "two", -5)),
        (DictVectorizer(), [{"a": 1, "b": 2}], with_entry("vocabulary_", "b", 2**30)),
        (OneHotEncoder(), COLUMNS, with_entry("_n_features_outs", 1, 1)),
        (
            OneHotEncoder(drop="first"),
            COLUMNS,
            with_attribute(
                "_drop_idx_after_grouping", sequence(plain(9), plain(9), kind="List")
            ),
        ),
        (
            OneHotEncoder(min_frequency=2),
            COLUMNS,
            with_attribute("_infrequent_enabled", plain(False)),
        ),
    ],
    ids=["words", "weighted", "dict", "widths", "dropped", "rare"],
)
def test_missing_columns_are_refused(model, inputs, edit, tmp_path):
    path = tmp_path / "good.skops"
    save(AbstainingClassifier(FrozenEstimator(model.fit(inputs))), path)
    found = load(path).base_estimator.estimator.transform(inputs)
    assert (found != model.transform(inputs)).nnz == 0
    refuses(path, type(model).__name__, edit)


def test_what_is_not_checked_is_saved_and_needs_trust(tmp_path):
    sparse, rows = SVC().fit(csr_array(X), Y), csr_array(X)
    path = tmp_path / "sparse.skops"
    save(AbstainingClassifier(FrozenEstimator(sparse)), path)
    with pytest.raises(ValueError, match=r"list the name in trusted="):
        load(path)
    loaded = load(path, trusted=["sklearn.svm._classes.SVC"]).base_estimator
    np.testing.assert_array_equal(loaded.predict(rows), sparse.predict(rows))


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
    with pytest.raises(ValueError, match="or open a file"):
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
        RadiusNeighborsClassifier(radius=9.0),
        SVC(),
        SVC(kernel="linear"),
        NuSVC(nu=0.2),
        SVR(),
        NuSVR(),
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
        StackingClassifier([("bayes", GaussianNB()), ("tree", TREE)]),
        CalibratedClassifierCV(GaussianNB()),
        MLPClassifier(max_iter=1),
    ],
    ids=lambda model: type(model).__name__,
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_models_that_are_checked_come_back(model, tmp_path):
    loaded = load(written(model, tmp_path / "good.skops")).base_estimator
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
