import numpy as np
import pytest
import skops.io
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from selective_query import HybridClassifier, RoutingPolicy, list_routers, load, save
from selective_query.datasets import make_selective_query


@pytest.mark.parametrize("router", list_routers())
def test_policy_round_trip(tmp_path, router):
    outcomes = make_selective_query(300, regime="specialist", random_state=0).outcomes
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


def test_types_of_others_are_named_and_refused(tmp_path, digits):
    X, y = digits
    hybrid = HybridClassifier(Stranger(), GaussianNB(), cv=3).fit(X[:300], y[:300])
    path = tmp_path / "hybrid.skops"
    save(hybrid, path)
    name = f"{Stranger.__module__}.Stranger"
    with pytest.raises(ValueError, match="not trusted.*Stranger"):
        load(path)
    loaded = load(path, trusted=[name])
    np.testing.assert_array_equal(loaded.predict(X), hybrid.predict(X))


def test_other_formats_and_other_files_are_refused(tmp_path):
    path = tmp_path / "x.skops"
    path.write_bytes(skops.io.dumps({"format": 99, "object": 1}))
    with pytest.raises(ValueError, match="not of format 1"):
        load(path)
    path.write_bytes(b"no archive")
    with pytest.raises(ValueError, match="not a file that save"):
        load(path)
