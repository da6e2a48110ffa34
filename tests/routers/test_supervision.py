import numpy as np
import pytest

from selective_query import Evidence, Outcomes, TopKProba
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import BenefitRouter
from selective_query.routers.supervision import (
    concatenate_outcomes,
    diff_prob_outcomes,
    fit_temperature,
    list_supervisions,
    max_prob_outcomes,
    mixed_outcomes,
    privileged_outcomes,
    proxy_outcomes,
    soft_outcomes,
    supervise,
    tempered,
    win_outcomes,
)


def drawn(n=200, n_classes=4, seed=0, **changed):
    rng = np.random.default_rng(seed)
    base, global_ = rng.dirichlet(np.full(n_classes, 0.5), size=(2, n))
    parts = {"base_proba": base, "global_proba": global_}
    parts["y"] = rng.integers(n_classes, size=n)
    return Outcomes(**{**parts, **changed})


def top_k(proba, k):
    order = np.argsort(-proba, axis=1)[:, :k]
    return TopKProba(order, np.take_along_axis(proba, order, axis=1), proba.shape[1])


def test_soft_benefit_is_what_the_global_expects_to_gain():
    outcomes = drawn()
    rows = np.arange(outcomes.n_rows)
    expected = (
        outcomes.global_proba.max(axis=1)
        - outcomes.global_proba[rows, outcomes.base_proba.argmax(axis=1)]
    )
    np.testing.assert_allclose(soft_outcomes(outcomes).benefit, expected)


def test_soft_benefit_takes_no_labels():
    outcomes = drawn()
    field = soft_outcomes(outcomes.evidence, outcomes.global_proba)
    assert field.y is None
    np.testing.assert_array_equal(field.benefit, soft_outcomes(outcomes).benefit)
    router = BenefitRouter().fit(field)
    assert np.isfinite(router.query_score(outcomes.evidence)).all()


def test_mean_soft_benefit_is_the_mean_benefit_where_the_global_is_calibrated():
    outcomes = drawn(20_000)
    rng = np.random.default_rng(1)
    y = (outcomes.global_proba.cumsum(axis=1) > rng.random((20_000, 1))).argmax(axis=1)
    labelled = drawn(20_000, y=y)
    gap = soft_outcomes(labelled).benefit - labelled.benefit
    assert abs(gap.mean()) < 4 * gap.std() / np.sqrt(20_000)


def test_soft_benefit_of_top_k_gives_unlisted_labels_an_even_share():
    outcomes = Outcomes(
        base_proba=TopKProba([[7], [1]], [[0.5], [0.5]], 1000),
        global_proba=TopKProba([[3, 2], [1, 2]], [[0.6, 0.3], [0.6, 0.3]], 1000),
        y=[0, 0],
    )
    soft = soft_outcomes(outcomes)
    np.testing.assert_allclose(soft.base_utility, [0.1 / 998, 0.6])
    np.testing.assert_allclose(soft.global_utility, 0.6)


def test_all_classes_listed_agree_with_dense():
    dense = drawn()
    listed = Outcomes(
        base_proba=top_k(dense.base_proba, 4),
        global_proba=top_k(dense.global_proba, 4),
        y=dense.y,
    )
    for transform in (
        soft_outcomes,
        diff_prob_outcomes,
        max_prob_outcomes,
        privileged_outcomes,
    ):
        np.testing.assert_allclose(transform(listed).benefit, transform(dense).benefit)
    np.testing.assert_allclose(fit_temperature(listed), fit_temperature(dense))


def test_unlisted_share_is_no_larger_than_a_listed_one():
    top = TopKProba([[0, 1]], [[0.5, 0.1]], 3)
    outcomes = Outcomes(
        base_proba=TopKProba([[2]], [[0.9]], 3), global_proba=top, y=[0]
    )
    assert soft_outcomes(outcomes).base_utility[0] == 0.1


def test_labels_by_name_find_their_columns():
    names = np.array(["d", "a", "c", "b"])
    plain = drawn()
    named = drawn(y=names[plain.y], classes=names)
    for name in list_supervisions():
        np.testing.assert_allclose(
            supervise(named, name).benefit, supervise(plain, name).benefit
        )


def test_given_predictions_decide_over_probabilities():
    outcomes = Outcomes(
        base_pred=["b"], global_pred=["a"], global_proba=[[0.3, 0.7]],
        classes=["a", "b"], y=["a"],
    )  # fmt: skip
    np.testing.assert_allclose(soft_outcomes(outcomes).benefit, [-0.4])


def test_soft_without_a_global_says_what_is_missing():
    for transform in (
        soft_outcomes,
        diff_prob_outcomes,
        max_prob_outcomes,
        privileged_outcomes,
    ):
        with pytest.raises(MissingEvidenceError, match="global_proba"):
            transform(drawn(global_proba=None))
    with pytest.raises(MissingEvidenceError, match="base_proba"):
        soft_outcomes(Evidence(base_features=[[1.0]]), global_proba=[[0.5, 0.5]])


def judged_by_a_calibrated_global(n=4000):
    outcomes = drawn(n)
    rng = np.random.default_rng(1)
    y = (outcomes.global_proba.cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)
    return drawn(n, y=y, fold=np.arange(n) % 5)


def test_privileged_benefit_is_the_benefit_with_less_noise():
    outcomes = judged_by_a_calibrated_global()
    taught = privileged_outcomes(outcomes)
    agree = outcomes.base_proba.argmax(axis=1) == outcomes.global_proba.argmax(axis=1)
    assert not taught.benefit[agree].any()
    assert taught.benefit[~agree].all()
    assert abs((taught.benefit - outcomes.benefit).mean()) < 0.01
    # The true probabilities are known here, because the global is calibrated.
    known = soft_outcomes(outcomes).benefit
    error, noise = ((b - known).std() for b in (taught.benefit, outcomes.benefit))
    assert error < 0.15 * noise


def test_privileged_chances_have_not_seen_their_own_label():
    outcomes = judged_by_a_calibrated_global(500)
    taught = privileged_outcomes(outcomes)
    row = int(np.flatnonzero(taught.benefit)[0])
    other = outcomes.y.copy()
    other[row] = (other[row] + 1) % 4
    changed = privileged_outcomes(drawn(500, y=other, fold=outcomes.fold))
    same = outcomes.fold == outcomes.fold[row]
    np.testing.assert_array_equal(changed.benefit[same], taught.benefit[same])
    assert not np.allclose(changed.benefit[~same], taught.benefit[~same])


def test_privileged_benefit_where_answers_never_differ_is_none():
    outcomes = drawn()
    same = drawn(global_proba=outcomes.base_proba)
    assert not privileged_outcomes(same).benefit.any()
    labels = outcomes.base_proba.argmax(axis=1)
    told = drawn(base_pred=labels, global_pred=labels)
    assert not privileged_outcomes(told).benefit.any()


def test_proxy_is_the_papers_label():
    outcomes = drawn()
    np.testing.assert_array_equal(
        proxy_outcomes(outcomes).benefit, outcomes.proxy_label
    )
    alone = drawn(global_proba=None)
    np.testing.assert_array_equal(proxy_outcomes(alone).benefit, 1 - alone.base_utility)


def test_probabilities_of_the_label_and_of_the_answer():
    outcomes, rows = drawn(), np.arange(200)
    p_b, p_g = outcomes.base_proba, outcomes.global_proba
    np.testing.assert_allclose(
        diff_prob_outcomes(outcomes).benefit,
        p_g[rows, outcomes.y] - p_b[rows, outcomes.y],
    )
    np.testing.assert_allclose(
        max_prob_outcomes(outcomes).benefit, p_g.max(axis=1) - p_b.max(axis=1)
    )


def test_wins_ties_and_a_tolerance():
    graded = Outcomes(
        X=np.zeros((4, 1)),
        base_utility=[0.2, 0.5, 0.9, 0.5],
        global_utility=[0.8, 0.5, 0.1, 0.55],
    )
    np.testing.assert_array_equal(win_outcomes(graded).global_utility, [1, 0.5, 0, 1])
    np.testing.assert_array_equal(win_outcomes(graded, 0.1).benefit, [1, 0, -1, 0])
    with pytest.raises(ValueError, match="tolerance"):
        win_outcomes(graded, -1)


def test_mixture_lies_between_labels_and_probabilities():
    outcomes = drawn()
    soft = soft_outcomes(outcomes)
    np.testing.assert_allclose(
        mixed_outcomes(outcomes, 0.25).benefit,
        0.75 * outcomes.benefit + 0.25 * soft.benefit,
    )
    with pytest.raises(ValueError, match="soft_share"):
        mixed_outcomes(outcomes, 1.5)


def test_temperature_is_found_again():
    calibrated = drawn(20_000)
    rng = np.random.default_rng(1)
    y = (calibrated.global_proba.cumsum(axis=1) > rng.random((20_000, 1))).argmax(1)
    for temperature in (0.5, 2.0):
        shown = tempered(calibrated.global_proba, 1 / temperature)
        found = fit_temperature(drawn(20_000, y=y, global_proba=shown))
        assert found == pytest.approx(temperature, rel=0.1)


def test_temperature_of_top_k_keeps_the_unlisted_mass_apart():
    dense = np.array([[0.5, 0.2, 0.1, 0.1, 0.1]])
    listed = tempered(top_k(dense, 2), 3.0)
    np.testing.assert_allclose(listed.proba, tempered(dense, 3.0)[:, :2])


def test_temperature_heeds_weights_and_refuses_nonsense():
    outcomes = drawn(400)
    right = outcomes.global_utility > 0
    trusting = drawn(400, sample_weight=np.where(right, 1.0, 0.0))
    assert fit_temperature(trusting) < fit_temperature(outcomes)
    for temperature in (0, -1, np.inf, np.nan):
        with pytest.raises(ValueError, match="temperature"):
            tempered(outcomes.global_proba, temperature)


def test_supervise_takes_functions_and_refuses_the_rest():
    outcomes = drawn()
    taught = supervise(outcomes, lambda o: mixed_outcomes(o, 1.0))
    np.testing.assert_allclose(taught.benefit, soft_outcomes(outcomes).benefit)
    for wrong in ("soft_", None, lambda o: o.benefit, lambda o: o.take([0])):
        with pytest.raises(ValueError, match="supervision"):
            supervise(outcomes, wrong)


def test_concatenation_keeps_rows_in_order_and_weights_parts():
    labelled = drawn(6, fold=[3, 3, 5, 5, 3, 5], sample_weight=np.arange(6) + 1.0)
    field = soft_outcomes(drawn(4, seed=1).evidence, drawn(4, seed=1).global_proba)
    both = concatenate_outcomes([labelled, field], weights=[1, 0.5])
    np.testing.assert_array_equal(
        both.benefit, np.concatenate([labelled.benefit, field.benefit])
    )
    np.testing.assert_array_equal(both.weight, [1, 2, 3, 4, 5, 6] + [0.5] * 4)
    np.testing.assert_array_equal(both.fold[6:], [3, 5, 3, 5])
    assert both.y is None
    assert concatenate_outcomes([labelled, labelled]).y.shape == (12,)


def test_concatenation_of_top_k_keeps_the_smaller_k():
    one, other = drawn(3), drawn(2, seed=1)
    parts = [
        Outcomes(base_proba=top_k(o.base_proba, k), global_proba=o.global_proba, y=o.y)
        for o, k in ((one, 3), (other, 2))
    ]
    joined = concatenate_outcomes(parts).base_proba
    np.testing.assert_array_equal(joined.proba[:3], parts[0].base_proba.proba[:, :2])
    assert joined.shape == (5, 4)
    with pytest.raises(ValueError, match="dense"):
        concatenate_outcomes([one, parts[1]])


def test_concatenation_of_texts_and_sparse_inputs():
    from scipy.sparse import csr_array

    for X in (["a", "b", "c"], csr_array(np.eye(3))):
        both = concatenate_outcomes([drawn(3, X=X), drawn(3, X=X)])
        assert both.take([3]).X[0] == "a" if isinstance(X, list) else both.X[3, 0] == 1


def test_concatenation_refuses_parts_that_differ():
    plain = drawn(5)
    others = [
        drawn(5, base_features=np.zeros((5, 2))),
        drawn(5, global_proba=None),
        drawn(5, n_classes=3),
    ]
    for other, what in zip(others, ("base_features", "global", "classes"), strict=True):
        with pytest.raises(ValueError, match=what):
            concatenate_outcomes([plain, other])
    with pytest.raises(ValueError, match="at least one"):
        concatenate_outcomes([])
    with pytest.raises(ValueError, match="weights"):
        concatenate_outcomes([plain], weights=[1, 2])


@pytest.mark.parametrize("name", list_supervisions())
def test_supervisions_leave_evidence_and_inputs_alone(name):
    outcomes = drawn(sample_weight=np.arange(200.0))
    before = outcomes.base_utility.copy(), outcomes.global_utility.copy()
    taught = supervise(outcomes, name)
    np.testing.assert_array_equal(outcomes.base_utility, before[0])
    np.testing.assert_array_equal(outcomes.global_utility, before[1])
    np.testing.assert_array_equal(taught.weight, outcomes.weight)
    assert taught.base_proba is not None


def test_rows_without_labels_take_the_classes_of_those_with():
    labelled = Outcomes(
        base_proba=[[0.9, 0.1]], global_proba=[[0.8, 0.2]], y=["b"], classes=["b", "a"]
    )
    field = soft_outcomes(Evidence(base_proba=[[0.6, 0.4]]), [[0.25, 0.75]])
    for parts in ([labelled, field], [field, labelled]):
        np.testing.assert_array_equal(concatenate_outcomes(parts).classes, ["b", "a"])
