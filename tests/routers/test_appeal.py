import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit

from selective_query import Evidence, Outcomes
from selective_query.routers import AppealRouter


def one_hot_groups(shares, n=4000, weight=None):
    """Draw groups of rows, each with its own share of rows on which a query gains."""
    size = n // len(shares)
    benefit = np.concatenate(
        [np.arange(size) < round(share * size) for share in shares]
    ).astype(float)
    group = np.repeat(np.arange(len(shares)), size)
    return Outcomes(
        base_features=np.eye(len(shares))[group],
        base_utility=1 - benefit,
        global_utility=np.ones(len(benefit)),
        sample_weight=weight,
    )


def test_stays_with_the_price_over_the_benefit():
    shares = np.array([0.2, 0.4, 0.5, 0.8])
    router = AppealRouter(beta=0.1, alpha=1e-3).fit(one_hot_groups(shares))
    stay = expit(-router.query_score(Evidence(base_features=np.eye(4))))
    np.testing.assert_allclose(stay, 0.1 / shares, rtol=0.01)


def test_minimises_the_loss_of_the_paper():
    rng = np.random.default_rng(0)
    table = rng.normal(size=(300, 3))
    gain = rng.choice([-1.0, 0, 1], p=[0.1, 0.5, 0.4], size=300)
    gain[table[:, 0] > 1] = 1
    outcomes = Outcomes(
        base_features=table,
        base_utility=(gain < 1) * 1.0,
        global_utility=(gain == 1) + (gain == 0) * 1.0,
        sample_weight=rng.integers(0, 3, size=300),
    )
    beta, alpha = 0.3, 5.0
    weight = outcomes.weight
    mean = np.average(table, axis=0, weights=weight)
    deviation = np.sqrt(np.average((table - mean) ** 2, axis=0, weights=weight))
    scaled = (table - mean) / deviation

    def loss(w):
        q = expit(w[0] + scaled @ w[1:])
        base, global_ = 1 - outcomes.base_utility, 1 - outcomes.global_utility
        rows = q * base + (1 - q) * global_ - beta * np.log(q)
        return (weight @ rows + alpha / 2 * w[1:] @ w[1:]) / weight.sum()

    exact = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 5000}
    best = minimize(loss, np.zeros(4), method="Nelder-Mead", options=exact)
    router = AppealRouter(beta, alpha).fit(outcomes)
    expected = -(best.x[0] + scaled @ best.x[1:])
    np.testing.assert_allclose(
        router.query_score(outcomes.evidence), expected, atol=1e-3
    )


def test_is_not_a_logistic_regression():
    shares = np.array([0.02, 0.05, 0.5])
    router = AppealRouter(beta=0.1, alpha=1e-3).fit(one_hot_groups(shares, 6000))
    stay = expit(-router.query_score(Evidence(base_features=np.eye(3))))
    # Below the price all scores are equal; logistic scores would differ by odds of 2.5.
    assert (stay[:2] > 0.95).all()
    assert stay[2] == pytest.approx(0.2, abs=0.02)


def test_always_right_and_unequal_weights_stay_finite():
    right = Outcomes(base_features=np.eye(5), base_utility=np.ones(5))
    score = AppealRouter().fit(right).query_score(right.evidence)
    assert np.isfinite(score).all()
    assert (score < -1).all()


@pytest.mark.parametrize("name", ["beta", "alpha"])
@pytest.mark.parametrize("value", [0, -1, np.inf, np.nan, "1", True])
def test_parameters_are_checked(name, value):
    with pytest.raises(ValueError, match=f"{name} must be"):
        AppealRouter(**{name: value}).fit(one_hot_groups([0.5]))


def test_other_evidence_is_named():
    router = AppealRouter().fit(one_hot_groups([0.2, 0.4]))
    with pytest.raises(ValueError, match="base_features with 2 columns. Got base_fea"):
        router.query_score(Evidence(base_features=np.eye(3)))
