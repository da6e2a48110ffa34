import numpy as np
import pytest
from sklearn.covariance import LedoitWolf

from selective_query import Evidence, Outcomes
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import MahalanobisRouter


def classed(n, width=4, n_classes=3, weighted=False, seed=0):
    rng = np.random.default_rng(seed)
    predicted = rng.integers(n_classes, size=n)
    mixing = np.random.default_rng(9).normal(size=(width, width))
    centres = 4 * np.random.default_rng(8).normal(size=(n_classes, width))
    proba = 0.1 / n_classes + 0.9 * np.eye(n_classes)[predicted]
    return Outcomes(
        base_proba=proba,
        base_features=centres[predicted] + rng.normal(size=(n, width)) @ mixing,
        base_utility=rng.integers(2, size=n),
        sample_weight=rng.integers(0, 3, size=n) if weighted else None,
    )


def plain_scores(train, new):
    weight = train.weight.astype(int)
    rows = np.repeat(train.base_features, weight, axis=0)
    predicted = np.repeat(train.base_proba.argmax(axis=1), weight)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    rows, new = (rows - mean) / deviation, (new - mean) / deviation
    centres = [rows[predicted == c].mean(axis=0) for c in np.unique(predicted)]
    spread = rows - np.array(centres)[np.unique(predicted, return_inverse=True)[1]]
    shrunken = LedoitWolf(assume_centered=True).fit(spread)
    inverse = np.linalg.inv(shrunken.covariance_)
    score = [min((x - c) @ inverse @ (x - c) for c in centres) for x in new]
    return np.array(score), shrunken.shrinkage_


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(("n", "width"), [(400, 4), (30, 20)])
def test_equals_a_plain_search_with_ledoit_wolf(n, width, weighted):
    train = classed(n, width, weighted=weighted)
    new = classed(40, width, seed=1).base_features
    expected, shrinkage = plain_scores(train, new)
    router = MahalanobisRouter().fit(train)
    assert router.shrinkage_ == pytest.approx(shrinkage)
    assert 0 < router.shrinkage_ < 1
    score = router.query_score(Evidence(base_features=new))
    np.testing.assert_allclose(score, expected, rtol=1e-7)


def test_the_unit_is_the_spread_within_classes():
    router = MahalanobisRouter().fit(classed(20_000))
    score = router.query_score(classed(5000, seed=1).evidence)
    # Approximately a sum of four squared standard normals, within each class.
    assert score.mean() == pytest.approx(4, abs=0.15)
    far = Evidence(base_features=[[50.0, 50, -50, 50]])
    assert router.query_score(far)[0] > 100


def test_classes_that_no_row_of_weight_was_put_into_have_no_mean():
    old = classed(200)
    weight = (old.base_proba.argmax(axis=1) != 1).astype(float)
    train = Outcomes(
        base_proba=old.base_proba,
        base_features=old.base_features,
        base_utility=old.base_utility,
        sample_weight=weight,
    )
    assert len(MahalanobisRouter().fit(train).means_) == 2


def test_constant_features_do_no_harm():
    train = Outcomes(
        base_proba=np.tile([0.9, 0.1], (20, 1)),
        base_features=np.full((20, 2), 7.0),
        base_utility=np.ones(20),
    )
    router = MahalanobisRouter().fit(train)
    np.testing.assert_array_equal(router.query_score(train.evidence), 0)


def test_what_it_needs_is_named():
    with pytest.raises(MissingEvidenceError, match="needs base_features"):
        MahalanobisRouter().fit(Outcomes(base_proba=[[1.0, 0.0]], base_utility=[1]))
    with pytest.raises(MissingEvidenceError, match="needs base_proba"):
        MahalanobisRouter().fit(Outcomes(base_features=[[1.0]], base_utility=[1]))
    router = MahalanobisRouter().fit(classed(50))
    with pytest.raises(ValueError, match="4 columns. Got 2"):
        router.query_score(Evidence(base_features=np.zeros((1, 2))))


def test_cost_counts_whitening_and_means():
    outcomes = classed(100)
    cost = MahalanobisRouter().fit(outcomes).decision_cost(outcomes)
    # Scaling, whitening, and each mean with its squared length.
    stored = 2 * 4 + 4 * 4 + 3 * 4 + 3
    assert cost.flash_bytes == 4 * stored
    # The minimum, the row's own squared length, their sum, and a comparison with 0.
    assert cost.macs == stored + 2 + 4 + 1 + 1
