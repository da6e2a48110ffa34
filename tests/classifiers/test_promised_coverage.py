"""Coverage on new rows matches the one asked for, for any router and base.

This is the quick part of the table in benchmarks/coverage_by_router.py.
"""

import warnings

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_iris,
    make_classification,
)
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
)
from selective_query.budgets import GroupCoverage
from selective_query.datasets import make_selective_query
from selective_query.exceptions import CalibrationWarning

UNTOLD = pytest.mark.filterwarnings(
    "ignore::selective_query.exceptions.CalibrationWarning"
)
X, Y = load_digits(return_X_y=True)
X = X / 16


def digits(n, seed):
    rows = np.random.default_rng(seed).permutation(len(X))
    return X[rows[:n]], Y[rows[:n]], X[rows[n:]]


def tie_warnings(classifier, X, y, weight=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        classifier.fit(X, y, sample_weight=weight)
    return [str(w.message) for w in caught if w.category is CalibrationWarning]


@pytest.mark.parametrize(
    "router",
    ["max_logit", "benefit", "kernel_benefit", "proxy_logistic", "two_stage",
     "deferral_lce", "deferral_ova", "mahalanobis", "knn_distance", "auto"],
)  # fmt: skip
def test_on_saved_outputs(router):
    asked, realised = 0.7, []
    for seed in range(10):
        rows = make_selective_query(2300, regime="specialist", random_state=seed)
        old, new = rows.outcomes.take(slice(300)), rows.outcomes.take(slice(300, None))
        policy = RoutingPolicy(router, asked, random_state=0).fit(old)
        realised.append(policy.decide(new.evidence).mean())
    # For 300 rows that nothing was fitted on it would be 2.8 points.
    assert np.std(realised, ddof=1) < 0.05
    assert np.mean(realised) == pytest.approx(asked, abs=0.03)


@UNTOLD
@pytest.mark.parametrize("router", ["max_logit", "benefit", "two_stage"])
@pytest.mark.parametrize(
    "base",
    [
        LogisticRegression(C=0.001, max_iter=300),
        SGDClassifier(loss="log_loss", random_state=0),
    ],
    ids=["shrunken", "stochastic"],
)
def test_with_refitted_models(base, router):
    asked, realised = 0.7, []
    for seed in range(8):
        X_fit, y_fit, X_new = digits(450, seed)
        trees = ExtraTreesClassifier(20, random_state=0)
        hybrid = HybridClassifier(base, trees, router=router, coverage=asked)
        realised.append(hybrid.fit(X_fit, y_fit).predict_coverage(X_new).mean())
    assert np.std(realised, ddof=1) < 0.055
    assert np.mean(realised) == pytest.approx(asked, abs=0.04)


def noise(n, seed):
    rng = np.random.default_rng(seed)
    return Outcomes(
        base_features=rng.normal(size=(n, 20)), base_utility=rng.integers(2, size=n)
    )


def test_a_router_shrunk_to_nothing_keeps_its_coverage():
    """Every penalty shrinks it to rounding noise, on a different scale in each fold."""
    policy = RoutingPolicy("benefit", coverage=0.7).fit(noise(500, 0))
    score = policy.query_score(noise(4000, 1).evidence)
    assert np.ptp(score) < 1e-6
    kept = policy.decide(noise(4000, 1).evidence).mean()
    assert kept == pytest.approx(0.7, abs=0.06)


def one_hot(n, seed):
    rng = np.random.default_rng(seed)
    kind = rng.integers(3, size=n)
    right = rng.random(n) < np.array([0.9, 0.7, 0.4])[kind]
    return Outcomes(base_proba=np.eye(3)[kind], y=np.where(right, kind, (kind + 1) % 3))


@UNTOLD
def test_few_distinct_evidence_values_keep_the_coverage():
    for seed in range(20):
        policy = RoutingPolicy("benefit", coverage=0.8).fit(one_hot(300, seed))
        kept = policy.decide(one_hot(4000, 100 + seed).evidence).mean()
        assert kept == pytest.approx(policy.operating_point_.coverage, abs=0.1)
        assert min(abs(kept - 2 / 3), abs(kept - 1)) < 0.03


def test_few_distinct_scores_give_one_warning_with_a_remedy():
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    hybrid = HybridClassifier(tree, GaussianNB(), router="max_probability")
    texts = tie_warnings(hybrid, X[:900], Y[:900])
    for coverage in (0.8, 0.6, 0.4):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            hybrid.at(coverage)
        texts += [str(w.message) for w in caught]
    assert len(texts) > 2 and len(set(texts)) == 1
    assert "calibration=0.2" in texts[0]


@UNTOLD
def test_expected_coverage_of_few_scores_is_that_of_the_tree_in_use():
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    lonely = AbstainingClassifier(tree, router="max_probability", coverage=0.8)
    expected, realised = [], []
    for seed in range(8):
        X_fit, y_fit, X_new = digits(600, seed)
        lonely.fit(X_fit, y_fit)
        expected.append(lonely.operating_point_.coverage)
        realised.append(lonely.predict_coverage(X_new).mean())
    expected, realised = np.array(expected), np.array(realised)
    assert np.abs(realised - 0.8).mean() > 0.1
    assert np.abs(realised - expected).mean() < 0.05


def test_rows_without_weight_have_no_influence():
    tree = DecisionTreeClassifier(max_depth=3, random_state=0)
    lonely = AbstainingClassifier(tree, router="max_probability", coverage=0.8, cv=3)
    rng = np.random.default_rng(0)
    weight = np.append(np.zeros(300), np.ones(600))
    folds = [(np.flatnonzero(f != k), np.flatnonzero(f == k)) for f in
             [rng.integers(3, size=900)] for k in range(3)]  # fmt: skip
    there = [np.flatnonzero(test >= 300) for _, test in folds]
    alone = [
        (train[train >= 300] - 300, test[rows] - 300)
        for (train, test), rows in zip(folds, there, strict=True)
    ]
    points = []
    for cv, some, w in ((folds, slice(0, 900), weight), (alone, slice(300, 900), None)):
        assert tie_warnings(lonely.set_params(cv=cv), X[some], Y[some], w)
        points.append(lonely.operating_point_.coverage)
    assert points[0] == pytest.approx(points[1], abs=1e-9)


def test_an_overfitted_base_is_no_reason_to_warn():
    rows, labels = make_classification(
        6000, n_features=12, n_informative=6, n_classes=3, class_sep=0.8, flip_y=0.1,
        random_state=0,
    )  # fmt: skip
    trees = ExtraTreesClassifier(200, random_state=0)
    lonely = AbstainingClassifier(trees, router="max_probability", coverage=0.9)
    assert not tie_warnings(lonely, rows[:1000], labels[:1000])
    kept = lonely.predict_coverage(rows[1000:]).mean()
    assert kept == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    "base", [GaussianNB(), RandomForestClassifier(50, max_depth=5, random_state=0)]
)
def test_distinct_scores_are_no_reason_to_warn(base):
    rows, labels = make_classification(1000, 10, class_sep=0.5, random_state=0)
    hybrid = HybridClassifier(
        base, DecisionTreeClassifier(), router="max_probability", coverage=0.7
    )
    assert not tie_warnings(hybrid, rows, labels)


@pytest.mark.parametrize("read", [load_iris, load_breast_cancer])
@pytest.mark.parametrize(
    "model", [LinearDiscriminantAnalysis(), LogisticRegression(max_iter=200)]
)
def test_a_row_at_the_threshold_decides_alone_as_in_its_batch(read, model):
    rows, labels = read(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(rows))
    known, new = np.array_split(order, 2)
    frozen = FrozenEstimator(make_pipeline(StandardScaler(), model))
    frozen.estimator.fit(rows[known], labels[known])
    lonely = AbstainingClassifier(frozen, router="max_probability", coverage=0.5)
    lonely.fit(rows[new], labels[new])
    for coverage in np.linspace(0.3, 0.95, 14):
        moved = lonely.at(coverage)
        lead = moved.operating_point_.threshold - moved.query_score(rows[new])
        at_the_cut = np.argsort(np.abs(lead))[:2]
        together = moved.predict_coverage(rows[new])[at_the_cut]
        alone = [moved.predict_coverage(rows[[new[i]]])[0] for i in at_the_cut]
        assert together.tolist() == alone


def test_groups_with_few_distinct_scores_warn_too():
    forest = RandomForestClassifier(8, random_state=0)
    hybrid = HybridClassifier(
        forest, GaussianNB(), router="max_probability",
        coverage=GroupCoverage(0.6, by="predicted_class"),
    )  # fmt: skip
    texts = tie_warnings(hybrid, X[:900], Y[:900])
    assert any(text.startswith("Many rows share the score") for text in texts)


def test_a_base_that_changes_much_with_more_rows_warns():
    net = MLPClassifier((32,), max_iter=100, random_state=0)
    X_fit, y_fit, X_new = digits(300, 0)
    lonely = AbstainingClassifier(net, router="max_probability", coverage=0.7)
    with pytest.warns(CalibrationWarning, match="may be off by several points"):
        lonely.fit(X_fit, y_fit)
    assert lonely.predict_coverage(X_new).mean() == pytest.approx(0.7, abs=0.1)
    lonely.set_params(calibration="out_of_fold").fit(X_fit, y_fit)
    assert lonely.predict_coverage(X_new).mean() > 0.74


@UNTOLD
def test_expected_coverage_rises_with_the_coverage_asked_for():
    X_fit, y_fit, _ = digits(300, 0)
    classifier = AbstainingClassifier(
        LogisticRegression(max_iter=300), router="max_probability"
    ).fit(X_fit, y_fit)
    asked = np.linspace(0.5, 0.95, 46)
    points = [classifier.at(coverage).operating_point_ for coverage in asked]
    assert (np.diff([point.threshold for point in points]) >= 0).all()
    expected = np.array([point.coverage for point in points])
    assert (np.diff(expected) >= 0).all()
    np.testing.assert_allclose(expected, asked, atol=0.05)


@UNTOLD
def test_rows_without_weight_have_no_influence_on_the_threshold():
    """One of four folds has no weight; compared with the other three alone."""
    X_fit, y_fit, _ = digits(300, 0)
    fold = np.arange(300) % 4

    def point(rows, weight=None):
        splits = [
            (np.flatnonzero(fold[rows] != k), np.flatnonzero(fold[rows] == k))
            for k in np.unique(fold[rows])
        ]
        classifier = AbstainingClassifier(
            LogisticRegression(max_iter=300), router="max_probability", cv=splits
        )
        return classifier.fit(X_fit[rows], y_fit[rows], weight).operating_point_

    weighted, absent = point(np.arange(300), 1.0 * (fold != 1)), point(fold != 1)
    assert weighted.threshold == pytest.approx(absent.threshold)
    assert weighted.coverage == absent.coverage


def test_only_two_folds_with_weight_warn():
    X_fit, y_fit, _ = digits(300, 0)
    fold = np.arange(300) % 3
    splits = [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(3)]
    classifier = AbstainingClassifier(
        LogisticRegression(max_iter=300), router="max_probability", cv=splits
    )
    told = tie_warnings(classifier, X_fit, y_fit, 1.0 * (fold != 1))
    assert any("zero on all but 2 folds of cv" in message for message in told)


def simulated(n, seed):
    rows, labels = make_classification(
        n + 1000, n_informative=8, n_classes=4, flip_y=0.05, random_state=seed
    )
    return rows[:n], labels[:n], rows[n:]


def share_told(base, draw, router):
    """Return the share of eight draws, at three coverages, that warn with a remedy."""
    told = []
    for seed in range(8):
        X_fit, y_fit, _ = draw(300, seed)
        lonely = AbstainingClassifier(base, router=router, coverage=0.8)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            lonely.fit(X_fit, y_fit)
        for coverage in (0.9, 0.7, 0.5):
            with warnings.catch_warnings(record=True) as caught:
                warnings.simplefilter("always")
                lonely.at(coverage)
            told.append(any("calibration=0.2" in str(w.message) for w in caught))
    return np.mean(told)


@pytest.mark.parametrize("router", ["max_probability", "margin"])
@pytest.mark.parametrize(
    ("base", "draw"),
    [
        (KNeighborsClassifier(10), digits),
        (DecisionTreeClassifier(min_samples_leaf=10, random_state=0), digits),
        (DecisionTreeClassifier(min_samples_leaf=10, random_state=0), simulated),
        (SGDClassifier(loss="log_loss", random_state=0), simulated),
    ],
    ids=["neighbours", "tree of digits", "simulated tree", "stochastic"],
)
def test_an_unstable_base_warns_in_nearly_every_draw(base, draw, router):
    assert share_told(base, draw, router) >= 0.9


@pytest.mark.parametrize("draw", [digits, simulated])
@pytest.mark.parametrize("router", ["max_probability", "benefit"])
def test_a_stable_base_hardly_ever_warns(router, draw):
    assert share_told(LogisticRegression(max_iter=300), draw, router) <= 0.1
