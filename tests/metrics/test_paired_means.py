import numpy as np
import pytest
from scipy import stats

from selective_query.metrics import paired_difference


def rows(n, seed, lead=0.0):
    rng = np.random.default_rng(seed)
    hardness = rng.random(n)
    return hardness < 0.7 + lead, rng.random(n) ** 0.3 > hardness


def test_on_many_rows_it_is_the_paired_t_interval():
    first, second = rows(20_000, 0)
    found = paired_difference(first, second)
    difference = first.astype(float) - second
    half = stats.t.ppf(0.975, 19_999) * difference.std(ddof=1) / np.sqrt(20_000)
    assert found.difference == pytest.approx(difference.mean())
    assert found.low == pytest.approx(difference.mean() - half, abs=2e-4)
    assert found.high == pytest.approx(difference.mean() + half, abs=2e-4)
    reference = stats.ttest_1samp(difference, 0).pvalue
    assert found.p_value == pytest.approx(reference, abs=0.01)


def test_pairing_counts():
    first, _ = rows(2000, 1)
    alone = paired_difference(first, np.random.default_rng(0).permutation(first))
    shifted = first.copy()
    shifted[:20] = False
    paired = paired_difference(first, shifted)
    assert paired.high - paired.low < (alone.high - alone.low) / 3


def test_the_interval_holds_the_truth_as_often_as_it_says():
    # A tenth of the rows becomes right, another tenth wrong: +0.1 * 0.3 - 0.1 * 0.7.
    truth, hits = -0.04, 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        reference, change = rng.random(300) < 0.7, rng.random(300)
        changed = (reference | (change < 0.1)) & (change < 0.9)
        found = paired_difference(changed, reference, confidence=0.9)
        hits += found.low <= truth <= found.high
    assert 0.87 <= hits / 400 <= 0.95


def test_order_and_sign():
    first, second = rows(500, 2)
    there, back = paired_difference(first, second), paired_difference(second, first)
    assert there.difference == -back.difference
    assert there.low == pytest.approx(-back.high)
    assert there.p_value == pytest.approx(back.p_value)


def test_whole_weights_are_repeated_rows():
    first, second = rows(200, 3)
    weight = np.arange(200) % 3
    weighted = paired_difference(first, second, sample_weight=weight)
    repeated = paired_difference(np.repeat(first, weight), np.repeat(second, weight))
    for name in ("difference", "low", "high", "p_value"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name))


def test_the_same_answers_show_no_difference():
    found = paired_difference([1, 0, 1], [1, 0, 1])
    assert found.difference == 0
    assert found.p_value == pytest.approx(1)
    assert -1 <= found.low < 0 < found.high <= 1
    assert str(found).startswith("+0.00 points, 95 % interval -")


@pytest.mark.parametrize(
    ("arguments", "kwargs", "message"),
    [
        (([1, 2], [1, 0]), {}, "utility must lie in"),
        (([1, 0], [np.nan, 0]), {}, "reference must lie in"),
        (([1, 0], [1]), {}, r"same rows, at least one. Got shapes \(2,\) and \(1,\)"),
        (([], []), {}, "at least one"),
        (([1], [0]), {"confidence": 1}, "confidence must be"),
        (([1], [0]), {"sample_weight": [0]}, "sample_weight must be one finite"),
        (([1], [0]), {"sample_weight": [-1]}, "sample_weight must be one finite"),
    ],
)
def test_what_cannot_be_compared_is_named(arguments, kwargs, message):
    with pytest.raises(ValueError, match=message):
        paired_difference(*arguments, **kwargs)
