import numpy as np
import pytest

from selective_query import Evidence, RoutingPolicy
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import EnergyRouter
from selective_query.routers.checks import sample_outcomes


@pytest.mark.parametrize("temperature", [0.5, 1, 3.0])
def test_energy_is_the_sum_it_says(temperature):
    logits = np.random.default_rng(0).normal(size=(50, 6))
    plain = [
        -temperature * np.log(sum(np.exp(z / temperature) for z in row))
        for row in logits
    ]
    score = EnergyRouter(temperature).query_score(Evidence(base_logits=logits))
    np.testing.assert_allclose(score, plain, rtol=1e-12)


def test_a_cold_energy_is_the_largest_logit_and_large_logits_do_not_overflow():
    logits = np.array([[1000.0, -1000.0], [-800.0, -900.0]])
    score = EnergyRouter(1e-3).query_score(Evidence(base_logits=logits))
    np.testing.assert_allclose(score, [-1000, 800])


def test_level_of_the_logits_counts_and_probabilities_are_no_substitute():
    evidence = Evidence(base_logits=[[4.0, 0.0], [1.0, -3.0]])
    score = EnergyRouter().query_score(evidence)
    assert score[1] - score[0] == pytest.approx(3)
    with pytest.raises(MissingEvidenceError, match="EnergyRouter needs base_logits"):
        EnergyRouter().query_score(Evidence(base_proba=[[0.5, 0.5]]))


@pytest.mark.parametrize("temperature", [0, -1.0, np.nan, np.inf, "1", True])
def test_temperature_is_checked(temperature):
    with pytest.raises(ValueError, match="temperature must be"):
        EnergyRouter(temperature).fit(sample_outcomes())


def test_unlike_inputs_of_low_logits_are_queried_first():
    old = sample_outcomes(400)
    logits = old.base_logits + 10
    logits[:80] -= 14
    evidence = Evidence(base_logits=logits)
    policy = RoutingPolicy(EnergyRouter(), coverage=0.75)
    policy.fit(type(old)(base_logits=logits, base_utility=old.base_utility))
    assert not policy.decide(evidence)[:80].any()
