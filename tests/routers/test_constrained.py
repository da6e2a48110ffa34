import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import ConstrainedRouter
from selective_query.routers._constrained_inputs import net_inputs, spread_evenly
from selective_query.routers._primal_dual import Multiplier
from selective_query.routers.constrained import DAMPING

QUICK = {"hidden": (16, 8), "head": (8,), "n_epochs": 4, "random_state": 0}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def simulated(n, seed, n_features=20, n_classes=10):
    """Draw a calibrated base, and a global with a weak region."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, n_features))
    mixing = np.random.default_rng(7).normal(size=(n_features, n_classes))
    logits = features @ mixing * 2.5 / np.sqrt(n_features)
    proba = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    base_right = rng.random(n) < proba.max(axis=1)
    hard = 1 / (1 + np.exp(1 - 2 * features[:, 0]))
    return Outcomes(
        base_proba=proba,
        base_features=features,
        base_utility=base_right,
        global_utility=rng.random(n) > 0.1 + 0.6 * hard,
    )


def digits_like():
    """Draw new digits: per class a Gaussian with the moments of the real images."""
    X, y = load_digits(return_X_y=True)
    X = X / 16
    rng = np.random.default_rng(0)

    def draw(n):
        label = rng.integers(10, size=n)
        images = np.empty((n, 64))
        for digit in range(10):
            real, rows = X[y == digit], label == digit
            images[rows] = rng.multivariate_normal(
                real.mean(axis=0), np.cov(real.T), rows.sum(), method="svd"
            )
        return images, label

    images, label = draw(500)
    base = GaussianNB(var_smoothing=0.1).fit(images[:, ::4], label)
    global_ = LogisticRegression(max_iter=500).fit(images, label)

    def answers(n):
        images, label = draw(n)
        return Outcomes(
            base_proba=base.predict_proba(images[:, ::4]),
            base_features=images[:, ::4],
            global_proba=global_.predict_proba(images),
            y=label,
        )

    return answers(4000), answers(8000)


SOURCES = {
    "simulated": lambda: (simulated(4000, 1), simulated(20000, 2)),
    "digits": digits_like,
}


@pytest.fixture(scope="module", params=SOURCES)
def train_and_new(request):
    return SOURCES[request.param]()


def coverage_at_zero(router, outcomes):
    return np.mean(router.query_score(outcomes.evidence) <= 0)


def assert_keeps_to_coverage(router, new, coverage):
    realised = coverage_at_zero(router, new)
    assert realised >= coverage - 0.02
    assert realised <= coverage + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("coverage", [0.5, 0.7, 0.9])
def test_sign_of_the_score_keeps_to_the_coverage_on_new_rows(train_and_new, coverage):
    train, new = train_and_new
    router = ConstrainedRouter(coverage, random_state=0).fit(train)
    assert_keeps_to_coverage(router, new, coverage)
    assert router.multiplier_ > 0.05


@pytest.mark.slow
@pytest.mark.parametrize("needless_query_cost", [1.0, 0.05])
def test_the_same_net_without_the_constraint_does_not(
    train_and_new, needless_query_cost
):
    # With a cost of one the loss is plain cross-entropy.
    train, new = train_and_new
    router = ConstrainedRouter(
        needless_query_cost=needless_query_cost, random_state=0
    ).fit(train)
    assert router.multiplier_ == 0
    failed = 0
    for coverage in (0.5, 0.7, 0.9):
        try:
            assert_keeps_to_coverage(router, new, coverage)
        except AssertionError:
            failed += 1
    assert failed >= 2


@pytest.mark.slow
def test_a_slack_constraint_has_no_price(train_and_new):
    train, new = train_and_new
    router = ConstrainedRouter(0.05, random_state=0).fit(train)
    assert router.multiplier_ == pytest.approx(0, abs=1e-3)
    assert coverage_at_zero(router, new) > 0.07


@pytest.mark.slow
def test_multiplier_is_the_expected_gain_at_the_boundary():
    rng = np.random.default_rng(0)
    p = rng.uniform(0.5, 1, 4000)
    outcomes = Outcomes(
        base_proba=np.column_stack([p, 1 - p]),
        base_utility=rng.uniform(size=len(p)) < p,
    )
    router = ConstrainedRouter(0.7, random_state=0).fit(outcomes)
    boundary = 0.35  # 1 - p is uniform on (0, 0.5), of which 0.3 are queried
    exact = boundary - router.needless_query_cost * (1 - boundary)
    assert router.multiplier_ == pytest.approx(exact, abs=0.06)


@pytest.mark.slow
def test_it_ranks_about_as_well_as_the_known_posterior():
    train, new = simulated(4000, 1), simulated(20000, 2)
    router = ConstrainedRouter(0.7, random_state=0).fit(train)
    doubt = 1 - new.base_proba.max(axis=1)
    hard = 1 / (1 + np.exp(1 - 2 * new.base_features[:, 0]))
    posterior = doubt * (0.9 - 0.6 * hard)

    def gain(score):
        return new.proxy_label[np.argsort(-score)[:6000]].sum()

    assert gain(router.query_score(new)) > 0.93 * gain(posterior)
    assert gain(router.query_score(new)) > gain(doubt)


def test_histories_record_the_optimisation():
    router = ConstrainedRouter(0.8, **QUICK).fit(simulated(300, 0))
    assert len(router.multiplier_history_) == len(router.violation_history_) >= 4 * 4
    price = Multiplier(router.dual_learning_rate, DAMPING)
    for violation, value in zip(
        router.violation_history_, router.multiplier_history_, strict=True
    ):
        price.ascend(violation)
        assert value == price.value
    kept = router.kept_measurement_
    assert router.multiplier_ == router.multiplier_history_[kept]


def test_violation_history_ends_where_the_score_says():
    train = simulated(400, 0)
    router = ConstrainedRouter(0.6, early_stopping=False, **QUICK).fit(train)
    violation = router.violation_history_[router.kept_measurement_]
    assert 0.6 - violation == pytest.approx(coverage_at_zero(router, train), abs=1e-6)


def test_coverage_of_one_queries_nothing_much_and_none_has_no_price():
    train = simulated(600, 0)
    settings = {**QUICK, "n_epochs": 60, "learning_rate": 0.01}
    everything = ConstrainedRouter(1.0, **settings).fit(train)
    assert coverage_at_zero(everything, train) > 0.97
    for coverage in (0.0, None):
        free = ConstrainedRouter(coverage, **QUICK).fit(train)
        assert not free.multiplier_history_.any()


@pytest.mark.parametrize("right", [0.0, 1.0])
def test_a_base_that_is_always_right_or_always_wrong(right):
    p = np.random.default_rng(0).uniform(0.5, 1, 200)
    outcomes = Outcomes(
        base_proba=np.column_stack([p, 1 - p]), base_utility=np.full(200, right)
    )
    score = ConstrainedRouter(0.7, **QUICK).fit(outcomes).query_score(outcomes)
    assert np.isfinite(score).all()


def evidence_kinds():
    full = simulated(300, 0)
    top = np.argsort(-full.base_proba, axis=1)
    for k in (1, 4):
        listed = np.take_along_axis(full.base_proba, top[:, :k], axis=1)
        yield f"top {k}", {"base_proba": TopKProba(top[:, :k], listed, 1000)}
    yield "probabilities", {"base_proba": full.base_proba}
    yield "features", {"base_features": full.base_features}
    yield "logits", {"base_logits": np.log(full.base_proba)}
    yield "numeric X", {"X": full.base_features}
    yield (
        "all",
        {
            "base_proba": full.base_proba,
            "base_logits": np.log(full.base_proba),
            "base_features": full.base_features,
        },
    )


@pytest.mark.parametrize(
    "parts", [pytest.param(parts, id=name) for name, parts in evidence_kinds()]
)
def test_evidence_of_any_kind(parts):
    full = simulated(300, 0)
    outcomes = Outcomes(base_utility=full.base_utility, **parts)
    router = ConstrainedRouter(0.7, **QUICK).fit(outcomes)
    score = router.query_score(outcomes.evidence)
    assert score.shape == (300,) and np.ptp(score) > 0


def test_inputs_are_entropy_pairwise_margins_and_features():
    proba = np.array([[0.5, 0.3, 0.2]])
    inputs, n_confidence = net_inputs(
        Evidence(base_proba=proba, base_features=[[7.0, 8.0]]), n_top=3
    )
    entropy = -(proba * np.log(proba)).sum()
    np.testing.assert_allclose(inputs, [[entropy, 0.2, 0.3, 0.1, 7, 8]], atol=1e-6)
    assert n_confidence == 4


def test_listed_probabilities_are_all_that_is_compared():
    parts = dict(evidence_kinds())["top 4"]
    outcomes = Outcomes(base_utility=simulated(300, 0).base_utility, **parts)
    router = ConstrainedRouter(0.7, **QUICK).fit(outcomes)
    assert router.n_top_ == 4 and len(router.centre_) == 1 + 6


def test_a_thousand_classes_make_no_more_columns_than_the_top_ten():
    proba = np.random.default_rng(0).dirichlet(np.ones(1000), size=5)
    inputs, _ = net_inputs(Evidence(base_proba=proba), n_top=10)
    assert inputs.shape == (5, 1 + 45)


def test_texts_alone_are_not_evidence():
    outcomes = Outcomes(X=["a", "b"] * 20, base_utility=[0, 1] * 20)
    with pytest.raises(MissingEvidenceError, match="an X of numbers"):
        ConstrainedRouter(0.7).fit(outcomes)


def test_missing_values_in_X_are_named():
    X = np.zeros((40, 2))
    X[3, 1] = np.nan
    with pytest.raises(ValueError, match="Row 3 holds NaN"):
        ConstrainedRouter(0.7).fit(Outcomes(X=X, base_utility=[0, 1] * 20))


def test_other_evidence_than_in_fit_is_refused():
    train = simulated(100, 0)
    router = ConstrainedRouter(0.7, **QUICK).fit(train)
    with pytest.raises(ValueError, match="same kinds of evidence as in fit"):
        router.query_score(Evidence(base_proba=train.base_proba))


def test_decisions_do_not_depend_on_precision_or_batch():
    train = simulated(300, 0)
    new = simulated(2000, 1).evidence
    router = ConstrainedRouter(0.7, **QUICK).fit(train)
    score = router.query_score(new)
    single = Evidence(
        base_proba=new.base_proba.astype(np.float32),
        base_features=new.base_features.astype(np.float32),
    )
    assert (router.query_score(single) == score).all()
    rows = np.arange(0, 2000, 41)
    one_by_one = [router.query_score(new.take([row]))[0] for row in rows]
    assert (one_by_one == score[rows]).all()


def test_scores_are_those_of_the_net_in_torch():
    from selective_query.routers._constrained_net import RouterNet

    torch.manual_seed(0)
    net = RouterNet(2, 5, hidden=(6, 5), head=(7,), dropout=0.5).eval()
    for module in net.modules():
        if isinstance(module, torch.nn.BatchNorm1d):
            module.running_mean.uniform_(-1, 1)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight)
            torch.nn.init.uniform_(module.bias)
    proba = np.random.default_rng(0).dirichlet([1, 1], size=50)
    features = np.random.default_rng(1).normal(size=(50, 5))
    evidence = Evidence(base_proba=proba, base_features=features)
    router = ConstrainedRouter()
    router.n_top_, router.n_confidence_ = 2, 2
    router.layout_ = (("base_proba", 2), ("base_features", 5))
    router.centre_, router.scale_ = np.zeros(7), np.ones(7)
    router.feature_layers_, router.head_layers_ = net.plain_layers()
    inputs = torch.as_tensor(net_inputs(evidence, 2)[0], dtype=torch.float32)
    with torch.no_grad():
        expected = net(inputs).numpy()
    np.testing.assert_allclose(router.query_score(evidence), expected, atol=1e-5)


def test_equal_seeds_give_equal_scores_and_leave_the_generator_of_torch_alone():
    train = simulated(200, 0)
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = ConstrainedRouter(0.7, **QUICK).fit(train).query_score(train)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    second = ConstrainedRouter(0.7, **QUICK).fit(train).query_score(train)
    assert (first == second).all()
    other = ConstrainedRouter(0.7, **{**QUICK, "random_state": 1}).fit(train)
    assert (other.query_score(train) != first).any()


def test_rows_of_zero_weight_have_no_influence():
    train = simulated(300, 0)
    weight = (np.arange(300) % 3 > 0).astype(float)
    parts = {
        "base_proba": train.base_proba,
        "base_features": train.base_features,
        "base_utility": train.base_utility,
    }
    weighted = Outcomes(**parts, sample_weight=weight)
    fewer = Outcomes(**{name: part[weight > 0] for name, part in parts.items()})
    a = ConstrainedRouter(0.7, **QUICK).fit(weighted).query_score(train.evidence)
    b = ConstrainedRouter(0.7, **QUICK).fit(fewer).query_score(train.evidence)
    assert (a == b).all()


def test_coverage_is_counted_by_weight():
    train = simulated(2000, 0)
    weight = np.where(train.base_proba.max(axis=1) < 0.5, 4.0, 1.0)
    weighted = Outcomes(
        base_proba=train.base_proba,
        base_utility=train.base_utility,
        sample_weight=weight,
    )
    settings = {**QUICK, "n_epochs": 40, "learning_rate": 0.01}
    router = ConstrainedRouter(0.7, **settings).fit(weighted)
    kept = router.query_score(weighted.evidence) <= 0
    assert np.average(kept, weights=weight) == pytest.approx(0.7, abs=0.03)
    assert kept.mean() > 0.78


def test_a_fitted_router_needs_no_torch_and_survives_a_pickle(tmp_path):
    train = simulated(100, 0)
    router = ConstrainedRouter(0.7, **QUICK).fit(train)
    score = router.query_score(train.evidence)
    evidence = train.evidence
    path = tmp_path / "router.pkl"
    path.write_bytes(pickle.dumps((router, evidence, score)))
    code = (
        "import pickle, sys; "
        f"router, evidence, score = pickle.load(open({str(path)!r}, 'rb')); "
        "assert (router.query_score(evidence) == score).all(); "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_saved_router_loads(tmp_path):
    pytest.importorskip("skops")
    from selective_query.persistence import load, save

    train = simulated(100, 0)
    router = ConstrainedRouter(0.7, **QUICK).fit(train)
    save(router, tmp_path / "router.skops")
    loaded = load(tmp_path / "router.skops")
    assert (loaded.query_score(train) == router.query_score(train)).all()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("target_coverage", 1.5),
        ("target_coverage", "most"),
        ("k", 0),
        ("hidden", ()),
        ("head", (64, 0)),
        ("hidden", 64),
        ("needless_query_cost", -0.1),
        ("n_epochs", 0),
        ("batch_size", 1),
        ("learning_rate", 0),
        ("dual_learning_rate", -1),
        ("weight_decay", -1),
        ("dropout", 1.0),
        ("early_stopping", "yes"),
        ("validation_fraction", 1.0),
        ("random_state", "seed"),
    ],
)
def test_bad_parameters_are_named(name, value):
    router = ConstrainedRouter().set_params(**{name: value})
    with pytest.raises(ValueError, match=rf"(?s)\b{name}\b.*Got ") as error:
        router.fit(simulated(20, 0))
    assert repr(value) in str(error.value)


def test_too_few_rows_are_counted():
    with pytest.raises(ValueError, match=r"at least 4 rows.*Got 3"):
        ConstrainedRouter(0.7).fit(simulated(3, 0))


def test_the_fewest_rows_that_are_allowed():
    train = simulated(4, 0)
    score = ConstrainedRouter(0.7, **QUICK).fit(train).query_score(train)
    assert np.isfinite(score).all()


def test_held_out_rows_are_spread_along_the_guess():
    guess = np.random.default_rng(0).normal(size=1000)
    mask = spread_evenly(guess, 0.2, np.random.RandomState(0))
    assert mask.sum() == 200
    ranks = np.flatnonzero(mask[np.argsort(guess)])
    assert (np.diff(ranks) == 5).all()
