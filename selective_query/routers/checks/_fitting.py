"""Checks of fitting: what a router learns, and what it must not change."""

import pickle

import numpy as np
from scipy.stats import spearmanr
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from selective_query.outcomes.outcomes import Outcomes
from selective_query.routers.checks._assertions import (
    TOLERANCE,
    assert_alike,
    assert_raises,
    params_of,
)
from selective_query.routers.checks.samples import (
    EVIDENCE_FIELDS,
    fields_of,
    least_outcomes,
    sample_outcomes,
)


def check_fit_returns_the_router(router, make=sample_outcomes):
    """`fit` returns the router, so that calls chain."""
    made = clone(router)
    assert made.fit(make()) is made, "fit must return self"


def check_two_fits_give_equal_scores(router, make=sample_outcomes):
    """Fitting is deterministic, and an earlier fit has no influence."""
    outcomes = make()
    new = make(60, seed=1).evidence
    one, other = (clone(router).fit(outcomes).query_score(new) for _ in range(2))
    np.testing.assert_array_equal(one, other)
    again = clone(router).fit(make(seed=2)).fit(outcomes)
    np.testing.assert_array_equal(again.query_score(new), one, "an earlier fit remains")


def check_order_in_fit_does_not_matter(router, make=sample_outcomes):
    """The order of the training rows does not matter."""
    outcomes = make()
    new = make(60, seed=1).evidence
    shuffled = outcomes.take(np.random.default_rng(0).permutation(outcomes.n_rows))
    np.testing.assert_allclose(
        clone(router).fit(shuffled).query_score(new),
        clone(router).fit(outcomes).query_score(new),
        atol=TOLERANCE,
    )


def check_names_of_the_classes_do_not_matter(router, make=sample_outcomes):
    """Renamed and reordered classes give the same ranking."""
    outcomes, new = make(), make(100, seed=1)
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


def check_single_precision_in_fit_agrees_with_double(router, make=sample_outcomes):
    """Fitting on float32 evidence gives the same result as on float64."""
    new = make(90, seed=1).evidence
    assert_alike(
        *(
            clone(router).fit(make(dtype=dtype)).query_score(new)
            for dtype in (np.float32, np.float64)
        )
    )


def check_base_that_is_always_right_or_wrong(router, make=sample_outcomes):
    """A router can be fitted on outcomes without variation."""
    old = least_outcomes(router, make)
    for has_global in (True, False):
        global_utility = old.global_utility if has_global else None
        for base_utility in (np.ones(old.n_rows), np.zeros(old.n_rows)):
            outcomes = Outcomes(
                **{name: getattr(old, name) for name in EVIDENCE_FIELDS},
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


def check_pickles(router, make=sample_outcomes):
    """A pickled router gives the same scores."""
    fitted = clone(router).fit(make())
    new = make(60, seed=1).evidence
    loaded = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(loaded.query_score(new), fitted.query_score(new))


def check_clone_keeps_parameters(router, make=sample_outcomes):
    """A clone has the parameters but nothing learned."""
    fitted = clone(router).fit(make())
    copied = clone(fitted)
    assert type(copied) is type(router)
    assert params_of(copied) == params_of(router)
    learned = [name for name in vars(copied) if name.endswith("_")]
    assert not learned, f"a clone that has learned already: {learned}"


def check_fit_leaves_parameters_alone(router, make=sample_outcomes):
    """`fit` changes no constructor parameter."""
    made = clone(router)
    before = params_of(made)
    made.fit(make())
    made.fit_score(make(seed=1))
    assert params_of(made) == before, "fit changed a constructor parameter"


def check_inputs_are_left_alone(router, make=sample_outcomes):
    """Evidence and outcomes are neither modified nor returned."""
    outcomes, new = make(), make(60, seed=1).evidence
    for part in (outcomes, new):
        for name in ("base_proba", "base_logits", "base_features"):
            getattr(part, name).flags.writeable = False
    for name in ("y", "fold", "global_proba", "base_utility", "global_utility"):
        getattr(outcomes, name).flags.writeable = False
    made = clone(router)
    assert made.fit_score(outcomes).flags.writeable, "a view of what came in"
    assert made.query_score(new).flags.writeable, "a view of what came in"


def check_abstention(router, make=sample_outcomes):
    """It works without a global."""
    outcomes = make(has_global=False)
    assert not outcomes.has_global
    score = clone(router).fit(outcomes).query_score(make(60, seed=1))
    assert score.shape == (60,)
    assert np.isfinite(score).all(), "scores that are not finite"


def check_fit_score_also_fits(router, make=sample_outcomes):
    """Computing out-of-fold scores gives the same fit, and similar ranks."""
    outcomes, new = make(), make(60, seed=1).evidence
    made = clone(router)
    score = made.fit_score(outcomes)
    assert score.shape == (outcomes.n_rows,)
    assert np.isfinite(score).all(), "scores that are not finite"
    fitted = clone(router).fit(outcomes)
    np.testing.assert_array_equal(made.query_score(new), fitted.query_score(new))
    own = fitted.query_score(outcomes.evidence)
    if not router.learns:
        np.testing.assert_array_equal(score, own)
    # Out-of-fold scores rank the rows similarly to the fit on all rows.
    alike = spearmanr(score, own).statistic
    assert alike > 0.5, f"rank correlation {alike:.4f} of held-out scores with own ones"


def check_integer_weights_are_repeated_rows(router, make=sample_outcomes):
    """A row with weight three counts as three rows; with weight zero, as none."""
    old = make()
    weight = np.random.default_rng(0).integers(0, 4, size=old.n_rows)
    weighted = Outcomes(**fields_of(old, sample_weight=weight))
    repeated = old.take(np.repeat(np.arange(old.n_rows), weight))
    new = make(60, seed=1).evidence
    one, other = clone(router), clone(router)
    score, again = one.fit_score(weighted), other.fit_score(repeated)
    np.testing.assert_allclose(
        one.query_score(new), other.query_score(new), atol=TOLERANCE
    )
    np.testing.assert_allclose(np.repeat(score, weight), again, atol=TOLERANCE)


def check_unfitted_router_says_so(router, make=sample_outcomes):
    """Scores before `fit` raise NotFittedError."""
    new = make(3).evidence
    assert_raises(NotFittedError, "", lambda: clone(router).query_score(new))
