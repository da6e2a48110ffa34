"""A hybrid in two stages answers as in one, even if its global fails."""

import pickle

import numpy as np
import pytest

from selective_query import HybridClassifier
from selective_query.exceptions import UnreachableError
from selective_query.routers import PreRouter
from selective_query.scale._stages import BaseStage, GlobalStage
from selective_query.serving import CallableClassifier


class Fails:
    def __init__(self, model):
        self.model, self.is_up = model, True

    def __call__(self, X):
        if not self.is_up and X[0, 20] > 0.5:
            raise ConnectionResetError
        return self.model.predict_proba(X)


def in_stages(hybrid, X):
    routed = BaseStage(hybrid).route(X)
    routed = pickle.loads(pickle.dumps(routed))
    return routed.joined(*GlobalStage(hybrid).answer(routed.asked))


@pytest.mark.parametrize("router", ["margin", PreRouter()])
@pytest.mark.parametrize("stand_in", ["base", "abstain", "raise"])
def test_the_fallback(digits, frozen_pair, router, stand_in):
    X, y = digits
    function = Fails(frozen_pair[1])
    global_ = CallableClassifier(
        function,
        classes=range(10),
        method="predict_proba",
        deadline_ms=60_000,
        failures_to_open=None,
    )
    label = -1 if stand_in == "abstain" else None
    hybrid = HybridClassifier(
        frozen_pair[0], global_, router=router, coverage=0.7, on_unavailable=stand_in,
        abstain_label=label,
    ).fit(X[600:900], y[600:900])  # fmt: skip
    new = X[900:1000]
    for is_up in (True, False):
        function.is_up = is_up
        if stand_in == "raise" and not is_up:
            with pytest.raises(UnreachableError):
                in_stages(hybrid, new)
            continue
        found, failure = in_stages(hybrid, new)
        expected = hybrid.predict_detailed(new)
        np.testing.assert_array_equal(found, expected.label)
        np.testing.assert_array_equal(failure, expected.failure)
        assert is_up or 0 < (failure == "unreachable").sum() < expected.queried.sum()


def test_no_rows(digits, frozen_pair):
    X, y = digits
    hybrid = HybridClassifier(*frozen_pair, router="margin", coverage=1.0)
    hybrid.fit(X[600:900], y[600:900])
    found, failure = in_stages(hybrid, X[:5])
    assert (found == hybrid.predict(X[:5])).all() and set(failure) == {""}
