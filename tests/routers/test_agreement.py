import warnings
from collections import Counter

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from selective_query import Evidence, HybridClassifier
from selective_query.routers import AgreementRouter, member_votes

NAMES = np.array(["kiwi", "apple", "pear", "fig", "plum", "lime", "date", "nut",
                  "bean", "corn"])  # fmt: skip
TREE = DecisionTreeClassifier(max_depth=4, random_state=0)


@pytest.fixture(scope="module")
def fruits():
    X, y = load_digits(return_X_y=True)
    return X[:600], NAMES[y[:600]]


def test_share_of_the_class_with_the_most_votes():
    votes = np.random.default_rng(0).integers(5, size=(300, 7))
    expected = [1 - max(Counter(row.tolist()).values()) / 7 for row in votes]
    score = AgreementRouter().query_score(Evidence(base_features=votes))
    np.testing.assert_allclose(score, expected)


def test_one_member_never_disagrees():
    score = AgreementRouter().query_score(Evidence(base_features=[[3.0], [1.0]]))
    np.testing.assert_array_equal(score, 0)


@pytest.mark.parametrize("values", [[[0.5, 1.0]], [[-1.0, 0.0]], np.zeros((2, 0))])
def test_invalid_votes_are_refused(values):
    with pytest.raises(ValueError, match="base_features=member_votes"):
        AgreementRouter().query_score(
            Evidence(base_features=values, X=[0] * len(values))
        )


@pytest.mark.parametrize(
    "ensemble",
    [
        RandomForestClassifier(9, max_depth=5, random_state=0),
        ExtraTreesClassifier(9, max_depth=5, random_state=0),
        BaggingClassifier(TREE, 9, max_features=0.4, random_state=0),
        VotingClassifier([("tree", TREE), ("bayes", GaussianNB())], voting="soft"),
        AdaBoostClassifier(TREE, n_estimators=5, random_state=0),
    ],
    ids=lambda ensemble: type(ensemble).__name__,
)
def test_votes_are_the_positions_of_what_members_answer(fruits, ensemble):
    X, y = fruits
    fitted = ensemble.fit(X, y)
    votes = member_votes(fitted, X)
    assert votes.shape == (len(X), len(fitted.estimators_))
    named = fitted.classes_[votes.astype(int)]
    # Members were fitted on these rows, so a wrong mapping would be right only by
    # chance.
    assert (named == y[:, None]).mean() > 0.5
    for wrapped in (FrozenEstimator(fitted), make_pipeline(FrozenEstimator(fitted))):
        np.testing.assert_array_equal(member_votes(wrapped, X), votes)


def test_votes_of_members_that_know_few_classes():
    y = np.array([5, 5, 7, 7, 9, 9])
    X = y[:, None] * 1.0
    bags = BaggingClassifier(
        KNeighborsClassifier(1), 40, max_samples=2, random_state=0
    ).fit(X, y)
    assert any(len(member.classes_) < 3 for member in bags.estimators_)
    votes = member_votes(bags, X).astype(int)
    share = np.stack([(votes == c).mean(axis=1) for c in range(3)], axis=1)
    assert (share.argmax(axis=1) == [0, 0, 1, 1, 2, 2]).all()


def test_transformers_before_the_ensemble_are_applied(fruits):
    X, y = fruits
    pipeline = make_pipeline(
        StandardScaler(), RandomForestClassifier(5, random_state=0)
    )
    pipeline.fit(X, y)
    scaled = pipeline[0].transform(X)
    np.testing.assert_array_equal(
        member_votes(pipeline, X), member_votes(pipeline[-1], scaled)
    )


def test_frames_need_no_warning(fruits):
    pd = pytest.importorskip("pandas")
    X, y = fruits
    frame = pd.DataFrame(X, columns=[f"pixel{i}" for i in range(64)])
    forest = RandomForestClassifier(3, random_state=0).fit(frame, y)
    voting = VotingClassifier([("bayes", GaussianNB())], voting="soft").fit(frame, y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(
            member_votes(forest, frame), member_votes(forest, X)
        )
        assert member_votes(voting, frame).shape == (600, 1)


def test_a_base_without_such_members_is_refused(fruits):
    X, y = fruits
    for base in (GaussianNB(), GradientBoostingClassifier(n_estimators=1)):
        with pytest.raises(TypeError, match=f"Got {type(base).__name__}"):
            member_votes(base.fit(X, y), X)


@pytest.mark.filterwarnings("ignore:Many rows share the score")
def test_inside_a_hybrid_it_asks_where_members_disagree(fruits):
    X, y = fruits
    hybrid = HybridClassifier(
        RandomForestClassifier(60, max_depth=3, random_state=0),
        SVC(gamma=0.001),
        router=AgreementRouter(),
        base_features=member_votes,
        coverage=0.6,
        cv=3,
    ).fit(X[:400], y[:400])
    kept = hybrid.predict_coverage(X[400:])
    assert 0.4 < kept.mean() < 0.8
    base = hybrid.base_estimator_
    votes = member_votes(base, X[400:])
    agreed = 1 - AgreementRouter().query_score(Evidence(base_features=votes))
    assert agreed[kept].min() > agreed[~kept].max()
    right = base.predict(X[400:]) == y[400:]
    assert right[kept].mean() > right[~kept].mean() + 0.1
    assert hybrid.score(X[400:], y[400:]) > right.mean() + 0.03


def test_cost_is_one_step_for_each_two_votes():
    votes = Evidence(base_features=np.zeros((1, 25)))
    assert AgreementRouter().decision_cost(votes).macs == 25 * 24 // 2 + 1 + 1
