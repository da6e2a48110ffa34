import numpy as np
import pytest
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, RidgeClassifier, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, LinearSVC
from sklearn.tree import DecisionTreeClassifier

from selective_query.costs import STM32F746
from selective_query.footprint import profile_estimator
from selective_query.footprint.report import Footprint

D, K = 64, 10


@pytest.fixture(scope="module")
def rows():
    X, y = load_digits(return_X_y=True)
    return X[:600], y[:600]


LINEAR = [
    LogisticRegression(max_iter=20), LinearSVC(max_iter=50), SGDClassifier(max_iter=5),
    RidgeClassifier(), LinearDiscriminantAnalysis(),
]  # fmt: skip
EXACT_BEFORE_FIT = [
    *LINEAR,
    GaussianNB(),
    MLPClassifier((16, 8), max_iter=2),
    MLPClassifier(7, max_iter=2),
    KNeighborsClassifier(3),
    make_pipeline(StandardScaler(), PCA(5), LogisticRegression(max_iter=20)),
    make_pipeline("passthrough", GaussianNB()),
]


@pytest.mark.parametrize("model", EXACT_BEFORE_FIT)
@pytest.mark.parametrize("n_classes", [2, 10])
def test_what_is_known_before_the_fit_is_what_comes_out(model, n_classes, rows):
    X, y = rows
    y = y % n_classes
    before = profile_estimator(model, X, n_classes=n_classes)
    fitted = clone(model).fit(X, y)
    assert before == profile_estimator(fitted, X[:1])
    assert before == profile_estimator(FrozenEstimator(fitted), X[:1])
    assert not before.is_bound


@pytest.mark.parametrize("model", LINEAR)
@pytest.mark.parametrize(("n_classes", "n_scores"), [(2, 1), (10, 10)])
def test_linear_models_are_one_product(model, n_classes, n_scores, rows):
    profile = profile_estimator(model, rows[0], n_classes=n_classes)
    assert profile.macs == n_scores * D
    assert profile.parameters == n_scores * (D + 1)
    assert profile.flash_bytes() == 4 * n_scores * (D + 1)
    assert profile.flash_bytes(bits=8) == n_scores * D + 4 * n_scores
    assert profile.sram_bytes() == 4 * (D + n_scores)


def test_bayes_stores_means_and_precisions(rows):
    profile = profile_estimator(GaussianNB().fit(*rows), rows[0])
    assert profile.parameters == 2 * K * D + K
    assert profile.macs == 3 * K * D


def test_a_perceptron_is_its_layers(rows):
    profile = profile_estimator(MLPClassifier((16, 8)), rows[0], n_classes=K)
    assert profile.macs == D * 16 + 16 * 8 + 8 * K
    assert profile.parameters == profile.macs + 16 + 8 + K
    assert profile.peak_elements == D + 16
    fitted = MLPClassifier((16, 8), max_iter=2).fit(*rows)
    stored = sum(each.size for each in (*fitted.coefs_, *fitted.intercepts_))
    assert profile.parameters == stored


def test_neighbours_store_the_rows(rows):
    profile = profile_estimator(KNeighborsClassifier(3), rows[0], n_classes=K)
    assert profile.flash_bytes() == 4 * 600 * D + 600
    assert profile.macs == 2 * 600 * D
    assert profile.comparisons == 600 * 3


def test_steps_of_a_pipeline_add_up_and_share_memory(rows):
    model = make_pipeline(StandardScaler(), PCA(5), LogisticRegression())
    profile = profile_estimator(model, rows[0], n_classes=K)
    assert profile.macs == D + D * 5 + 5 * K
    assert profile.parameters == 2 * D + (D * 5 + 5) + (5 * K + K)
    assert profile.peak_elements == D + 5


def compared(tree, X):
    """Count the comparisons of each row by walking down the arrays."""
    depths = []
    for row in X:
        node = depth = 0
        while tree.children_left[node] >= 0:
            goes_left = row[tree.feature[node]] <= tree.threshold[node]
            node = (tree.children_left if goes_left else tree.children_right)[node]
            depth += 1
        depths.append(depth)
    return np.array(depths)


def test_a_tree_is_counted_by_its_nodes(rows):
    X, y = rows
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    profile, tree = profile_estimator(model, X), model.tree_
    n_splits = (tree.children_left >= 0).sum()
    n_leaves = tree.node_count - n_splits
    depths = compared(tree, X.astype(np.float32))
    assert profile.parameters == n_splits + K * n_leaves
    assert profile.flash_bytes() == 4 * profile.parameters + 6 * n_splits
    assert profile.macs == 0
    assert profile.comparisons == depths.max()
    assert profile.mean_comparisons == pytest.approx(depths.mean())


@pytest.mark.parametrize("kind", [RandomForestClassifier, ExtraTreesClassifier])
def test_a_forest_is_the_sum_of_its_trees(kind, rows):
    model = kind(5, random_state=0).fit(*rows)
    profile = profile_estimator(model, rows[0])
    alone = [profile_estimator(tree, rows[0]) for tree in model.estimators_]
    assert profile.flash_bytes() == sum(tree.flash_bytes() for tree in alone)
    assert profile.comparisons == sum(tree.comparisons for tree in alone)
    assert profile.macs == 5 * K
    assert profile.operations == 5 * K + profile.comparisons


@pytest.mark.parametrize(("n_classes", "n_scores"), [(2, 1), (10, 10)])
def test_boosted_trees_store_one_value_a_leaf(n_classes, n_scores, rows):
    X, y = rows[0], rows[1] % n_classes
    model = GradientBoostingClassifier(n_estimators=3, random_state=0).fit(X, y)
    profile = profile_estimator(model, X)
    trees = [tree.tree_ for tree in model.estimators_.ravel()]
    assert profile.macs == len(trees) == 3 * n_scores
    assert profile.weights == sum(tree.node_count for tree in trees)
    assert profile.constants == n_scores
    assert profile.comparisons == sum(tree.max_depth for tree in trees)
    mean = sum(compared(tree, X.astype(np.float32)).mean() for tree in trees)
    assert profile.mean_comparisons == pytest.approx(mean)


@pytest.mark.parametrize(("n_classes", "n_scores"), [(2, 1), (10, 10)])
def test_histogram_boosting_is_counted_by_its_nodes(n_classes, n_scores, rows):
    X, y = rows[0], rows[1] % n_classes
    model = HistGradientBoostingClassifier(max_iter=3, random_state=0).fit(X, y)
    profile = profile_estimator(model, X)
    nodes = [tree.nodes for round_ in model._predictors for tree in round_]
    n_splits = sum(int((each["is_leaf"] == 0).sum()) for each in nodes)
    assert profile.macs == len(nodes) == 3 * n_scores
    assert profile.weights == sum(len(each) for each in nodes)
    assert profile.index_bytes == 7 * n_splits
    assert profile.comparisons == sum(int(each["depth"].max()) for each in nodes)
    assert profile.mean_comparisons < profile.comparisons


def test_splits_by_category_store_their_sets():
    rng = np.random.default_rng(0)
    X = rng.integers(0, 6, (300, 1)).astype(float)
    y = np.isin(X[:, 0], [0, 3, 4]).astype(int)
    sizes = [
        profile_estimator(
            HistGradientBoostingClassifier(
                max_iter=1, max_leaf_nodes=2, categorical_features=categories
            ).fit(X, y),
            X,
        ).index_bytes
        for categories in (None, [0])
    ]
    assert sizes == [7, 7 + 32]


LIMITED = [
    DecisionTreeClassifier(max_depth=3),
    DecisionTreeClassifier(max_leaf_nodes=9),
    DecisionTreeClassifier(min_samples_leaf=20),
    DecisionTreeClassifier(),
    RandomForestClassifier(4, max_depth=4),
    ExtraTreesClassifier(4),
    GradientBoostingClassifier(n_estimators=2),
    HistGradientBoostingClassifier(max_iter=2),
]


@pytest.mark.parametrize("model", LIMITED)
def test_trees_keep_to_the_bound_that_is_known_before(model, rows):
    X, y = rows
    bound = profile_estimator(model, X, n_classes=K)
    grown = profile_estimator(clone(model).fit(X, y), X)
    assert bound.is_bound
    assert not grown.is_bound
    assert grown.flash_bytes() <= bound.flash_bytes()
    assert grown.comparisons <= bound.comparisons
    assert grown.sram_bytes() == bound.sram_bytes()


def test_a_bound_is_tight_where_the_tree_grows_into_it(rows):
    model = DecisionTreeClassifier(max_leaf_nodes=9)
    bound = profile_estimator(model, rows[0], n_classes=K)
    grown = profile_estimator(model.fit(*rows), rows[0])
    assert grown.flash_bytes() == bound.flash_bytes()


def test_large_trees_have_wider_places():
    X = np.zeros((40_000, 2))
    small = DecisionTreeClassifier(max_leaf_nodes=2**15)
    large = DecisionTreeClassifier(max_leaf_nodes=2**15 + 1)
    bytes_a_split = [
        profile.index_bytes / (leaves - 1)
        for model, leaves in ((small, 2**15), (large, 2**15 + 1))
        for profile in [profile_estimator(model, X, n_classes=2)]
    ]
    assert bytes_a_split == [6, 10]


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibrated_members_add_up(method, rows):
    model = CalibratedClassifierCV(GaussianNB(), method=method, cv=2).fit(*rows)
    profile = profile_estimator(model, rows[0])
    member = profile_estimator(GaussianNB(), rows[0], n_classes=K)
    calibrators = [c for m in model.calibrated_classifiers_ for c in m.calibrators]
    stored = sum(
        2 * len(c.X_thresholds_) if method == "isotonic" else 2 for c in calibrators
    )
    assert profile.parameters == 2 * member.parameters + stored
    assert profile.macs == 2 * member.macs + 2 * (K + K)


@pytest.mark.parametrize(
    "model",
    [
        LogisticRegression(),
        make_pipeline(PCA(0.9), LogisticRegression()),
        CalibratedClassifierCV(GaussianNB()),
    ],
)
def test_sizes_known_only_after_a_fit_are_reported_as_such(model, rows):
    with pytest.raises(NotFittedError, match="only known once it is fitted"):
        profile_estimator(model, rows[0])


@pytest.mark.parametrize(
    ("model", "name"),
    [
        (AdaBoostClassifier(), "AdaBoostClassifier"),
        (SVC(), "SVC"),
        (FrozenEstimator(SVC()), "SVC"),
        (make_pipeline(PolynomialFeatures(), GaussianNB()), "PolynomialFeatures"),
    ],
)
def test_uncountable_estimators_are_named_with_a_remedy(model, name, rows):
    with pytest.raises(ValueError, match=f"The cost of {name} on .*base_ms="):
        profile_estimator(model, rows[0], n_classes=K)


def test_texts_have_no_columns():
    with pytest.raises(NotFittedError, match="number of columns"):
        profile_estimator(LogisticRegression(), ["a", "b"], n_classes=2)


def test_estimators_and_nets_are_asked_alike(rows):
    pytest.importorskip("torch")
    from functools import partial

    from selective_query.nets import ConvNet
    from selective_query.nets.training import NetClassifier

    images = rows[0].reshape(-1, 1, 8, 8)
    net = NetClassifier(partial(ConvNet, K, (8, 16), n_channels=1))
    for model, X in ((GaussianNB(), rows[0]), (net, images)):
        profile = profile_estimator(model, X, n_classes=K)
        assert isinstance(profile, Footprint)
        report = profile.fits(STM32F746, bits=8, reserved_bytes=0)
        used = [memory.used for memory in report.memories]
        assert used == [profile.flash_bytes(8), profile.sram_bytes(8)]
        assert profile.operations >= profile.macs > 0
        assert profile.parameters > 0
