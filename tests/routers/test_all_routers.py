from importlib.util import find_spec

import numpy as np
import pytest
from sklearn.utils.validation import check_is_fitted

from selective_query import Evidence, Outcomes, list_routers
from selective_query.exceptions import MissingEvidenceError
from selective_query.metrics import accuracy_at_coverage
from selective_query.outcomes.probabilities import entropy
from selective_query.routers import BaseRouter, EntropyRouter, make_router
from selective_query.routers.checks import (
    _fitting,
    _scoring,
    fields_of,
    sample_outcomes,
    yield_router_checks,
)
from selective_query.routers.decision_cost import DecisionCost
from tests.routers.samples import MAKERS

NEEDS_TORCH = pytest.mark.skipif(find_spec("torch") is None, reason="needs torch")

FEATURES_ALONE = "it reads only features, which do not show uncertainty"
# Router -> {check: why it is expected to fail}.
EXPECTED_FAILURES = {
    "knn_distance": {"check_doubt_scores_higher_than_certainty": FEATURES_ALONE},
    "knn_benefit": {"check_doubt_scores_higher_than_certainty": FEATURES_ALONE},
    "mahalanobis": {"check_doubt_scores_higher_than_certainty": FEATURES_ALONE},
    "agreement": {
        "check_doubt_scores_higher_than_certainty": "it reads only votes",
        "check_other_evidence_is_refused": "any number of members is valid",
    },
    "random": {
        "check_names_of_the_classes_do_not_matter": "a hash of the columns in order",
        "check_doubt_scores_higher_than_certainty": "random scores ignore uncertainty",
        "check_missing_evidence_is_named": "it takes any evidence, texts too",
        "check_other_evidence_is_refused": "it takes any evidence, and hashes all",
    },
    "constrained": {
        "check_order_in_fit_does_not_matter": "the order deals rows to batches",
        "check_names_of_the_classes_do_not_matter": "random initial weights by column",
        "check_integer_weights_are_repeated_rows": "repeated rows fill batches",
    },
}
# A net that trains quickly.
SMALL = {"constrained": {"hidden": (16,), "head": (16,), "n_epochs": 3}}


def make(name):
    router = make_router(name, target_coverage=0.8, random_state=0)
    known = router.get_params()
    small = {k: v for k, v in SMALL.get(name, {}).items() if k in known}
    return router.set_params(**small)


def checks_of(name):
    return yield_router_checks(make(name), MAKERS.get(name, sample_outcomes))


def cases():
    for name in list_routers():
        expected = EXPECTED_FAILURES.get(name, {})
        for label, check in checks_of(name):
            marks = []
            if label in expected:
                marks.append(pytest.mark.xfail(reason=expected[label]))
            if name in SMALL:
                marks.append(NEEDS_TORCH)
            test_id = f"{name}-{label.removeprefix('check_')}"
            yield pytest.param(check, id=test_id, marks=marks)


@pytest.fixture(autouse=True)
def one_thread():
    """Use one thread: with a tiny net, several only wait for each other."""
    if find_spec("torch") is None:
        yield
        return
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("check", list(cases()))
def test_router(check):
    check()


@pytest.mark.parametrize("name", list_routers())
@pytest.mark.parametrize("has_global", [True, False])
@pytest.mark.parametrize("ties", [True, False])
def test_no_router_beats_the_oracle_at_any_coverage(name, has_global, ties):
    train, test = (coarse(name, seed, has_global, ties) for seed in (0, 1))
    made = make(name).fit(train)
    coverage = np.linspace(0, 1, 101)
    ours, best = (
        accuracy_at_coverage(
            score,
            test.base_utility,
            test.query_utility,
            coverage=coverage,
            sample_weight=test.sample_weight,
        )
        for score in (
            made.query_score(test.evidence),
            make_router("oracle").query_score(test),
        )
    )
    assert (ours <= best + 1e-12).all()
    if has_global:
        assert best.max() > ours.max()


def coarse(name, seed, has_global, ties):
    """Return weighted outcomes; with few distinct probabilities if ties are wanted."""
    maker = MAKERS.get(name, sample_outcomes)
    outcomes = maker(seed=seed, has_global=has_global)
    proba, changed = outcomes.base_proba, {}
    if ties:
        rounded = np.round(4 * proba) + 1
        proba = rounded / rounded.sum(axis=1, keepdims=True)
        spare = {"base_logits", "base_features"} - {*make(name).required_evidence}
        changed = dict.fromkeys(spare)
    weight = np.arange(outcomes.n_rows) % 3
    return Outcomes(
        **fields_of(outcomes, base_proba=proba, sample_weight=weight, **changed)
    )


def test_expected_failures_name_checks_that_there_are():
    assert EXPECTED_FAILURES.keys() <= set(list_routers())
    for name, expected in EXPECTED_FAILURES.items():
        known = {label for label, _ in checks_of(name)}
        assert expected.keys() <= known
        assert all(expected.values())


def test_every_check_is_yielded():
    written = {
        name
        for module in (_scoring, _fitting)
        for name in vars(module)
        if name.startswith("check_")
    }
    assert {label for label, _ in checks_of("benefit")} == written


# The checks themselves: each detects a router with the corresponding fault.


class Sound(BaseRouter):
    """Entropy plus a learned mean benefit; passes every check."""

    learns = True

    def __init__(self, scale=1.0):
        self.scale = scale

    def fit(self, outcomes):
        self.mean_ = np.average(outcomes.benefit, weights=outcomes.weight)
        return self

    def query_score(self, evidence):
        check_is_fitted(self)
        doubt = entropy(evidence.require("base_proba", type(self).__name__))
        return self.scale * (doubt + self.mean_)


class Column(Sound):
    def query_score(self, evidence):
        return super().query_score(evidence)[:, None]


class Infinite(Sound):
    def query_score(self, evidence):
        score = super().query_score(evidence)
        return score + np.inf if evidence.n_rows == 1 else score


class FitReturnsNothing(Sound):
    def fit(self, outcomes):
        super().fit(outcomes)


class Moody(Sound):
    def fit(self, outcomes):
        super().fit(outcomes)
        self.mean_ += np.random.default_rng().random()
        return self


class Remembers(Sound):
    def fit(self, outcomes):
        before = getattr(self, "mean_", 0)
        super().fit(outcomes)
        self.mean_ += before
        return self


class RanksTheBatch(Sound):
    def query_score(self, evidence):
        score = super().query_score(evidence)
        return score.argsort().argsort() / len(score)


class CutsAtAValue(Sound):
    def fit(self, outcomes):
        self.cut_ = outcomes.base_proba.max(axis=1)[7]
        return super().fit(outcomes)

    def query_score(self, evidence):
        score = super().query_score(evidence)
        return score + (evidence.base_proba.max(axis=1) > self.cut_)


class RanksByPlace(Sound):
    def query_score(self, evidence):
        return super().query_score(evidence) + 1e-3 * np.arange(evidence.n_rows)


class LooksAtTheFirstRows(Sound):
    def fit(self, outcomes):
        return super().fit(outcomes.take(np.arange(50)))


class FirstClass(Sound):
    def query_score(self, evidence):
        return super().query_score(evidence) + evidence.base_proba[:, 0]


class Backwards(Sound):
    def query_score(self, evidence):
        return -super().query_score(evidence)


class Constant(Sound):
    def query_score(self, evidence):
        return 0 * super().query_score(evidence)


class OtherInSingle(Sound):
    def query_score(self, evidence):
        wide = evidence.base_proba.dtype == np.float64
        return super().query_score(evidence) * (1 if wide else 1.01)


class LearnsOtherInSingle(Sound):
    def fit(self, outcomes):
        super().fit(outcomes)
        self.mean_ += outcomes.base_proba.dtype == np.float32
        return self


class DividesByTheVariance(Sound):
    def fit(self, outcomes):
        super().fit(outcomes)
        if not np.ptp(outcomes.base_utility):
            self.mean_ = np.nan
        return self


class HoldsALambda(Sound):
    def fit(self, outcomes):
        self.function_ = lambda x: x
        return super().fit(outcomes)


class SetsItsParameter(Sound):
    def fit(self, outcomes):
        self.scale = 2.0
        return super().fit(outcomes)


class LearnsInInit(Sound):
    def __init__(self, scale=1.0):
        super().__init__(scale)
        self.table_ = {}


class Writes(Sound):
    def query_score(self, evidence):
        evidence.base_proba[:] = np.round(evidence.base_proba, 6)
        return super().query_score(evidence)


class NeedsAGlobal(Sound):
    def fit(self, outcomes):
        self.best_ = outcomes.global_utility.max()
        return super().fit(outcomes)


class NeedsAllClasses(Sound):
    def query_score(self, evidence):
        return super().query_score(evidence) + 0 * evidence.base_proba.max(axis=1)


class Peeks(Sound):
    def query_score(self, evidence):
        return super().query_score(evidence) + getattr(evidence, "benefit", 0)


class Mute(Sound):
    def query_score(self, evidence):
        try:
            return super().query_score(evidence)
        except MissingEvidenceError:
            raise KeyError("base_proba") from None


class ScoresInPlaceOfFit(Sound):
    def fit_score(self, outcomes):
        return entropy(outcomes.base_proba)


class IgnoresWeights(Sound):
    def fit(self, outcomes):
        self.mean_ = outcomes.benefit.mean()
        return self


class NeedsARow(Sound):
    def query_score(self, evidence):
        score = super().query_score(evidence)
        return score - 0 * score.max()


class AddsWhatItFinds(Sound):
    def query_score(self, evidence):
        score = super().query_score(evidence)
        return score + getattr(evidence, "base_features", np.zeros((1, 1))).sum(axis=1)


class LearnsFromQueries(Sound):
    def query_score(self, evidence):
        self.mean_ += 1e-3
        return super().query_score(evidence)


class OtherProgram(Sound):
    def program(self):
        return EntropyRouter().program()


class CostsNothing(Sound):
    def decision_cost(self, evidence):
        return DecisionCost(0, 0, 0)


class Unfitted(Sound):
    def query_score(self, evidence):
        self.mean_ = getattr(self, "mean_", 0)
        return super().query_score(evidence)


BROKEN = {
    Column: "scores_are_finite_numbers_one_a_row",
    Infinite: "scores_are_finite_numbers_one_a_row",
    FitReturnsNothing: "fit_returns_the_router",
    Moody: "two_fits_give_equal_scores",
    Remembers: "two_fits_give_equal_scores",
    RanksTheBatch: "a_row_scores_alone_as_in_a_batch",
    CutsAtAValue: "last_digits_do_not_matter",
    RanksByPlace: "order_of_a_batch_does_not_matter",
    LooksAtTheFirstRows: "order_in_fit_does_not_matter",
    FirstClass: "names_of_the_classes_do_not_matter",
    Backwards: "doubt_scores_higher_than_certainty",
    Constant: "doubt_scores_higher_than_certainty",
    OtherInSingle: "single_precision_agrees_with_double",
    LearnsOtherInSingle: "single_precision_in_fit_agrees_with_double",
    DividesByTheVariance: "base_that_is_always_right_or_wrong",
    HoldsALambda: "pickles",
    SetsItsParameter: "fit_leaves_parameters_alone",
    LearnsInInit: "clone_keeps_parameters",
    Writes: "inputs_are_left_alone",
    NeedsAGlobal: "abstention",
    NeedsAllClasses: "topk_evidence",
    Peeks: "score_needs_no_outcome",
    Mute: "missing_evidence_is_named",
    ScoresInPlaceOfFit: "fit_score_also_fits",
    IgnoresWeights: "integer_weights_are_repeated_rows",
    NeedsARow: "zero_rows",
    AddsWhatItFinds: "other_evidence_is_refused",
    LearnsFromQueries: "scoring_leaves_the_router_alone",
    OtherProgram: "program_scores_alike",
    CostsNothing: "cost_is_counted",
    Unfitted: "unfitted_router_says_so",
}


@pytest.mark.parametrize(
    "check", [check for _, check in yield_router_checks(Sound(scale=2.0))]
)
def test_a_sound_router_passes(check):
    check()


@pytest.mark.parametrize("broken", list(BROKEN), ids=lambda cls: cls.__name__)
def test_a_broken_router_is_caught(broken):
    check = dict(yield_router_checks(broken()))[f"check_{BROKEN[broken]}"]
    # A broken router may make its check raise any error; the test above shows that the
    # check itself is sound.
    with pytest.raises(Exception):  # noqa: B017
        check()


def test_nan_check_catches_evidence_that_lets_nan_pass(monkeypatch):
    monkeypatch.setattr(Evidence, "__post_init__", lambda self: self._set_classes())
    with pytest.raises(AssertionError, match="Nothing was raised"):
        _scoring.check_nan_is_refused(Sound())


def test_each_new_check_raises_for_its_own_reason():
    for broken, text in (
        (AddsWhatItFinds, "takes other"),
        (LearnsFromQueries, "it learns from what it scores"),
        (CostsNothing, "without any operation"),
        (OtherProgram, "Not equal to tolerance"),
    ):
        check = dict(yield_router_checks(broken()))[f"check_{BROKEN[broken]}"]
        with pytest.raises(AssertionError, match=text):
            check()
