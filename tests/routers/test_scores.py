import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.stats import kstest, spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from selective_query import Evidence, Outcomes, RoutingPolicy, TopKProba, list_routers
from selective_query.exceptions import BoundRouterError, MissingEvidenceError
from selective_query.metrics import deferral_area
from selective_query.outcomes.probabilities import top_probabilities
from selective_query.routers import (
    AlwaysBaseRouter,
    AlwaysGlobalRouter,
    AutoRouter,
    BenefitRouter,
    EntropyRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
    OracleRouter,
    RandomRouter,
    _scores,
    make_router,
)

PROBA = np.array([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0], [0.125, 0.125, 0.75]])


def random_proba(seed, n, k):
    return np.random.default_rng(seed).dirichlet(np.full(k, 0.7), size=n)


# Values by hand


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        (MaxProbabilityRouter(), [0.5, 0, 0.25]),
        (MarginRouter(), [0.75, 0, 0.375]),
        (
            EntropyRouter(),
            [1.5 * np.log(2), 0, 0.75 * np.log(2) - 0.75 * np.log(0.75)],
        ),
    ],
)
def test_scores_by_hand(router, expected):
    score = router.fit(None).query_score(Evidence(base_proba=PROBA))
    np.testing.assert_allclose(score, expected, atol=1e-12)
    assert not router.learns
    assert not router.in_benefit_units


@pytest.mark.parametrize(
    ("router", "expected"),
    [
        (MaxProbabilityRouter(), [0.4]),
        (MarginRouter(), [0.7]),
        # 0.1 is spread over the three classes that are not listed.
        (
            EntropyRouter(),
            [-0.6 * np.log(0.6) - 0.3 * np.log(0.3) - 0.1 * np.log(0.1 / 3)],
        ),
    ],
)
def test_scores_of_topk_by_hand(router, expected):
    top = TopKProba([[2, 4]], [[0.6, 0.3]], 5)
    score = router.query_score(Evidence(base_proba=top))
    np.testing.assert_allclose(score, expected, atol=1e-12)


def test_margin_of_one_listed_class_takes_the_second_for_zero():
    top = TopKProba([[2], [0]], [[0.6], [1.0]], 5)
    np.testing.assert_allclose(_scores.margin(top), [0.4, 0])


@given(st.integers(0, 2**32 - 1), st.sampled_from([2, 3, 10, 32, 33, 100]))
@settings(max_examples=40, deadline=None)
def test_margin_is_the_same_by_a_running_top_two_and_by_partition(seed, k):
    proba = random_proba(seed, 15, k)
    proba[0] = 1 / k
    proba[1] = np.eye(k)[k - 1]
    proba[2] = 0
    proba[2, :2] = 0.5
    before = proba.copy()
    top = top_probabilities(proba, 2)
    np.testing.assert_allclose(_scores.margin(proba), 1 - (top[:, 0] - top[:, 1]))
    falling = np.sort(proba, axis=1)[:, ::-1]
    np.testing.assert_allclose(
        _scores.margin(proba), 1 - falling[:, 0] + falling[:, 1], atol=1e-15
    )
    np.testing.assert_array_equal(proba, before)


def test_all_confidences_rank_two_classes_alike():
    p = np.random.default_rng(0).uniform(size=50)
    evidence = Evidence(base_proba=np.column_stack([p, 1 - p]))
    expected = np.argsort(np.abs(p - 0.5))
    for router in (MaxProbabilityRouter(), MarginRouter(), EntropyRouter()):
        found = np.argsort(router.query_score(evidence))[::-1]
        np.testing.assert_array_equal(found, expected)


# Max-logit


@pytest.mark.parametrize("p", [1, 2, 3, 8])
def test_max_logit_is_the_largest_centred_logit_over_the_norm(p):
    z = np.array([[1.0, 2.0, 6.0], [-3.0, 5.0, 1.0]])
    expected = [
        -3 / (2**p + 1**p + 3**p) ** (1 / p),
        -4 / (4**p + 4**p + 0**p) ** (1 / p),
    ]
    router = MaxLogitRouter(p=p)
    assert not router.learns
    np.testing.assert_allclose(router.query_score(Evidence(base_logits=z)), expected)
    shifted = Evidence(base_logits=z + 7)  # a softmax is invariant to a shift too
    np.testing.assert_allclose(router.query_score(shifted), expected)


def test_max_logit_of_constant_logits_is_the_largest_doubt():
    z = np.array([[2.0, 2.0, 2.0], [0.0, 0.0, 0.0], [1.0, 2.0, 3.0]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        score = MaxLogitRouter(p=2).query_score(Evidence(base_logits=z))
    np.testing.assert_array_equal(score[:2], [0, 0])
    assert score[2] < 0


def test_max_logit_takes_log_probabilities_where_there_are_no_logits():
    z = np.array([[1.0, 2.0, 6.0], [-3.0, 5.0, 1.0]])
    proba = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    router = MaxLogitRouter(p=3)
    np.testing.assert_allclose(
        router.query_score(Evidence(base_proba=proba)),
        router.query_score(Evidence(base_logits=z)),
    )
    one_hot = router.query_score(Evidence(base_proba=np.eye(3)))
    assert np.isfinite(one_hot).all()


def test_log_odds_are_logits_centred_in_each_row():
    z = np.array([[1.0, 2.0, 6.0], [-3.0, 5.0, 1.0]])
    proba = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(_scores.log_odds(proba), [[-2, -1, 3], [-4, 4, 0]])


def test_max_logit_refuses_topk_and_nothing():
    top = TopKProba([[2, 4]], [[0.6, 0.3]], 5)
    with pytest.raises(MissingEvidenceError, match="top-k"):
        MaxLogitRouter(p=2).query_score(Evidence(base_proba=top))
    with pytest.raises(MissingEvidenceError, match="base_proba"):
        MaxLogitRouter(p=2).query_score(Evidence(X=["text"]))


def logit_outcomes(seed, right_score):
    """Draw a base that is right where a score of its logits is below the median."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(300, 5)) * rng.uniform(0.5, 5, size=(300, 1))
    proba = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    score = right_score(z, proba)
    right = score < np.median(score)
    return Outcomes(base_proba=proba, base_logits=z, base_utility=right)


def test_max_logit_chooses_the_exponent_of_the_largest_area():
    outcomes = logit_outcomes(0, lambda z, _: _scores.max_logit_p_norm(z, 2))
    router = MaxLogitRouter().fit(outcomes)
    assert router.p_ == 2
    areas = [
        deferral_area(
            _scores.max_logit_p_norm(outcomes.base_logits, p), outcomes.base_utility
        )
        for p in router.candidates
    ]
    assert router.candidates[np.argmax(areas)] == 2
    np.testing.assert_array_equal(
        router.query_score(outcomes.evidence),
        _scores.max_logit_p_norm(outcomes.base_logits, 2),
    )


def test_max_logit_falls_back_on_max_probability():
    outcomes = logit_outcomes(1, lambda _, proba: _scores.max_probability(proba))
    router = MaxLogitRouter().fit(outcomes)
    assert router.p_ is None
    score = router.query_score(outcomes.evidence)
    np.testing.assert_allclose(score, -outcomes.base_proba.max(axis=1))


# Chance


def test_random_scores_are_uniform():
    evidence = Evidence(base_proba=random_proba(0, 2000, 5))
    for seed in (0, 1):
        score = RandomRouter(random_state=seed).query_score(evidence)
        assert ((score >= 0) & (score < 1)).all()
        assert kstest(score, "uniform").pvalue > 0.01
        assert abs(spearmanr(score, evidence.base_proba.max(axis=1)).statistic) < 0.08
    texts = Evidence(X=[f"text {i}" for i in range(2000)])
    assert kstest(RandomRouter().query_score(texts), "uniform").pvalue > 0.01


def test_random_scores_follow_the_seed():
    evidence = Evidence(base_proba=random_proba(1, 500, 5))
    one, again, other = (RandomRouter(s).query_score(evidence) for s in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert abs(spearmanr(one, other).statistic) < 0.15


FRAME = pd.DataFrame(
    {"n": np.arange(40) / 7, "s": list("abcdefgh") * 5, "k": range(40)},
    index=range(100, 140),
)


@pytest.mark.parametrize(
    "parts",
    [
        {"base_proba": random_proba(2, 40, 3)},
        {"base_proba": random_proba(2, 40, 3).astype(np.float32)},
        {"base_logits": np.random.default_rng(2).normal(size=(40, 3))},
        {"base_features": np.random.default_rng(3).normal(size=(40, 2))},
        {"base_proba": TopKProba([[1, 0]] * 40, random_proba(4, 40, 2), 9)},
        {"X": [f"text {i}" for i in range(40)]},
        {"X": np.array([f"text {i}" for i in range(40)])},
        {"X": pd.Series([f"text {i}" for i in range(40)], index=range(7, 47))},
        {"X": FRAME},
        {"X": FRAME[["n", "k"]]},
        {"X": np.random.default_rng(5).normal(size=(40, 4, 4))},
        {"X": np.arange(80).reshape(40, 2)},
        {"X": csr_matrix(np.random.default_rng(6).normal(size=(40, 3)))},
        {"X": np.random.default_rng(7).integers(9, size=(40, 6)).astype(str)},
        {"base_proba": np.full((40, 2), 0.5), "X": [f"text {i}" for i in range(40)]},
    ],
    ids=lambda parts: "+".join(f"{k}:{type(v).__name__}" for k, v in parts.items()),
)
def test_random_score_of_a_row_depends_on_that_row_alone(parts):
    evidence = Evidence(**parts)
    batch = RandomRouter().query_score(evidence)
    assert batch.shape == (40,)
    assert len(np.unique(batch)) > 35
    alone = [RandomRouter().query_score(evidence.take([i]))[0] for i in range(40)]
    np.testing.assert_array_equal(alone, batch)


def test_random_scores_do_not_hang_on_last_digits():
    # In single precision, some numbers lie halfway between two grid points.
    logits = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    logits = logits.astype(float)
    score = RandomRouter().query_score(Evidence(base_logits=logits))
    moved = Evidence(base_logits=np.nextafter(logits, np.inf))
    np.testing.assert_array_equal(RandomRouter().query_score(moved), score)
    # A net's sixth digit may change with the batch, but inputs stay the same.
    one, other = (
        Evidence(X=np.arange(300), base_logits=values)
        for values in (logits, logits + 1e-5)
    )
    np.testing.assert_array_equal(
        RandomRouter().query_score(one), RandomRouter().query_score(other)
    )


@pytest.mark.parametrize("random_state", [None, np.random.RandomState(0)])
def test_a_drawn_seed_is_kept(random_state):
    evidence = Evidence(base_proba=random_proba(9, 200, 4))
    outcomes = Outcomes(base_proba=evidence.base_proba, y=np.zeros(200, dtype=int))
    router = RandomRouter(random_state)
    with pytest.raises(NotFittedError, match="fit"):
        router.query_score(evidence)
    one, other = (clone(router).fit(outcomes) for _ in range(2))
    score = one.query_score(evidence)
    np.testing.assert_array_equal(score, one.query_score(evidence))
    np.testing.assert_array_equal(
        score, pickle.loads(pickle.dumps(one)).query_score(evidence)
    )
    if random_state is None:
        assert one.seed_ != other.seed_
        assert abs(spearmanr(score, other.query_score(evidence)).statistic) < 0.3


def test_a_policy_with_a_drawn_seed_keeps_its_coverage():
    outcomes = Outcomes(base_proba=random_proba(3, 500, 4), y=np.zeros(500, dtype=int))
    policy = RoutingPolicy(RandomRouter(None), coverage=0.7).fit(outcomes)
    kept = policy.decide(outcomes.evidence)
    assert kept.mean() == pytest.approx(0.7, abs=0.01)
    np.testing.assert_array_equal(kept, policy.decide(outcomes.evidence))


@pytest.mark.parametrize(
    "parts",
    [
        {"base_proba": random_proba(2, 4, 3)},
        {"base_proba": TopKProba([[1, 0]] * 4, random_proba(4, 4, 2), 9)},
        {"X": ["a text"] * 4},
        {"X": FRAME[:4]},
        {"X": csr_matrix(np.eye(4))},
        {"X": np.zeros((4, 3, 3))},
    ],
    ids=lambda parts: "+".join(f"{k}:{type(v).__name__}" for k, v in parts.items()),
)
def test_no_rows_get_no_random_scores(parts):
    assert RandomRouter().query_score(Evidence(**parts).take([])).shape == (0,)


def test_equal_rows_get_equal_random_scores():
    proba = random_proba(8, 10, 3)
    score = RandomRouter().query_score(Evidence(base_proba=np.tile(proba, (2, 1))))
    np.testing.assert_array_equal(score[:10], score[10:])


def test_random_score_bears_noise_in_the_last_bits():
    proba = np.array([[0.3, 0.3, 0.4], [0.1, 0.2, 0.7]])
    noisy = proba + np.array([1e-10, -1e-10, 0])
    np.testing.assert_array_equal(
        RandomRouter().query_score(Evidence(base_proba=proba)),
        RandomRouter().query_score(Evidence(base_proba=noisy)),
    )


# Bounds


def judged():
    rng = np.random.default_rng(9)
    proba = rng.dirichlet(np.ones(3), size=(2, 60))
    return Outcomes(
        base_proba=proba[0], global_proba=proba[1], y=rng.integers(3, size=60)
    )


def test_oracle_scores_the_benefit_and_only_where_it_is_positive():
    outcomes = Outcomes(base_utility=[0, 1, 0.5, 0.5], global_utility=[1, 0, 0.75, 0.5])
    np.testing.assert_array_equal(
        OracleRouter().query_score(outcomes), [1, -np.inf, 0.25, -np.inf]
    )


def test_oracle_refuses_evidence():
    with pytest.raises(BoundRouterError, match="cannot route unseen inputs"):
        OracleRouter().query_score(judged().evidence)


def test_constant_bounds():
    evidence = judged().evidence
    np.testing.assert_array_equal(
        AlwaysBaseRouter().query_score(evidence), np.full(60, -np.inf)
    )
    np.testing.assert_array_equal(
        AlwaysGlobalRouter().query_score(evidence), np.full(60, np.inf)
    )


@pytest.mark.parametrize("name", ["oracle", "always_base", "always_global"])
def test_bounds_are_refused_as_rules(name):
    assert name in list_routers(bounds=True)
    assert name not in list_routers()
    for router in (name, make_router(name)):
        with pytest.raises(BoundRouterError, match=f"'{name}' is a bound"):
            RoutingPolicy(router, coverage=0.8).fit(judged())


# Names


def test_a_router_by_name_or_as_an_object():
    assert type(make_router("benefit")) is BenefitRouter
    given_ = AutoRouter(n_standard_errors=3)
    made = make_router(given_, target_coverage=0.7)
    assert made is not given_
    assert made.n_standard_errors == 3
    assert made.target_coverage == 0.7
    assert given_.target_coverage is None


def test_what_a_router_was_given_is_kept():
    made = make_router(AutoRouter(target_coverage=0.6), target_coverage=0.9)
    assert made.target_coverage == 0.6
    assert make_router(RandomRouter(3), random_state=1).random_state == 3


def test_unknown_routers_are_refused():
    with pytest.raises(ValueError, match=r"'entropi' is not known.*Did you mean 'entr"):
        make_router("entropi")
    with pytest.raises(ValueError, match=r"'zzz' is not known.*max_probability"):
        make_router("zzz")
    with pytest.raises(TypeError, match=r"BaseRouter.*Got 3"):
        make_router(3)


@pytest.mark.parametrize("p", [None, 3])
def test_max_logit_ranks_two_classes(p):
    top = np.random.default_rng(0).uniform(0.5, 1, size=300)
    right = np.random.default_rng(1).random(300) < top
    outcomes = Outcomes(
        base_proba=np.column_stack([top, 1 - top]), y=np.where(right, 0, 1)
    )
    score = MaxLogitRouter(p=p).fit(outcomes).query_score(outcomes.evidence)
    np.testing.assert_array_equal(np.argsort(score), np.argsort(-top))
