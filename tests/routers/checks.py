"""What every router keeps to. Usable for routers of your own:

>>> from tests.routers.checks import yield_router_checks
>>> from selective_query.routers import MarginRouter
>>> for check in yield_router_checks(MarginRouter()):
...     check(MarginRouter())

Each check takes a router that is not fitted, leaves it as it is, and raises an
AssertionError that says what is wrong.
"""

import pickle

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.exceptions import MissingEvidenceError

# Scores of one row may differ by this much with the batch or the order of the rows.
TOLERANCE = 1e-6


def sample_outcomes(
    n=240, *, n_classes=4, has_global=True, features=True, dtype=np.float64, seed=0
):
    """A calibrated base, whose confidence tells much, and a global right on 90 %.

    Values are single-precision numbers whatever the dtype, and where the first of the
    features is positive the global is always right.
    """
    rng = np.random.default_rng(seed)
    logits = (2 * rng.normal(size=(n, n_classes))).astype(np.float32)
    proba = np.exp(logits - logits.max(axis=1, keepdims=True))
    proba /= proba.sum(axis=1, keepdims=True)
    y = (proba.cumsum(axis=1) > rng.random((n, 1)) * (1 - 1e-6)).argmax(axis=1)
    table = rng.normal(size=(n, 3)).astype(np.float32)
    parts = {"base_proba": proba.astype(dtype), "y": y, "fold": np.arange(n) % 5}
    if features:
        parts["base_logits"] = logits.astype(dtype)
        parts["base_features"] = table.astype(dtype)
    if has_global:
        wrong = (table[:, 0] < 0) & (rng.random(n) < 0.2)
        answer = np.where(wrong, (y + 1) % n_classes, y)
        rest = 0.2 / n_classes
        parts["global_proba"] = rest + 0.8 * np.eye(n_classes)[answer]
    return Outcomes(**parts)


def fields_of(outcomes, **changed):
    """The arguments that would make these outcomes, some of them changed."""
    names = (
        "base_proba base_logits base_features y global_proba sample_weight classes fold"
    )
    return {**{name: getattr(outcomes, name) for name in names.split()}, **changed}


def yield_router_checks(router):
    """Yield the checks that apply to a router."""
    yield check_scores_are_finite_numbers_one_a_row
    yield check_fit_returns_the_router
    yield check_two_fits_give_equal_scores
    yield check_a_row_scores_alone_as_in_a_batch
    yield check_order_of_a_batch_does_not_matter
    yield check_order_in_fit_does_not_matter
    yield check_names_of_the_classes_do_not_matter
    yield check_doubt_scores_higher_than_certainty
    yield check_single_precision_agrees_with_double
    yield check_single_precision_in_fit_agrees_with_double
    yield check_nan_is_refused
    yield check_base_that_is_always_right_or_wrong
    yield check_pickles
    yield check_clone_keeps_parameters
    yield check_fit_leaves_parameters_alone
    yield check_inputs_are_left_alone
    yield check_abstention
    yield check_topk_evidence
    yield check_score_needs_no_outcome
    yield check_missing_evidence_is_named
    yield check_fit_score_also_fits
    if router.learns:
        yield check_integer_weights_are_repeated_rows
        yield check_unfitted_router_says_so


def check_scores_are_finite_numbers_one_a_row(router):
    outcomes = sample_outcomes()
    fitted = clone(router).fit(outcomes)
    new = sample_outcomes(37, seed=1).evidence
    for evidence in (new, new.take([5])):
        score = fitted.query_score(evidence)
        assert isinstance(score, np.ndarray), f"a {type(score).__name__}, no array"
        assert score.shape == (evidence.n_rows,), f"shape {score.shape}"
        assert score.dtype.kind == "f", f"dtype {score.dtype}"
        assert np.isfinite(score).all(), "scores that are not finite"


def check_fit_returns_the_router(router):
    made = clone(router)
    assert made.fit(sample_outcomes()) is made, "fit must return self"


def check_two_fits_give_equal_scores(router):
    outcomes = sample_outcomes()
    new = sample_outcomes(60, seed=1).evidence
    one, other = (clone(router).fit(outcomes).query_score(new) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    again = clone(router).fit(sample_outcomes(seed=2)).fit(outcomes)
    np.testing.assert_array_equal(again.query_score(new), one, "an earlier fit remains")


def check_a_row_scores_alone_as_in_a_batch(router):
    fitted = clone(router).fit(sample_outcomes())
    new = sample_outcomes(60, seed=1).evidence
    batch = fitted.query_score(new)
    alone = [fitted.query_score(new.take([i]))[0] for i in range(new.n_rows)]
    np.testing.assert_allclose(alone, batch, atol=TOLERANCE)
    half = np.arange(new.n_rows) % 2 == 0
    np.testing.assert_allclose(
        fitted.query_score(new.take(half)), batch[half], atol=TOLERANCE
    )


def check_order_of_a_batch_does_not_matter(router):
    fitted = clone(router).fit(sample_outcomes())
    new = sample_outcomes(60, seed=1).evidence
    order = np.random.default_rng(0).permutation(new.n_rows)
    np.testing.assert_allclose(
        fitted.query_score(new.take(order)),
        fitted.query_score(new)[order],
        atol=TOLERANCE,
    )


def check_order_in_fit_does_not_matter(router):
    outcomes = sample_outcomes()
    new = sample_outcomes(60, seed=1).evidence
    shuffled = outcomes.take(np.random.default_rng(0).permutation(outcomes.n_rows))
    np.testing.assert_allclose(
        clone(router).fit(shuffled).query_score(new),
        clone(router).fit(outcomes).query_score(new),
        atol=TOLERANCE,
    )


def check_names_of_the_classes_do_not_matter(router):
    outcomes, new = sample_outcomes(), sample_outcomes(100, seed=1)
    order = np.array([2, 0, 3, 1])
    names = np.array(["d", "a", "c", "b"])

    def renamed(old):
        columns = ("base_proba", "base_logits", "global_proba")
        moved = {name: getattr(old, name)[:, order] for name in columns}
        y = names[old.y]
        return Outcomes(**fields_of(old, y=y, classes=names[order], **moved))

    np.testing.assert_array_equal(renamed(outcomes).benefit, outcomes.benefit)
    score = clone(router).fit(outcomes).query_score(new.evidence)
    other = clone(router).fit(renamed(outcomes)).query_score(renamed(new).evidence)
    alike = spearmanr(score, other).statistic
    assert alike > 0.999, f"rank correlation {alike:.4f} after renaming the classes"


def check_doubt_scores_higher_than_certainty(router):
    for has_global in (True, False):
        outcomes = sample_outcomes(400, has_global=has_global, features=False)
        fitted = clone(router).fit(outcomes)
        flat, sure = np.full((1, 4), 0.25), np.eye(4)
        score = fitted.query_score(Evidence(base_proba=np.vstack([flat, sure])))
        assert score[0] > score[1:].max() + 1e-3, (
            f"a uniform row scores {score[0]:.4g}, one-hot rows up to "
            f"{score[1:].max():.4g}"
        )


def check_single_precision_agrees_with_double(router):
    fitted = clone(router).fit(sample_outcomes())
    _assert_alike(
        *(
            fitted.query_score(sample_outcomes(90, dtype=dtype, seed=1).evidence)
            for dtype in (np.float32, np.float64)
        )
    )


def check_single_precision_in_fit_agrees_with_double(router):
    new = sample_outcomes(90, seed=1).evidence
    _assert_alike(
        *(
            clone(router).fit(sample_outcomes(dtype=dtype)).query_score(new)
            for dtype in (np.float32, np.float64)
        )
    )


def check_nan_is_refused(router):
    fitted = clone(router).fit(sample_outcomes(features=False))
    proba = sample_outcomes(3).base_proba.copy()
    proba[1, 2] = np.nan
    _assert_raises(
        ValueError, "NaN", lambda: fitted.query_score(Evidence(base_proba=proba))
    )


def check_base_that_is_always_right_or_wrong(router):
    old = sample_outcomes()
    for has_global in (True, False):
        global_utility = old.global_utility if has_global else None
        for base_utility in (np.ones(old.n_rows), np.zeros(old.n_rows)):
            outcomes = Outcomes(
                base_proba=old.base_proba,
                base_utility=base_utility,
                global_utility=global_utility,
                fold=old.fold,
            )
            made = clone(router)
            for score in (
                made.fit_score(outcomes),
                made.query_score(outcomes.evidence),
            ):
                assert np.isfinite(score).all(), "scores that are not finite"


def check_pickles(router):
    fitted = clone(router).fit(sample_outcomes())
    new = sample_outcomes(60, seed=1).evidence
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.query_score(new), fitted.query_score(new))


def check_clone_keeps_parameters(router):
    fitted = clone(router).fit(sample_outcomes())
    copied = clone(fitted)
    assert type(copied) is type(router)
    assert _params(copied) == _params(router)
    learned = [name for name in vars(copied) if name.endswith("_")]
    assert not learned, f"a clone that has learned already: {learned}"


def check_fit_leaves_parameters_alone(router):
    made = clone(router)
    before = _params(made)
    made.fit(sample_outcomes())
    made.fit_score(sample_outcomes(seed=1))
    assert _params(made) == before, "fit changed a constructor parameter"


def check_inputs_are_left_alone(router):
    outcomes, new = sample_outcomes(), sample_outcomes(60, seed=1).evidence
    for part in (outcomes, new):
        for name in ("base_proba", "base_logits", "base_features"):
            getattr(part, name).flags.writeable = False
    for name in ("y", "fold", "global_proba", "base_utility", "global_utility"):
        getattr(outcomes, name).flags.writeable = False
    made = clone(router)
    assert made.fit_score(outcomes).flags.writeable, "a view of what came in"
    assert made.query_score(new).flags.writeable, "a view of what came in"


def check_abstention(router):
    outcomes = sample_outcomes(has_global=False)
    assert not outcomes.has_global
    score = clone(router).fit(outcomes).query_score(sample_outcomes(60, seed=1))
    assert score.shape == (60,)
    assert np.isfinite(score).all(), "scores that are not finite"


def check_topk_evidence(router):
    def top_two(outcomes):
        order = np.argsort(-outcomes.base_proba, axis=1)[:, :2]
        proba = np.take_along_axis(outcomes.base_proba, order, axis=1)
        top = TopKProba(order, proba, 4)
        changed = {"base_proba": top, "base_logits": None, "base_features": None}
        return Outcomes(**fields_of(outcomes, **changed))

    made = clone(router)
    try:
        made.fit(top_two(sample_outcomes()))
        score = made.query_score(top_two(sample_outcomes(60, seed=1)).evidence)
    except MissingEvidenceError as error:
        assert "top-k" in str(error), f"this says nothing of top-k: {error}"
    else:
        assert score.shape == (60,)
        assert np.isfinite(score).all(), "scores that are not finite"


def check_score_needs_no_outcome(router):
    fitted = clone(router).fit(sample_outcomes())
    new = sample_outcomes(60, seed=1)
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


def check_missing_evidence_is_named(router):
    fitted = clone(router).fit(sample_outcomes(features=False))
    texts = Evidence(X=["a text", "another", "a third"])
    error = _assert_raises(
        MissingEvidenceError, "base_proba", lambda: fitted.query_score(texts)
    )
    assert "X" in str(error), f"what there is should be named: {error}"


def check_fit_score_also_fits(router):
    outcomes, new = sample_outcomes(), sample_outcomes(60, seed=1).evidence
    made = clone(router)
    score = made.fit_score(outcomes)
    assert score.shape == (outcomes.n_rows,)
    assert np.isfinite(score).all(), "scores that are not finite"
    fitted = clone(router).fit(outcomes)
    np.testing.assert_array_equal(made.query_score(new), fitted.query_score(new))
    own = fitted.query_score(outcomes.evidence)
    if not router.learns:
        np.testing.assert_array_equal(score, own)
    # Held-out scores rank the rows much as the fit on all of them does.
    alike = spearmanr(score, own).statistic
    assert alike > 0.5, f"rank correlation {alike:.4f} of held-out scores with own ones"


def check_integer_weights_are_repeated_rows(router):
    old = sample_outcomes()
    weight = np.random.default_rng(0).integers(0, 4, size=old.n_rows)
    weighted = Outcomes(**fields_of(old, sample_weight=weight))
    repeated = old.take(np.repeat(np.arange(old.n_rows), weight))
    new = sample_outcomes(60, seed=1).evidence
    one, other = clone(router), clone(router)
    score, again = one.fit_score(weighted), other.fit_score(repeated)
    np.testing.assert_allclose(
        one.query_score(new), other.query_score(new), atol=TOLERANCE
    )
    np.testing.assert_allclose(np.repeat(score, weight), again, atol=TOLERANCE)


def check_unfitted_router_says_so(router):
    new = sample_outcomes(3).evidence
    _assert_raises(NotFittedError, "", lambda: clone(router).query_score(new))


def _assert_alike(score, expected):
    np.testing.assert_allclose(score, expected, atol=1e-3 * np.ptp(expected))


def _params(router):
    return {name: repr(value) for name, value in router.get_params().items()}


def _assert_raises(kind, text, call):
    """Return the error that a call must raise; its message must hold the text."""
    try:
        call()
    except Exception as error:
        assert isinstance(error, kind), f"{kind.__name__} expected. Got {error!r}."
        assert text in str(error), f"{text!r} is not named in: {error}"
        return error
    raise AssertionError(f"{kind.__name__} expected. Nothing was raised.")
