"""A chain gives each input one answer, whatever happens to its later tiers."""

import numpy as np
import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

from selective_query import CascadeClassifier
from selective_query.exceptions import UnreachableError
from selective_query.scale import predict_in_chunks
from selective_query.serving import CallableClassifier, application
from tests.serving.messages import infer, tensor
from tests.serving.running import Running
from tests.serving.test_hybrid_unavailable import Switch


@pytest.fixture(scope="module")
def middle(digits):
    X, y = digits
    return LogisticRegression(C=0.01).fit(X[:600], y[:600])


@pytest.fixture
def chain(digits, frozen_pair, middle):
    """A chain whose later tiers are functions, fitted while these worked."""

    def make(**params):
        X, y = digits
        switches = Switch(middle), Switch(frozen_pair[1])
        remote = [
            CallableClassifier(
                switch,
                classes=np.arange(10),
                method="predict_proba",
                batch_rows=64,
                failures_to_open=None,
            )
            for switch in switches
        ]
        tiers = zip(("mcu", "gateway", "cloud"), (frozen_pair[0], *remote), strict=True)
        params = {"router": "margin", "coverage": (0.5, 0.5), **params}
        cascade = CascadeClassifier(list(tiers), random_state=0, **params)
        return cascade.fit(X[600:1200], y[600:1200]), switches

    return make


def plain(digits, frozen_pair, middle, **params):
    X, y = digits
    tiers = [
        ("mcu", frozen_pair[0]),
        ("gateway", FrozenEstimator(middle)),
        ("cloud", frozen_pair[1]),
    ]
    params = {"router": "margin", "coverage": (0.5, 0.5), **params}
    return CascadeClassifier(tiers, random_state=0, **params).fit(
        X[600:1200], y[600:1200]
    )


@pytest.mark.parametrize("kind", ["raise", "previous", "abstain"])
@pytest.mark.parametrize("abstain", [None, 0.1])
def test_nothing_changes_while_all_is_well(
    chain, digits, frozen_pair, middle, kind, abstain
):
    label = {"abstain_label": -1} if kind == "abstain" or abstain else {}
    cascade, _ = chain(on_unavailable=kind, abstain=abstain, **label)
    given = {"abstain_label": -1} if abstain else {}
    expected = plain(digits, frozen_pair, middle, abstain=abstain, **given)
    new = digits[0][1200:]
    tier = expected.predict_tier(new)
    np.testing.assert_array_equal(cascade.predict_tier(new), tier)
    np.testing.assert_array_equal(cascade.predict(new), expected.predict(new))
    np.testing.assert_allclose(
        cascade.predict_proba(new), expected.predict_proba(new), rtol=1e-12
    )
    found = cascade.predict_detailed(new)
    assert set(found.answered_by) == {"mcu", "gateway", "cloud"} | (
        {"nobody"} if abstain else set()
    )
    names = np.array(["mcu", "gateway", "cloud", "nobody"])
    np.testing.assert_array_equal(found.answered_by, names[tier])
    np.testing.assert_array_equal(found.label, cascade.predict(new))
    assert set(found.failure) == {""} and (found.latency_ms > 0).all()
    asked = cascade.rule_.last_asked(cascade.outcomes(new, digits[1][1200:]))
    np.testing.assert_array_equal(found.attempts, asked)
    np.testing.assert_array_equal(found.queried, asked > 0)
    first = cascade.edge_
    np.testing.assert_array_equal(
        found.score > first.rule.operating_point.threshold, found.queried
    )


def test_the_previous_tier_answers_if_one_is_unreachable(chain, digits, frozen_pair):
    cascade, (gateway, cloud) = chain(on_unavailable="previous")
    new = digits[0][1200:]
    well, tier = cascade.predict(new), cascade.predict_tier(new)
    gateway.fault = UnreachableError("no link")
    found, base = cascade.predict_detailed(new), frozen_pair[0].predict(new)
    np.testing.assert_array_equal(found.label, base)
    np.testing.assert_array_equal(found.queried, tier > 0)
    assert set(found.failure[tier > 0]) == {"unreachable"}
    assert set(found.answered_by) == {"mcu"}
    gateway.fault, cloud.fault, cloud.rows = None, UnreachableError("no link"), []
    found = cascade.predict_detailed(new)
    np.testing.assert_array_equal(found.label[tier < 2], well[tier < 2])
    by_gateway = cascade.estimators_[1].predict(new)
    np.testing.assert_array_equal(found.label[tier == 2], by_gateway[tier == 2])
    np.testing.assert_array_equal(found.answered_by == "gateway", tier > 0)
    np.testing.assert_array_equal(found.failure != "", tier == 2)
    sent = np.unique(cloud.rows, axis=0)
    assert len(sent) == (tier == 2).sum()
    np.testing.assert_array_equal(cascade.predict_tier(new), np.minimum(tier, 1))


def test_abstention_replaces_a_failed_tier_on_request(chain, digits):
    cascade, (_, cloud) = chain(on_unavailable="abstain", abstain_label=-1)
    new = digits[0][1200:]
    tier = cascade.predict_tier(new)
    cloud.fault = UnreachableError("no link")
    found = cascade.predict_detailed(new)
    np.testing.assert_array_equal(found.label == -1, tier == 2)
    np.testing.assert_array_equal(found.answered_by == "nobody", tier == 2)
    np.testing.assert_array_equal(cascade.predict_tier(new) < 0, tier == 2)
    both = predict_in_chunks(cascade, new, ("predict", "predict_tier"), chunk_rows=100)
    label, who = map(np.concatenate, zip(*both, strict=True))
    np.testing.assert_array_equal(label, found.label)
    np.testing.assert_array_equal(who, cascade.predict_tier(new))


def test_by_default_the_error_is_raised(chain, digits):
    cascade, (_, cloud) = chain()
    cloud.fault = UnreachableError("no link")
    with pytest.raises(UnreachableError, match="no link"):
        cascade.predict(digits[0][1200:])
    lenient, (gateway, _) = chain(on_unavailable="previous")
    gateway.fault = UnreachableError("no link")
    with pytest.raises(UnreachableError, match="no link"):
        lenient.report(digits[0][1200:], digits[1][1200:])


@pytest.mark.parametrize(
    ("params", "match"),
    [
        ({"on_unavailable": "next"}, "on_unavailable must be"),
        ({"on_unavailable": "abstain"}, "abstain_label must be of the kind"),
        ({"abstain_label": -1}, "used with abstain= a share"),
        ({"abstain": 0.1, "abstain_label": 3}, "one of the classes"),
        ({"abstain": 0.1, "abstain_label": "none"}, "of the kind of the classes"),
    ],
)
def test_invalid_fallbacks_are_refused(chain, params, match):
    with pytest.raises(ValueError, match=match):
        chain(**params)


def test_a_chain_behind_a_server(chain, digits):
    httpx2 = pytest.importorskip("httpx2")
    pytest.importorskip("starlette")
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    cascade, _ = chain(abstain=0.1, abstain_label=-1)
    new = digits[0][1200:1260]
    found = cascade.predict_detailed(new)
    message = infer(tensor(shape=[60, 64], data=new.ravel().tolist()))
    with (
        Running(application(cascade)) as running,
        httpx2.Client(trust_env=False) as client,
    ):
        answer = client.post(running.url + "/infer", content=message).json()
    got = {output["name"]: output["data"] for output in answer["outputs"]}
    assert got["predict"] == found.label.tolist()
    assert got["answered_by"] == found.answered_by.tolist()
    assert got["failure"] == [""] * 60
