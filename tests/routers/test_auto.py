from dataclasses import replace

import numpy as np
import pytest

from selective_query import Outcomes
from selective_query.metrics import accuracy_at_coverage
from selective_query.outcomes._sorted_rows import query_share
from selective_query.routers import (
    AutoRouter,
    BenefitRouter,
    ClassDoubtRouter,
    EntropyRouter,
    MarginRouter,
    MaxProbabilityRouter,
    OracleRouter,
    RandomRouter,
)
from selective_query.routers.checks import sample_outcomes
from selective_query.routers.supervision import privileged_outcomes

DEFAULT = {"max_probability", "margin", "entropy", "benefit"}
CONFIDENCE_ALONE = BenefitRouter(alpha=np.inf, class_smoothing=np.inf)


def noise(n, seed):
    """Draw outcomes that are independent of the evidence."""
    rng = np.random.default_rng(seed)
    return Outcomes(
        base_proba=rng.dirichlet(np.ones(5), size=n),
        base_features=rng.normal(size=(n, 2)),
        base_utility=rng.integers(2, size=n),
        global_utility=rng.integers(2, size=n),
        fold=np.arange(n) % 5,
    )


def signal(n=600, seed=0, **changed):
    """Draw outcomes with a feature that shows whether the global is right."""
    rng = np.random.default_rng(seed)
    hint = rng.normal(size=n)
    parts = {
        "base_proba": rng.dirichlet(np.ones(5), size=n),
        "base_features": hint[:, None],
        "base_utility": rng.random(n) < 0.3,
        "global_utility": hint > 0,
        "fold": np.arange(n) % 5,
    }
    return Outcomes(**{**parts, **changed})


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_standard_errors": -1}, "n_standard_errors must be .*-1"),
        ({"n_standard_errors": np.nan}, "n_standard_errors must be .*nan"),
        ({"n_standard_errors": np.inf}, "n_standard_errors must be a finite"),
        ({"n_standard_errors": "two"}, "n_standard_errors must be .*'two'"),
        ({"target_coverage": 1.2}, r"target_coverage must be .*\[0, 1\].*1\.2"),
        ({"target_coverage": np.nan}, "target_coverage must be"),
        ({"target_coverage": True}, "target_coverage must be"),
        ({"portfolio": [MarginRouter()]}, "portfolio must be a list of pairs"),
        ({"portfolio": [("margin", "margin")]}, "portfolio must be .*'margin'"),
        ({"portfolio": [(1, MarginRouter())]}, "portfolio must be a list of pairs"),
        ({"portfolio": [("best", OracleRouter())]}, "portfolio must be .* no bound"),
        ({"portfolio": {"margin": MarginRouter()}}, "portfolio must be a list"),
        (
            {"portfolio": [("a", MarginRouter()), ("a", EntropyRouter())]},
            "name of its own. Got more than one of a",
        ),
    ],
)
def test_bad_parameters_are_named_in_fit(params, message):
    with pytest.raises(ValueError, match=message):
        AutoRouter(**{"target_coverage": 0.8, **params}).fit(signal(50))


def test_selection_tells_what_was_compared():
    router = AutoRouter(target_coverage=0.8).fit(signal())
    known = {"chosen", "anchor", "coverage", "candidates", "left_out"}
    assert set(router.selection_) == known
    assert router.selection_["coverage"] == 0.8
    assert set(router.selection_["candidates"]) == DEFAULT
    for report in router.selection_["candidates"].values():
        assert set(report) == {"gain", "standard_error"}
        assert report["standard_error"] >= 0
    anchor = router.selection_["candidates"]["max_probability"]
    assert anchor == {"gain": 0.0, "standard_error": 0.0}


@pytest.mark.parametrize("weighted", [False, True])
def test_gain_is_the_mean_difference_in_accuracy_near_the_coverage(weighted):
    weight = np.random.default_rng(1).integers(0, 4, 600) if weighted else None
    outcomes = signal(sample_weight=weight)
    report = AutoRouter(target_coverage=0.7).fit(outcomes).selection_["candidates"]
    candidates = {
        "max_probability": MaxProbabilityRouter(),
        "margin": MarginRouter(),
        "entropy": EntropyRouter(),
        "benefit": BenefitRouter(),
    }
    accuracy = {
        name: accuracy_at_coverage(
            router.fit_score(outcomes),
            outcomes.base_utility,
            outcomes.global_utility,
            coverage=[0.65, 0.7, 0.75],
            sample_weight=weight,
        ).mean()
        for name, router in candidates.items()
    }
    for name in candidates:
        expected = accuracy[name] - accuracy["max_probability"]
        assert report[name]["gain"] == pytest.approx(expected, abs=1e-12)


def test_standard_error_is_that_of_the_mean_over_rows():
    # This score changes the decision on half of the rows in every sample, so the spread
    # of the gain over samples is its standard error.
    found = [
        AutoRouter([("chance", RandomRouter())], target_coverage=0.5)
        .fit(noise(200, seed))
        .selection_["candidates"]["chance"]
        for seed in range(200)
    ]
    spread = np.std([report["gain"] for report in found])
    mean = np.mean([report["standard_error"] for report in found])
    assert mean == pytest.approx(spread, rel=0.15)


def test_a_strong_feature_is_taken_up():
    router = AutoRouter(target_coverage=0.7).fit(signal())
    assert router.selection_["chosen"] == "benefit"
    assert isinstance(router.selected_, BenefitRouter)
    new = signal(seed=1)
    accuracy = [
        accuracy_at_coverage(
            r.query_score(new.evidence),
            new.base_utility,
            new.global_utility,
            coverage=0.7,
        )
        for r in (router, MaxProbabilityRouter())
    ]
    assert accuracy[0] > accuracy[1] + 0.1


def test_default_candidates_follow_from_what_is_known():
    rng = np.random.default_rng(0)
    proba = rng.dirichlet(np.ones(5), size=(2, 2500))
    labels = rng.integers(5, size=2500)
    known = Outcomes(base_proba=proba[0], global_proba=proba[1], y=labels)
    compared = AutoRouter(target_coverage=0.8).fit(known).selection_["candidates"]
    probabilities = DEFAULT | {"benefit_mixed", "class_doubt"}
    assert set(compared) == probabilities | {"boosted_benefit"}
    few = AutoRouter(target_coverage=0.8).fit(known.take(np.arange(1000)))
    assert set(few.selection_["candidates"]) == probabilities
    graded = Outcomes(base_features=proba[0], base_utility=proba[0][:, 0],
                      global_utility=proba[1][:, 0])  # fmt: skip
    graded = AutoRouter(target_coverage=0.8).fit(graded)
    assert set(graded.selection_["candidates"]) == {"benefit", "boosted_benefit"}


def test_candidates_too_large_for_a_small_device_are_left_out():
    wide = np.random.default_rng(0).normal(size=(60, 5000))
    router = AutoRouter(target_coverage=0.7).fit(signal(60, base_features=wide))
    assert router.selection_["left_out"] == ["benefit"]
    assert router.selection_["chosen"] != "benefit"
    assert "benefit" not in router.selection_["candidates"]
    opened = AutoRouter([("benefit", BenefitRouter())], target_coverage=0.7)
    opened.fit(signal(60, base_features=wide))
    assert opened.selection_["left_out"] == []


def test_noise_does_not_move_it_from_the_anchor():
    def share_kept(n_standard_errors):
        return np.mean(
            [
                AutoRouter(target_coverage=0.8, n_standard_errors=n_standard_errors)
                .fit(noise(200, seed))
                .selection_["chosen"]
                == "max_probability"
                for seed in range(60)
            ]
        )

    assert share_kept(4) == 1
    # Three candidates, each with a probability of 7 % of such a lead by chance.
    assert share_kept(1.5) > 0.65
    assert share_kept(0) < 0.35


def test_few_differing_rows_need_a_larger_lead():
    def sparse(seed):
        """Draw outcomes on which the models differ at random, on one row in ten."""
        old = noise(200, seed)
        same = np.random.default_rng(seed).random(200) < 0.8
        utility = np.where(same, old.base_utility, old.global_utility)
        return replace(old, global_utility=utility)

    routers = [AutoRouter(target_coverage=0.8).fit(sparse(seed)) for seed in range(60)]
    ahead = [
        any(
            report["gain"] > 1.5 * report["standard_error"]
            for report in router.selection_["candidates"].values()
        )
        for router in routers
    ]
    moved = [router.selection_["chosen"] != "max_probability" for router in routers]
    assert np.mean(ahead) > 0.1
    assert np.mean(moved) < 0.4 * np.mean(ahead)


def test_of_several_gains_the_largest_is_taken():
    rng = np.random.default_rng(2)
    hints = rng.normal(size=(800, 2))
    outcomes = signal(
        800,
        base_features=hints,
        global_utility=(hints[:, 0] + 0.3 * hints[:, 1] > 0),
    )
    strong, weak = BenefitRouter(alpha=1.0), BenefitRouter(alpha=3e4)
    for portfolio in (
        [("strong", strong), ("weak", weak), ("chance", RandomRouter())],
        [("weak", weak), ("chance", RandomRouter()), ("strong", strong)],
    ):
        router = AutoRouter(portfolio, target_coverage=0.6).fit(outcomes)
        assert set(router.selection_["candidates"]) == {
            "max_probability",
            "strong",
            "weak",
            "chance",
        }
        assert router.selection_["candidates"]["weak"]["gain"] > 0
        assert router.selection_["chosen"] == "strong"


def test_scores_are_those_of_the_chosen_router():
    outcomes, new = signal(), signal(seed=1).evidence
    router = AutoRouter(target_coverage=0.7)
    held_out = router.fit_score(outcomes)
    alone = BenefitRouter()
    np.testing.assert_array_equal(held_out, alone.fit_score(outcomes))
    np.testing.assert_array_equal(router.query_score(new), alone.query_score(new))
    kept = AutoRouter(target_coverage=0.7, n_standard_errors=1e6)
    np.testing.assert_array_equal(
        kept.fit_score(outcomes), MaxProbabilityRouter().query_score(outcomes)
    )
    assert kept.selection_["chosen"] == "max_probability"


def test_the_portfolio_is_cloned_and_the_anchor_added():
    given = BenefitRouter(alpha=10.0)
    router = AutoRouter([("mine", given)], target_coverage=0.7).fit(signal())
    assert list(router.selection_["candidates"]) == ["max_probability", "mine"]
    assert router.selection_["chosen"] == "mine"
    assert router.selected_ is not given
    assert router.selected_.alpha_ == 10.0
    assert not hasattr(given, "alpha_")
    assert router.portfolio == [("mine", given)]


def test_without_probabilities_the_first_of_the_portfolio_is_the_anchor():
    outcomes = signal(base_proba=None)
    portfolio = [("chance", RandomRouter()), ("benefit", BenefitRouter())]
    router = AutoRouter(portfolio, target_coverage=0.7).fit(outcomes)
    assert list(router.selection_["candidates"]) == ["chance", "benefit"]
    assert router.selection_["candidates"]["chance"]["gain"] == 0
    assert router.selection_["chosen"] == "benefit"
    plain = AutoRouter(target_coverage=0.7).fit(outcomes)
    assert list(plain.selection_["candidates"]) == ["benefit"]
    assert plain.selection_["chosen"] == "benefit"


def test_coverage_is_compared_near_its_ends():
    # At coverage 1 the window extends beyond [0, 1] and is truncated.
    router = AutoRouter(target_coverage=1.0).fit(signal())
    report = router.selection_["candidates"]["benefit"]
    outcomes = signal()
    mine, anchor = (
        accuracy_at_coverage(
            r.fit_score(outcomes),
            outcomes.base_utility,
            outcomes.global_utility,
            coverage=[0.95, 1, 1],
        ).mean()
        for r in (BenefitRouter(), MaxProbabilityRouter())
    )
    assert report["gain"] == pytest.approx(mine - anchor, abs=1e-12)


def specialist(n=3000, seed=0):
    """Draw a calibrated base of twelve classes; the global knows the even ones."""
    rng = np.random.default_rng(seed)
    base = rng.dirichlet(np.full(12, 0.2), size=n)
    y = (base.cumsum(axis=1) > rng.random((n, 1)) * (1 - 1e-9)).argmax(axis=1)
    answer = np.where(y % 2, rng.integers(12, size=n), y)
    sure = 0.6 * np.eye(12)[answer] + 0.4 / 12
    return Outcomes(base_proba=base, global_proba=sure, y=y, fold=np.arange(n) % 5)


def test_class_doubt_becomes_the_anchor_where_it_is_ahead():
    outcomes = specialist()
    selection = AutoRouter(target_coverage=0.7).fit(outcomes).selection_
    assert selection["anchor"] == "class_doubt"
    assert selection["candidates"]["class_doubt"]["gain"] == 0
    assert selection["candidates"]["max_probability"]["gain"] < 0
    # Evaluated by the less noisy privileged benefit, at two thirds of the standard
    # errors.
    taught = privileged_outcomes(outcomes)
    share, anchor = (
        query_share(router.fit_score(outcomes), [0.65, 0.7, 0.75], outcomes.weight)
        for router in (ClassDoubtRouter(), MaxProbabilityRouter())
    )
    gain = (share - anchor) * taught.benefit
    ahead = gain.mean() / (gain.std() / np.sqrt(outcomes.n_rows))
    for n_errors, expected in (
        (1.4 * ahead, "class_doubt"),
        (1.6 * ahead, "max_probability"),
    ):
        router = AutoRouter(target_coverage=0.7, n_standard_errors=n_errors)
        assert router.fit(outcomes).selection_["anchor"] == expected


def test_a_portfolio_keeps_its_anchor():
    portfolio = [("class_doubt", ClassDoubtRouter())]
    router = AutoRouter(portfolio, target_coverage=0.7).fit(specialist())
    assert router.selection_["anchor"] == "max_probability"
    assert router.selection_["chosen"] == "class_doubt"


# No coverage: the sign of the benefit decides


def test_without_a_coverage_only_units_of_benefit_will_do():
    router = AutoRouter()
    assert router.in_benefit_units
    assert not AutoRouter(target_coverage=0.9).in_benefit_units
    router.fit(signal())
    assert list(router.selection_["candidates"]) == ["benefit"]
    assert router.selection_["coverage"] is None
    score = router.query_score(signal(seed=1).evidence)
    assert (score > 0).any()
    assert (score < 0).any()


def test_without_a_coverage_the_area_decides():
    portfolio = [
        ("confidence", CONFIDENCE_ALONE),
        ("margin", MarginRouter()),
        ("all", BenefitRouter()),
    ]
    outcomes = signal()
    router = AutoRouter(portfolio).fit(outcomes)
    assert list(router.selection_["candidates"]) == ["confidence", "all"]
    assert router.selection_["chosen"] == "all"
    grid = np.linspace(0.025, 0.975, 20)
    mine, anchor = (
        accuracy_at_coverage(
            r.fit_score(outcomes),
            outcomes.base_utility,
            outcomes.global_utility,
            coverage=grid,
        ).mean()
        for r in (BenefitRouter(), CONFIDENCE_ALONE)
    )
    report = router.selection_["candidates"]["all"]
    assert report["gain"] == pytest.approx(mine - anchor, abs=1e-12)


def test_without_a_coverage_and_without_units_there_is_nothing_to_choose():
    with pytest.raises(ValueError, match="needs a candidate in units of benefit"):
        AutoRouter([("margin", MarginRouter())]).fit(signal())


def test_an_anchor_that_ties_what_the_other_tells_apart_is_not_taken():
    outcomes, rng = sample_outcomes(900), np.random.default_rng(0)
    fine, coarse = rng.normal(size=900), rng.integers(9, size=900).astype(float)
    router = AutoRouter(target_coverage=0.8)
    ahead = np.where(outcomes.benefit > 0, 1.0, 0.0)
    shares = {"max_probability": np.zeros(900), "class_doubt": ahead}
    for score, anchor in ((coarse, "max_probability"), (fine, "class_doubt")):
        held_out = {"max_probability": fine, "class_doubt": score}
        assert router._anchor(shares, outcomes, held_out) == anchor
