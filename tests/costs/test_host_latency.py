import numpy as np
import pytest
from sklearn.dummy import DummyClassifier

from selective_query.costs import measure_latency

X = np.arange(10.0)[:, None]


class Recorder:
    """Records its batches, and advances the clock by the time given for each."""

    def __init__(self, *milliseconds):
        self.milliseconds, self.batches, self.now = list(milliseconds), [], 0.0

    def clock(self):
        return self.now

    def predict(self, X):
        self.batches.append(np.ravel(X).tolist())
        self.now += self.milliseconds[len(self.batches) - 1] / 1000


def test_median_and_percentile_are_of_the_repeats_alone():
    model = Recorder(900, 800, *range(1, 21))
    found = measure_latency(model, X, n_repeats=20, n_warm_up=2, clock=model.clock)
    assert found.median_ms == pytest.approx(10.5)
    assert found.p95_ms == pytest.approx(19)
    assert (found.n_repeats, found.n_warm_up, found.batch_size) == (20, 2, 1)
    assert len(model.batches) == 22


def test_batches_run_through_the_rows_and_begin_again():
    model = Recorder(*[1] * 5)
    measure_latency(model, X, 3, n_repeats=4, n_warm_up=1, clock=model.clock)
    first, second, third = [0, 1, 2], [3, 4, 5], [6, 7, 8]
    assert model.batches == [first, second, third, first, second]


def test_probabilities_are_timed_where_there_are_any():
    model = DummyClassifier().fit(X, [0, 1] * 5)
    assert measure_latency(model, X, n_repeats=2).method == "predict_proba"
    only = Recorder(*[1] * 20)
    assert measure_latency(only, list(X), n_repeats=2).method == "predict"


def test_it_says_that_this_is_not_the_device():
    model = Recorder(5, 5)
    found = measure_latency(model, X, n_repeats=1, n_warm_up=1, clock=model.clock)
    assert str(found).startswith("measured on this host")
    assert "not on the device: predict of 1 in 5 ms (median)" in str(found)


@pytest.mark.parametrize(
    ("wrong", "name"),
    [
        ({"batch_size": 0}, "batch_size"),
        ({"n_repeats": 0}, "n_repeats"),
        ({"n_warm_up": -1}, "n_warm_up"),
        ({"n_repeats": 1.5}, "n_repeats"),
        ({"batch_size": 11}, "X must hold at least batch_size=11"),
    ],
)
def test_wrong_numbers_are_refused(wrong, name):
    with pytest.raises(ValueError, match=name):
        measure_latency(Recorder(), X, **wrong)
