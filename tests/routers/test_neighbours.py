import tracemalloc

import numpy as np
import pytest

from selective_query import Evidence, Outcomes
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import KNNBenefitRouter, KNNDistanceRouter
from selective_query.routers.checks import yield_router_checks
from tests.routers.samples import outcomes_with_inputs

BOTH = [KNNDistanceRouter, KNNBenefitRouter]


def outcomes_of(n, width=3, weighted=False, seed=0, kind="base_features"):
    rng = np.random.default_rng(seed)
    table = rng.normal(size=(n, width)) * [1, 100, 0.01][:width] + 5
    weight = rng.integers(0, 4, size=n) if weighted else None
    return Outcomes(
        **{kind: table},
        base_utility=rng.integers(2, size=n),
        global_utility=rng.random(n),
        sample_weight=weight,
    )


def plain_scores(train, new, k):
    """Return distances to the k-th and mean benefits of the k, pair by pair."""
    weight = train.weight.astype(int)
    rows = np.repeat(train.base_features, weight, axis=0)
    benefit = np.repeat(train.benefit, weight)
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    far, gain = [], []
    for point in new:
        apart = [np.sqrt(sum(((row - point) / deviation) ** 2)) for row in rows]
        order = np.argsort(apart, kind="stable")[:k]
        far.append(apart[order[-1]])
        gain.append(benefit[order].mean())
    assert len(mean) == rows.shape[1]
    return np.array(far), np.array(gain)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("k", [1, 5, 40])
def test_scores_equal_those_of_a_plain_search(k, weighted):
    train = outcomes_of(150, weighted=weighted)
    new = outcomes_of(30, seed=1).evidence
    far, gain = plain_scores(train, new.base_features, k)
    one, other = (cls(n_neighbors=k).fit(train).query_score(new) for cls in BOTH)
    np.testing.assert_allclose(one, far, rtol=1e-9)
    np.testing.assert_allclose(other, gain, rtol=1e-9)


def test_all_rows_are_used_if_there_are_fewer_than_k():
    train = outcomes_of(20)
    score = KNNBenefitRouter(50).fit(train).query_score(outcomes_of(4, seed=1).evidence)
    np.testing.assert_allclose(score, train.benefit.mean())


def test_small_weights_look_at_k_rows():
    train = outcomes_of(60)
    light = Outcomes(
        base_features=train.base_features,
        base_utility=train.base_utility,
        global_utility=train.global_utility,
        sample_weight=np.full(60, 1 / 60),
    )
    new = outcomes_of(10, seed=1).evidence
    for cls in BOTH:
        np.testing.assert_allclose(
            cls(7).fit(light).query_score(new), cls(7).fit(train).query_score(new)
        )


def test_far_rows_first_and_a_constant_column_is_left_out():
    rng = np.random.default_rng(0)
    table = np.column_stack([rng.normal(size=200), np.full(200, 3.0)])
    router = KNNDistanceRouter(10).fit(
        Outcomes(base_features=table, base_utility=np.ones(200))
    )
    score = router.query_score(Evidence(base_features=[[0, 3.0], [3, 3], [6, 9]]))
    assert (np.diff(score) > 1).all()


def test_it_finds_where_the_benefit_lies():
    rng = np.random.default_rng(1)
    table = rng.uniform(-1, 1, size=(3000, 2))
    base = (rng.random(3000) < np.where(np.abs(table[:, 0]) < 0.5, 0.9, 0.2)) * 1.0
    router = KNNBenefitRouter().fit(Outcomes(base_features=table, base_utility=base))
    score = router.query_score(Evidence(base_features=[[0, 0], [0.9, 0], [-0.9, 0]]))
    np.testing.assert_allclose(score, [0.1, 0.8, 0.8], atol=0.15)


def test_inputs_in_place_of_features():
    by_features = outcomes_of(80)
    by_inputs = outcomes_of(80, kind="X")
    for cls in BOTH:
        router = cls(5, space="X").fit(by_inputs)
        assert not router.needs_base
        assert cls().needs_base
        np.testing.assert_array_equal(
            router.query_score(by_inputs.evidence),
            cls(5).fit(by_features).query_score(by_features.evidence),
        )
        with pytest.raises(MissingEvidenceError, match="an X of numbers"):
            router.query_score(Evidence(X=["text"]))
        with pytest.raises(ValueError, match="NaN"):
            router.query_score(Evidence(X=np.full((1, 3), np.nan)))


def test_a_router_of_inputs_keeps_to_the_checks():
    router = KNNBenefitRouter(space="X")
    for name, check in yield_router_checks(router, outcomes_with_inputs):
        if name != "check_doubt_scores_higher_than_certainty":
            check()


@pytest.mark.parametrize("cls", BOTH)
def test_parameters_and_widths_are_checked(cls):
    train = outcomes_of(30)
    for k in (0, 2.0, True, "3"):
        with pytest.raises(ValueError, match="n_neighbors must be"):
            cls(k).fit(train)
    with pytest.raises(ValueError, match="space must be one of"):
        cls(space="proba").fit(train)
    with pytest.raises(ValueError, match="3 columns. Got 2"):
        cls().fit(train).query_score(Evidence(base_features=np.zeros((1, 2))))
    with pytest.raises(MissingEvidenceError, match="base_features"):
        cls().fit(Outcomes(base_proba=[[1.0, 0.0]], base_utility=[1]))


@pytest.mark.parametrize("width", [2, 30])
def test_memory_is_not_quadratic(width):
    rng = np.random.default_rng(0)
    n = 12_000
    train = Outcomes(base_features=rng.normal(size=(n, width)), base_utility=np.ones(n))
    router = KNNDistanceRouter(20).fit(train)
    new = train.evidence
    tracemalloc.start()
    router.query_score(new)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 60e6, "a table of all distances would take 1150 MB"


@pytest.mark.parametrize("width", [3, 20])  # by a tree, and by a matrix product
def test_rows_that_are_equally_far_share_the_last_places(width):
    rng = np.random.default_rng(0)
    train = Outcomes(
        base_features=rng.integers(2, size=(300, width)),
        base_utility=rng.random(300),
        global_utility=rng.random(300),
    )
    router = KNNBenefitRouter(10).fit(train)
    score = router.query_score(train)
    alone = [router.query_score(train.evidence.take([i]))[0] for i in range(300)]
    np.testing.assert_allclose(score, alone, atol=1e-9)
    shuffled = KNNBenefitRouter(10).fit(train.take(rng.permutation(300)))
    np.testing.assert_allclose(shuffled.query_score(train), score, atol=1e-9)
    if width == 3:
        same = (train.base_features == train.base_features[0]).all(axis=1)
        assert same.sum() > 10
        assert score[0] == pytest.approx(train.benefit[same].mean())


def test_cost_is_that_of_a_plain_search():
    train = outcomes_of(100)
    far, gain = (cls(5).fit(train).decision_cost(train) for cls in BOTH)
    assert far.flash_bytes == 4 * (100 * 3 + 6)
    assert gain.flash_bytes == far.flash_bytes + 4 * 100
    assert far.macs == gain.macs == 6 + 100 * 4 + 10
