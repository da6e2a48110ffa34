import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from selective_query.datasets import make_selective_query
from selective_query.outcomes.probabilities import top_class, top_probability
from selective_query.routers import BenefitRouter
from selective_query.routers._evidence_columns import evidence_columns

REGIMES = ("uniform", "specialist", "noisy")
COVERAGES = np.array([0.9, 0.8, 0.7, 0.5])
N = 20_000
# About one false alarm in 15,000 comparisons; seeds are fixed.
N_SIGMA = 4


@pytest.fixture(scope="module", params=REGIMES)
def sample(request):
    return make_selective_query(N, regime=request.param, random_state=0)


@pytest.fixture(scope="module")
def samples():
    return {r: make_selective_query(N, regime=r, random_state=0) for r in REGIMES}


def sigmas_from_zero(values):
    """Return the mean of `values` in units of its standard error."""
    return values.mean() / (values.std(ddof=1) / np.sqrt(len(values)))


def unsureness(sample):
    return 1 - top_probability(sample.outcomes.base_proba)


def test_mean_benefit_is_the_expected_one(sample):
    surprise = sample.outcomes.benefit - sample.expected_benefit
    assert abs(sigmas_from_zero(surprise)) < N_SIGMA


@pytest.mark.parametrize("side", ["base", "global"])
@pytest.mark.parametrize("column", [0, 1])
def test_each_side_is_as_often_right_as_stated_in_every_bin(sample, side, column):
    stated = getattr(sample, f"{side}_expected_utility")
    surprise = getattr(sample.outcomes, f"{side}_utility") - stated
    order = np.argsort(sample.outcomes.base_features[:, column])
    for rows in np.array_split(order, 10):
        assert abs(sigmas_from_zero(surprise[rows])) < N_SIGMA


def test_benefit_is_as_stated_in_every_bin_of_itself(sample):
    surprise = sample.outcomes.benefit - sample.expected_benefit
    for rows in np.array_split(np.argsort(sample.expected_benefit), 10):
        assert abs(sigmas_from_zero(surprise[rows])) < N_SIGMA


def test_evidence_adds_nothing_to_the_expected_benefit(sample):
    columns, _ = evidence_columns(sample.outcomes.evidence)
    predicted = np.eye(4)[top_class(sample.outcomes.base_proba)]
    surprise = sample.outcomes.benefit - sample.expected_benefit
    for column in np.hstack([columns, columns**2, predicted]).T:
        assert abs(sigmas_from_zero(surprise * (column - column.mean()))) < N_SIGMA


def test_base_is_calibrated(sample):
    top = top_probability(sample.outcomes.base_proba)
    assert_allclose(top, sample.base_expected_utility)


def test_where_the_base_is_wrong_every_other_class_is_as_likely(sample):
    outcomes = sample.outcomes
    ahead = (outcomes.y - top_class(outcomes.base_proba)) % 4
    counts = np.bincount(ahead[outcomes.base_utility == 0], minlength=4)
    assert counts[0] == 0
    third = counts.sum() / 3
    assert (np.abs(counts[1:] - third) < N_SIGMA * np.sqrt(third)).all()


def test_expected_benefit_is_linear_in_the_evidence(sample):
    z = sample.outcomes.base_features
    columns = np.column_stack([np.ones(N), unsureness(sample), z])
    solution = np.linalg.lstsq(columns, sample.expected_benefit)[0]
    assert_allclose(columns @ solution, sample.expected_benefit, atol=1e-12)


def test_both_kinds_of_disagreement_occur_for_a_specialist_alone(samples):
    worse = {r: (s.expected_benefit < 0).mean() for r, s in samples.items()}
    assert worse["uniform"] == worse["noisy"] == 0
    assert 0.3 < worse["specialist"] < 0.5
    assert (samples["specialist"].outcomes.benefit == -1).any()


def test_bayes_accuracy_is_what_the_drawn_labels_give(sample):
    coverage = 0.8
    outcomes = sample.outcomes
    stays = np.argsort(sample.expected_benefit)[: int(coverage * N)]
    utility = outcomes.global_utility.copy()
    utility[stays] = outcomes.base_utility[stays]
    stated = sample.expected_accuracy(sample.expected_benefit, coverage)
    assert abs(sigmas_from_zero(utility - stated)) < N_SIGMA


def test_expected_accuracy_at_both_ends_is_that_of_one_side(sample):
    score = np.random.default_rng(0).normal(size=N)
    ends = sample.expected_accuracy(score, [1, 0])
    sides = sample.base_expected_utility, sample.global_expected_utility
    assert_allclose(ends, [side.mean() for side in sides])


def test_regret_is_zero_for_the_bayes_rule_and_its_monotone_transforms(sample):
    for score in (sample.expected_benefit, np.exp(5 * sample.expected_benefit)):
        assert_allclose(sample.regret(score, COVERAGES), 0, atol=1e-12)


def test_no_ranking_beats_the_bayes_rule(sample):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=(5, N))
    features = sample.outcomes.base_features.T
    for score in (*noise, *features, -sample.expected_benefit):
        assert (sample.regret(score, np.linspace(0, 1, 21)) >= -1e-12).all()
    assert (sample.regret(noise[0], COVERAGES) > 0.005).all()


def test_regret_is_the_loss_of_expected_accuracy():
    sample = make_selective_query(500, regime="specialist", random_state=0)
    score = np.random.default_rng(1).normal(size=500)
    queried = np.argsort(-score)[:100]
    best = np.sort(sample.expected_benefit)[-100:].sum()
    by_hand = (best - sample.expected_benefit[queried].sum()) / 500
    assert sample.regret(score, 0.8) == pytest.approx(by_hand)


def test_confidence_is_the_bayes_rule_where_the_global_is_uniformly_better(samples):
    sample = samples["uniform"]
    assert_allclose(sample.regret(unsureness(sample), COVERAGES), 0, atol=1e-12)


def test_confidence_is_blind_to_a_specialist(samples):
    sample = samples["specialist"]
    regret = sample.regret(unsureness(sample), COVERAGES)
    at_random = sample.regret(np.zeros(N), COVERAGES)
    assert (regret > 0.8 * at_random).all()
    assert (regret > 0.01).all()


def test_confidence_is_worse_than_chance_under_noisy_labels(samples):
    sample = samples["noisy"]
    regret = sample.regret(unsureness(sample), COVERAGES)
    assert (regret > sample.regret(np.zeros(N), COVERAGES) + 0.003).all()


def test_noise_hurts_both_sides_and_lowers_confidence(samples):
    sample = samples["noisy"]
    cleanness = sample.outcomes.base_features[:, 1]
    for falls in (sample.base_expected_utility, sample.global_expected_utility):
        assert falls[cleanness < -0.5].mean() < falls[cleanness > 0.5].mean() - 0.1
    assert np.corrcoef(cleanness, unsureness(sample))[0, 1] < -0.5
    assert sample.expected_benefit[cleanness < -0.9].mean() < 0.06


@pytest.mark.parametrize("regime", REGIMES)
def test_regret_of_a_learned_router_falls_at_least_as_the_root_of_n(regime):
    test = make_selective_query(5000, regime=regime, random_state=100)

    def regret(n):
        found = []
        for seed in range(4):
            train = make_selective_query(n, regime=regime, random_state=seed)
            router = BenefitRouter().fit(train.outcomes)
            score = router.query_score(test.outcomes.evidence)
            found.append(test.regret(score, COVERAGES).mean())
        return np.mean(found)

    # 16 times the rows: the square root says a quarter.
    assert regret(4800) < regret(300) / 4


@pytest.mark.parametrize("regime", REGIMES)
@pytest.mark.parametrize("n_classes", [2, 3, 30])
def test_any_number_of_classes(regime, n_classes):
    sample = make_selective_query(
        3000, regime=regime, n_classes=n_classes, random_state=0
    )
    outcomes = sample.outcomes
    assert outcomes.base_proba.shape == (3000, n_classes)
    ranked = np.sort(outcomes.base_proba, axis=1)
    assert (ranked[:, -1] > ranked[:, -2]).all()
    assert set(outcomes.y) == set(outcomes.global_pred) == set(range(n_classes))
    for side in ("base", "global"):
        stated = getattr(sample, f"{side}_expected_utility")
        assert 0 < stated.min() <= stated.max() < 1
        surprise = getattr(outcomes, f"{side}_utility") - stated
        assert abs(sigmas_from_zero(surprise)) < N_SIGMA


def test_sizes():
    sample = make_selective_query(7, n_classes=3, n_features=6, random_state=0)
    assert sample.outcomes.n_rows == 7
    assert sample.outcomes.base_features.shape == (7, 6)
    assert sample.expected_benefit.shape == (7,)
    assert make_selective_query(1, random_state=0).outcomes.n_rows == 1


def test_the_same_seed_gives_the_same_sample():
    first, again, other = (
        make_selective_query(50, regime="noisy", random_state=seed).outcomes
        for seed in (3, np.random.RandomState(3), 4)
    )
    for name in ("base_proba", "base_features", "y", "global_pred"):
        assert_array_equal(getattr(first, name), getattr(again, name))
    assert not np.array_equal(first.base_features, other.base_features)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"regime": "unifrom"}, "regime must be one of .*specialist.* Got 'unifrom'"),
        ({"regime": ["noisy"]}, r"regime must be one of .* Got \['noisy'\]"),
        ({"n_samples": 0}, "n_samples must be a whole number >= 1. Got 0"),
        ({"n_samples": 10.5}, "n_samples must be a whole number .* Got 10.5"),
        ({"n_classes": 1}, "n_classes must be a whole number >= 2. Got 1"),
        ({"n_classes": "4"}, "n_classes must be a whole number .* Got '4'"),
        ({"n_features": 1}, "n_features must be a whole number >= 2. Got 1"),
    ],
)
def test_bad_parameters_are_named(wrong, message):
    with pytest.raises(ValueError, match=message):
        make_selective_query(**wrong)
