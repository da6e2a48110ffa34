from functools import partial

import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier, RoutingPolicy, list_routers, load, save
from selective_query.budgets import (
    All,
    Coverage,
    GroupCoverage,
    MaxExcessError,
    MaxPrice,
    Mixed,
)
from selective_query.costs import ConstantCosts
from selective_query.datasets import make_selective_query
from selective_query.routers import BenefitRouter
from tests.routers.samples import completed


@pytest.mark.filterwarnings("ignore:Many rows share the score")
@pytest.mark.parametrize("router", list_routers())
def test_policy_round_trip(tmp_path, router):
    outcomes = make_selective_query(300, regime="specialist", random_state=0).outcomes
    outcomes = completed(router, outcomes)
    policy = RoutingPolicy(router, coverage=0.7, random_state=0).fit(outcomes)
    path = tmp_path / "policy.skops"
    save(policy, path)
    loaded = load(path)
    np.testing.assert_array_equal(
        loaded.decide(outcomes.evidence), policy.decide(outcomes.evidence)
    )
    assert loaded.operating_point_ == policy.operating_point_
    assert loaded.at(0.5).operating_point_ == policy.at(0.5).operating_point_


def test_classifier_round_trip(tmp_path, digits):
    X, y = digits
    hybrid = HybridClassifier(GaussianNB(), LogisticRegression(max_iter=100), cv=3)
    save(hybrid.fit(X[:300], y[:300]), tmp_path / "hybrid.skops")
    loaded = load(tmp_path / "hybrid.skops")
    np.testing.assert_array_equal(loaded.predict(X), hybrid.predict(X))


class Stranger(GaussianNB):
    pass


def test_foreign_types_are_named_and_refused(tmp_path, digits):
    X, y = digits
    hybrid = HybridClassifier(Stranger(), GaussianNB(), cv=3).fit(X[:300], y[:300])
    path = tmp_path / "hybrid.skops"
    save(hybrid, path)
    name = f"{Stranger.__module__}.Stranger"
    with pytest.raises(ValueError, match="not trusted.*Stranger"):
        load(path)
    loaded = load(path, trusted=[name])
    np.testing.assert_array_equal(loaded.predict(X), hybrid.predict(X))


def features(base, X):
    return X[:, :3]


def other_features():
    def features(base, X):
        return X[:, 3:6]

    return features


def with_features(base_features, digits):
    X, y = digits
    return HybridClassifier(
        GaussianNB(), GaussianNB(), base_features=base_features, cv=3
    ).fit(X[:300], y[:300])


def test_a_function_of_a_module_comes_back(tmp_path, digits):
    hybrid = with_features(features, digits)
    save(hybrid, tmp_path / "hybrid.skops")
    loaded = load(tmp_path / "hybrid.skops", trusted=[f"{__name__}.features"])
    np.testing.assert_array_equal(
        loaded.query_score(digits[0]), hybrid.query_score(digits[0])
    )


@pytest.mark.parametrize(
    ("function", "kind"),
    [
        (lambda base, X: X[:, :3], "lambda"),
        (other_features(), "local function"),
        (partial(lambda base, X, k: X[:, :k], k=3), "lambda"),
    ],
)
def test_functions_without_an_importable_name_are_refused(
    tmp_path, digits, function, kind
):
    path = tmp_path / "hybrid.skops"
    hybrid = with_features(function, digits)
    with pytest.raises(ValueError, match=f"base_features is a {kind}.*importable"):
        save(hybrid, path)
    assert not path.exists()


def test_what_cannot_be_read_back_is_not_written(tmp_path):
    outcomes = make_selective_query(100, random_state=0).outcomes
    router = BenefitRouter().fit(outcomes)
    router.hook_ = lambda: None
    with pytest.raises(ValueError, match="BenefitRouter could not be loaded again"):
        save(router, tmp_path / "router.skops")
    assert not (tmp_path / "router.skops").exists()


def test_a_file_that_refers_to_a_missing_object(tmp_path):
    path = tmp_path / "x.skops"
    path.write_bytes(skops.io.dumps({"format": 1, "object": lambda: None}))
    (name,) = skops.io.get_untrusted_types(data=path.read_bytes())
    with pytest.raises(ValueError, match="cannot be loaded here"):
        load(path, trusted=[name])


def test_other_formats_and_other_files_are_refused(tmp_path):
    path = tmp_path / "x.skops"
    path.write_bytes(skops.io.dumps({"format": 99, "object": 1}))
    with pytest.raises(ValueError, match="not of format 1"):
        load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="not a file that save"):
        load(path)


@pytest.mark.parametrize(
    "budget",
    [
        All(Coverage(0.5), MaxExcessError(0.3)),
        MaxPrice(0.5, ConstantCosts(query_price=1.0)),
        All(Coverage(0.5), GroupCoverage({0: 0.4}, by="predicted_class")),
        Mixed(GroupCoverage(0.4, by="predicted_class"), seed=3),
    ],
    ids=repr,
)
def test_policies_with_budgets_round_trip(budget, tmp_path):
    outcomes = make_selective_query(400, random_state=0).outcomes
    policy = RoutingPolicy("margin", budget).fit(outcomes)
    save(policy, tmp_path / "policy.skops")
    loaded = load(tmp_path / "policy.skops")
    assert loaded.coverage == budget
    assert loaded.operating_point_ == policy.operating_point_
    np.testing.assert_array_equal(
        loaded.decide(outcomes.evidence), policy.decide(outcomes.evidence)
    )
    assert loaded.at(0.3).operating_point_ == policy.at(0.3).operating_point_
