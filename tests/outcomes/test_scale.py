"""A million rows of a thousand classes, as top five, are never converted to dense."""

import tracemalloc

import numpy as np
import pytest

from selective_query import Outcomes, RoutingPolicy, TopKProba

N_ROWS = 1_000_000
N_CLASSES = 1_000
# Half of what one dense array would take, in single precision.
LIMIT = N_ROWS * N_CLASSES * 4 / 2


@pytest.fixture(scope="module")
def outcomes():
    rng = np.random.default_rng(0)
    first = rng.integers(N_CLASSES, size=(N_ROWS, 1), dtype=np.int16)
    classes = (first + np.arange(5, dtype=np.int16)) % N_CLASSES
    falling = 2.0 ** -np.arange(1, 6, dtype=np.float32)
    proba = falling * rng.uniform(0.3, 1, size=(N_ROWS, 1)).astype(np.float32)
    right = rng.random(N_ROWS) < proba[:, 0]
    y = np.where(right, first[:, 0], classes[:, 1])
    return Outcomes(
        base_proba=TopKProba(classes, proba, N_CLASSES),
        global_pred=y,
        y=y,
    )


@pytest.mark.slow
@pytest.mark.parametrize("router", ["max_probability", "entropy", "benefit", "auto"])
def test_a_policy_fits_and_decides_in_little_memory(outcomes, router):
    tracemalloc.start()
    try:
        policy = RoutingPolicy(router, coverage=0.8).fit(outcomes)
        kept = policy.decide(outcomes.evidence)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert kept.mean() == pytest.approx(0.8, abs=0.01)
    assert peak < LIMIT
