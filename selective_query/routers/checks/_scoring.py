"""Checks of the scores that a router gives to new evidence."""

from dataclasses import replace

import numpy as np
from sklearn.base import clone

from selective_query.exceptions import MissingEvidenceError
from selective_query.outcomes.evidence import Evidence
from selective_query.outcomes.outcomes import Outcomes
from selective_query.outcomes.probabilities import TopKProba
from selective_query.routers.checks._assertions import (
    TOLERANCE,
    assert_alike,
    assert_raises,
)
from selective_query.routers.checks.samples import (
    BASE_FIELDS,
    fields_of,
    least_outcomes,
    sample_outcomes,
    stepped_outcomes,
)
from selective_query.routers.decision_cost import DecisionCost
from selective_query.routers.program import Program


def check_scores_are_finite_numbers_one_a_row(router, make=sample_outcomes):
    """Scores are an array of finite floats, one for each row."""
    outcomes = make()
    fitted = clone(router).fit(outcomes)
    new = make(37, seed=1).evidence
    for evidence in (new, new.take([5])):
        score = fitted.query_score(evidence)
        assert isinstance(score, np.ndarray), f"a {type(score).__name__}, no array"
        assert score.shape == (evidence.n_rows,), f"shape {score.shape}"
        assert score.dtype.kind == "f", f"dtype {score.dtype}"
        assert np.isfinite(score).all(), "scores that are not finite"


def check_zero_rows(router, make=sample_outcomes):
    """An empty batch gives an empty array of scores."""
    fitted = clone(router).fit(make())
    score = fitted.query_score(make(5, seed=1).evidence.take([]))
    assert isinstance(score, np.ndarray), f"a {type(score).__name__}, no array"
    assert score.shape == (0,), f"shape {score.shape}"


def check_a_row_scores_alone_as_in_a_batch(router, make=sample_outcomes):
    """The batch size does not matter, even for training rows."""
    outcomes = stepped_outcomes(make)
    fitted = clone(router).fit(outcomes)
    for evidence in (make(60, seed=1).evidence, outcomes.evidence):
        batch = fitted.query_score(evidence)
        some = np.arange(0, evidence.n_rows, max(1, evidence.n_rows // 60))
        alone = [fitted.query_score(evidence.take([i]))[0] for i in some]
        np.testing.assert_allclose(alone, batch[some], atol=TOLERANCE)
        half = np.arange(evidence.n_rows) % 2 == 0
        np.testing.assert_allclose(
            fitted.query_score(evidence.take(half)), batch[half], atol=TOLERANCE
        )


def check_last_digits_do_not_matter(router, make=sample_outcomes):
    """Training rows score alike if their evidence differs in the last digit.

    This happens when a base computes the evidence in another batch. A router with a cut
    exactly at a training value would then decide differently.
    """
    outcomes = stepped_outcomes(make)
    fitted = clone(router).fit(outcomes)
    score = fitted.query_score(outcomes.evidence)
    for towards in (-np.inf, np.inf):
        moved = {
            name: _off_by_a_digit(getattr(outcomes, name), towards)
            for name in BASE_FIELDS
        }
        again = fitted.query_score(replace(outcomes.evidence, **moved))
        np.testing.assert_allclose(again, score, atol=TOLERANCE)


def _off_by_a_digit(values, towards):
    """Change the last digit of all values except whole numbers, which are exact."""
    return np.where(values == np.rint(values), values, np.nextafter(values, towards))


def check_order_of_a_batch_does_not_matter(router, make=sample_outcomes):
    """Rows keep their scores when a batch is shuffled."""
    fitted = clone(router).fit(make())
    new = make(60, seed=1).evidence
    order = np.random.default_rng(0).permutation(new.n_rows)
    np.testing.assert_allclose(
        fitted.query_score(new.take(order)),
        fitted.query_score(new)[order],
        atol=TOLERANCE,
    )


def check_doubt_scores_higher_than_certainty(router, make=sample_outcomes):
    """Monotone in the obvious case: a uniform row scores above one-hot rows."""
    for has_global in (True, False):
        outcomes = least_outcomes(router, make, 400, has_global=has_global)
        fitted = clone(router).fit(outcomes)
        logits = np.vstack([np.zeros(4), 10 * np.eye(4)])
        parts = {"base_proba": np.vstack([np.full((1, 4), 0.25), np.eye(4)])}
        if "base_logits" in router.required_evidence:
            parts["base_logits"] = logits
        for name in {"base_features", "X"} & {*router.required_evidence}:
            # Identical rows, except that their probabilities express doubt or
            # certainty.
            parts[name] = getattr(outcomes, name)[[0] * len(logits)]
        score = fitted.query_score(Evidence(**parts))
        assert score[0] > score[1:].max() + 1e-3, (
            f"a row of doubt scores {score[0]:.4g}, rows of certainty up to "
            f"{score[1:].max():.4g}"
        )


def check_single_precision_agrees_with_double(router, make=sample_outcomes):
    """Evidence in float32 gives the same scores as in float64."""
    fitted = clone(router).fit(make())
    assert_alike(
        *(
            fitted.query_score(make(90, dtype=dtype, seed=1).evidence)
            for dtype in (np.float32, np.float64)
        )
    )


def check_nan_is_refused(router, make=sample_outcomes):
    """NaN in any kind of evidence raises."""
    fitted = clone(router).fit(make())
    new = make(3, seed=1).evidence
    for name in BASE_FIELDS:
        values = getattr(new, name).copy()
        values[1, 2] = np.nan

        def ask(name=name, values=values):
            fitted.query_score(replace(new, **{name: values}))

        assert_raises(ValueError, "NaN", ask)


def check_missing_evidence_is_named(router, make=sample_outcomes):
    """The error names what is missing and what is available."""
    fitted = clone(router).fit(least_outcomes(router, make))
    texts = Evidence(X=["a text", "another", "a third"])
    missing = (*router.required_evidence, "base_proba")[0]
    error = assert_raises(
        MissingEvidenceError, missing, lambda: fitted.query_score(texts)
    )
    assert "X" in str(error), f"what there is should be named: {error}"


def check_other_evidence_is_refused(router, make=sample_outcomes):
    """Evidence of other kinds or widths is refused, or has no influence."""
    fitted = clone(router).fit(make())
    new = make(60, seed=1).evidence
    expected = fitted.query_score(new)
    wider = np.hstack([new.base_features, new.base_features[:, :1]])
    for changed in (
        {"base_features": wider},
        {"base_features": None},
        {"base_logits": None},
    ):
        try:
            score = fitted.query_score(replace(new, **changed))
        except ValueError:
            continue
        np.testing.assert_allclose(
            score, expected, atol=TOLERANCE, err_msg=f"takes other {list(changed)}"
        )


def check_topk_evidence(router, make=sample_outcomes):
    """Top-k probabilities are scored, or refused with a clear message."""

    def top_two(outcomes):
        order = np.argsort(-outcomes.base_proba, axis=1)[:, :2]
        proba = np.take_along_axis(outcomes.base_proba, order, axis=1)
        return replace(outcomes, base_proba=TopKProba(order, proba, 4))

    made = clone(router)
    try:
        made.fit(top_two(least_outcomes(router, make)))
        new = top_two(least_outcomes(router, make, 60, seed=1)).evidence
        score = made.query_score(new)
    except MissingEvidenceError as error:
        assert "top-k" in str(error), f"this says nothing of top-k: {error}"
    else:
        assert score.shape == (60,)
        assert np.isfinite(score).all(), "scores that are not finite"


def check_program_scores_alike(router, make=sample_outcomes):
    """A program, if any, gives the router's scores, also when read from data."""
    samples = [make(), stepped_outcomes(make), least_outcomes(router, make)]
    for outcomes in samples:
        fitted = clone(router).fit(outcomes)
        try:
            program = fitted.program()
        except TypeError as error:
            assert type(router).__name__ in str(error), f"it names no router: {error}"
            return
        expected = fitted.query_score(outcomes.evidence)
        for read in (program, Program.from_dict(program.to_dict())):
            score = read.run(outcomes.evidence)
            assert score.shape == expected.shape, f"a program of shape {score.shape}"
            np.testing.assert_allclose(score, expected, atol=TOLERANCE)
            assert read.cost(outcomes.evidence) == fitted.decision_cost(outcomes)


def check_score_needs_no_outcome(router, make=sample_outcomes):
    """Scores do not depend on outcomes."""
    fitted = clone(router).fit(make())
    new = make(60, seed=1)
    score = fitted.query_score(new.evidence)
    np.testing.assert_array_equal(
        fitted.query_score(new), score, "it looks at outcomes"
    )
    reversed_ = Outcomes(
        **fields_of(new), base_utility=1 - new.base_utility, global_utility=np.zeros(60)
    )
    np.testing.assert_array_equal(
        fitted.query_score(reversed_), score, "it looks at outcomes"
    )


def check_scoring_leaves_the_router_alone(router, make=sample_outcomes):
    """Scoring does not change the router."""
    fitted = clone(router).fit(make())
    new, other = make(60, seed=1).evidence, make(40, seed=2).evidence
    first = fitted.query_score(new)
    names = set(vars(fitted))
    fitted.query_score(other)
    np.testing.assert_array_equal(
        fitted.query_score(new), first, "it learns from what it scores"
    )
    assert set(vars(fitted)) == names, "query_score adds attributes"


def check_cost_is_counted(router, make=sample_outcomes):
    """It reports the cost of a decision, and whether it needs the base."""
    outcomes = make()
    fitted = clone(router).fit(outcomes)
    cost = fitted.decision_cost(outcomes.evidence.take([0]))
    assert isinstance(cost, DecisionCost), f"a {type(cost).__name__}"
    for name, value in vars(cost).items():
        assert isinstance(value, int), f"{name} is a {type(value).__name__}"
        assert value >= 0, f"{name} is {value}"
    assert cost.macs > 0, "a decision without any operation"
    assert isinstance(fitted.needs_base, bool)
