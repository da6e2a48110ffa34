import dataclasses

import numpy as np
import pytest

from selective_query import Outcomes, TopKProba, compare_routers, list_routers
from selective_query.budgets import MinAccuracy
from selective_query.datasets import make_selective_query
from selective_query.evaluation import COLUMNS, DIFFERENCE_COLUMNS, default_routers
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import EntropyRouter, MaxLogitRouter


@pytest.fixture(scope="module")
def halves():
    return [
        make_selective_query(800, regime="uniform", random_state=seed).outcomes
        for seed in (0, 1)
    ]


@pytest.fixture(scope="module")
def comparison(halves):
    return compare_routers(*halves, n_bootstrap=200, random_state=0)


def test_frame_has_the_promised_columns(comparison):
    frame = comparison.to_frame()
    assert tuple(frame.columns) == (*COLUMNS, *DIFFERENCE_COLUMNS)
    assert len(frame) == 3 * len(default_routers(
        make_selective_query(10, random_state=0).outcomes))  # fmt: skip
    assert (frame.accuracy_low <= frame.accuracy_at_coverage).all()
    assert (frame.accuracy_at_coverage <= frame.accuracy_high).all()


def test_oracle_is_above_all_and_informed_routers_above_chance(comparison):
    frame = comparison.to_frame().set_index(["router", "coverage"])
    for coverage in (0.9, 0.8, 0.7):
        column = frame.accuracy_at_coverage.xs(coverage, level="coverage")
        routed = column.drop(["always_global"])
        assert (column["oracle"] >= routed).all()
        for name in ("auto", "max_probability", "margin", "entropy", "benefit"):
            assert column[name] >= column["random"]


def test_bounds_are_what_their_names_say(halves, comparison):
    frame = comparison.to_frame().set_index(["router", "coverage"])
    test = halves[1]
    assert frame.loc[("always_base", 0.8)].accuracy == pytest.approx(
        test.base_utility.mean()
    )
    assert frame.loc[("always_base", 0.8)].realised_coverage == 1
    assert frame.loc[("always_global", 0.8)].accuracy == pytest.approx(
        test.global_utility.mean()
    )
    best = np.maximum(test.base_utility, test.global_utility).mean()
    assert frame.loc[("oracle", 0.7)].accuracy == pytest.approx(best)
    # The oracle does not query rows that a query would not improve.
    gains = (test.benefit > 0).mean()
    assert frame.loc[("oracle", 0.7)].realised_coverage == pytest.approx(1 - gains)


def test_thresholds_come_from_train_and_accuracy_from_test(halves):
    train, test = halves
    row = compare_routers(train, test, ["margin"], [0.8], n_bootstrap=10).rows[0]
    score = 1 - np.diff(np.sort(train.base_proba, axis=1)[:, -2:], axis=1)[:, 0]
    threshold = np.sort(score)[int(np.ceil(0.8 * 801)) - 1]
    test_score = 1 - np.diff(np.sort(test.base_proba, axis=1)[:, -2:], axis=1)[:, 0]
    kept = test_score <= threshold + 1e-12
    assert row["realised_coverage"] == pytest.approx(kept.mean())
    expected = np.where(kept, test.base_utility, test.global_utility).mean()
    assert row["accuracy"] == pytest.approx(expected)


def test_differences_are_paired(comparison):
    rows = comparison.differences("entropy")
    own = [row for row in rows if row["router"] == "entropy"]
    assert all(row["difference"] == row["low"] == row["high"] == 0 for row in own)
    other = next(r for r in rows if r["router"] == "margin" and r["coverage"] == 0.8)
    table = {(r["router"], r["coverage"]): r for r in comparison.rows}
    widths = sum(
        table[(name, 0.8)]["accuracy_high"] - table[(name, 0.8)]["accuracy_low"]
        for name in ("margin", "entropy")
    )
    assert other["high"] - other["low"] < widths / 2
    with pytest.raises(ValueError, match="reference='nobody'"):
        comparison.differences("nobody")


def test_same_seed_same_table(halves, comparison):
    again = compare_routers(*halves, n_bootstrap=200, random_state=0)
    assert again.rows == comparison.rows


def test_default_routers_follow_the_evidence(halves):
    names = default_routers(halves[0])
    assert set(names) <= set(list_routers(bounds=True)) - {"constrained"}
    assert set(names) >= {"auto", "entropy", "max_logit", "benefit", "oracle"}
    graded = Outcomes(X=["a", "b"], base_utility=[0, 1], global_utility=[1, 1])
    assert default_routers(graded) == [
        "random", "always_base", "always_global", "oracle"]  # fmt: skip
    top = Outcomes(
        base_proba=TopKProba([[0], [1]], [[0.6], [0.7]], 5),
        global_pred=[0, 1],
        y=[0, 2],
    )
    assert "max_logit" not in default_routers(top)
    assert "entropy" in default_routers(top)


def test_texts_with_grades():
    rng = np.random.default_rng(0)
    texts = [f"question {i} {'long ' * (i % 7)}" for i in range(300)]
    graded = Outcomes(
        X=texts,
        base_utility=rng.integers(2, size=300).astype(float),
        global_utility=np.ones(300),
    )
    halves = graded.take(np.arange(150)), graded.take(np.arange(150, 300))
    frame = compare_routers(*halves, n_bootstrap=20, random_state=0).to_frame()
    assert set(frame.router) == {"random", "always_base", "always_global", "oracle"}
    with pytest.raises(MissingEvidenceError, match="base_proba"):
        compare_routers(*halves, ["entropy"])


def test_abstention_is_compared_without_a_global(halves):
    train, test = (Outcomes(base_proba=o.base_proba, y=o.y) for o in halves)
    comparison = compare_routers(train, test, n_bootstrap=20, random_state=0)
    assert comparison.global_accuracy == pytest.approx(1)
    assert "always_global" not in {row["router"] for row in comparison.rows}


def test_bad_input(halves):
    train, test = halves
    with pytest.raises(TypeError, match="test must be Outcomes"):
        compare_routers(train, test.evidence)
    with pytest.raises(ValueError, match="coverages must be"):
        compare_routers(train, test, ["entropy"], [1.2])
    with pytest.raises(ValueError, match="coverages must be a number"):
        compare_routers(train, test, ["entropy"], [None])
    with pytest.raises(ValueError, match="routers='entrop'"):
        compare_routers(train, test, ["entrop"])


def test_two_routers_of_one_class_are_told_apart(halves):
    pair = [MaxLogitRouter(p=2), MaxLogitRouter(p=5)]
    comparison = compare_routers(*halves, pair, [0.8], n_bootstrap=10)
    names = [row["router"] for row in comparison.rows]
    assert names == ["MaxLogitRouter(p=2)", "MaxLogitRouter(p=5)"]
    assert len(comparison.curves) == 2
    assert comparison.differences(names[0])[0]["difference"] == 0


def test_frame_and_text_mark_what_is_shown():
    train, test = (
        make_selective_query(3000, regime="specialist", random_state=seed).outcomes
        for seed in (0, 1)
    )
    names = ["margin", "benefit", "max_probability", "always_base"]
    comparison = compare_routers(train, test, names, [0.8, 0.6], random_state=0)
    assert comparison.reference == "max_probability"
    frame = comparison.to_frame()
    by_name = frame.groupby("router").verdict.agg(set)
    assert by_name["benefit"] == {"better"}
    assert by_name["margin"] == by_name["max_probability"] == {"no difference shown"}
    lines = str(comparison).splitlines()
    for line, verdict in zip(lines[2:-1], frame.verdict, strict=True):
        assert line.endswith(" +") == (verdict == "better")
        assert line.endswith(" -") == (verdict == "worse")
    assert lines[-1].startswith("+ better, - worse at coverage than max_probability")
    assert "95 % for all 6 differences together" in lines[-1]
    found = {(d["router"], d["coverage"]): d for d in comparison.differences()}
    for row in frame.to_dict("records"):
        other = found[row["router"], row["coverage"]]
        assert all(row[name] == other[name] for name in DIFFERENCE_COLUMNS)
    # The better one as reference.
    against = compare_routers(
        train, test, names, [0.8], reference="benefit", random_state=0
    )
    assert set(against.to_frame().verdict) == {"worse", "no difference shown"}
    assert str(against).splitlines()[2].endswith(" -")


def test_reference_by_default(halves):
    comparison = compare_routers(*halves, ["entropy"], [0.8])
    assert comparison.reference == "entropy"
    assert "differences together" not in str(comparison)
    with pytest.raises(ValueError, match="reference='margin' is not .*: entropy"):
        compare_routers(*halves, ["entropy"], [0.8], reference="margin")


def test_not_inferior_within_a_margin(comparison):
    rows = comparison.differences("max_probability", margin=0.4)
    assert all(row["not_inferior"] for row in rows)
    assert {row["verdict"] for row in rows} <= {"better", "worse", "not inferior"}
    rows = comparison.differences("oracle", margin=0.001)
    (row,) = (r for r in rows if r["router"] == "random" and r["coverage"] == 0.8)
    assert row["verdict"] == "worse" and not row["not_inferior"]


def test_differences_over_a_range_and_bands(comparison):
    rows = comparison.differences_over((0.6, 0.9), "random")
    by_name = {row["router"]: row for row in rows}
    assert list(by_name) == list(dict.fromkeys(r["router"] for r in comparison.rows))
    assert by_name["oracle"]["verdict"] == "better"
    assert by_name["oracle"]["p_sup_adjusted"] < 0.05
    band = comparison.bands("margin", [0.7, 0.8, 0.9])
    table = {(r["router"], r["coverage"]): r for r in comparison.rows}
    for c, value in zip(band.coverage, band.estimate, strict=True):
        assert value == pytest.approx(table["margin", c]["accuracy_at_coverage"])
    apart = comparison.bands("oracle", [0.7, 0.8, 0.9], reference="random")
    assert (apart.low > 0).all()


def test_the_same_router_or_coverage_twice(halves):
    comparison = compare_routers(*halves, ["entropy", "entropy"], [0.8, 0.8])
    assert len(comparison.rows) == len(comparison.to_frame()) == 4


def test_bad_settings_are_found_before_anything_is_fitted(halves):
    for wrong, message in (
        ({"n_bootstrap": 0}, "n_bootstrap must be"),
        ({"confidence": 1.0}, "confidence must be"),
        ({"routers": []}, "routers must not be empty"),
        ({"coverages": []}, "coverages must not be empty"),
    ):
        with pytest.raises(ValueError, match=message):
            compare_routers(*halves, **wrong)


def test_frequency_weights_are_rows(halves):
    train, test = halves
    weight = np.random.default_rng(0).integers(0, 3, size=test.n_rows).astype(float)
    again = test.take(np.repeat(np.arange(test.n_rows), weight.astype(int)))
    names = ["margin", "entropy"]
    tables = [
        compare_routers(train, rows, names, [0.8], random_state=0).differences("margin")
        for rows in (dataclasses.replace(test, sample_weight=weight), again)
    ]
    for ours, theirs in zip(*tables, strict=True):
        assert ours.pop("verdict") == theirs.pop("verdict")
        for name in ("difference", "low", "p_value", "high_simultaneous"):
            assert ours[name] == pytest.approx(theirs[name], abs=1e-9)


def test_rows_that_must_stay_are_queried_by_no_router():
    outcomes = make_selective_query(2000, random_state=0).outcomes
    names = ("base_proba", "base_utility", "global_utility")
    fields = {name: getattr(outcomes, name) for name in names}
    local = np.arange(2000) % 4 == 0
    marked = Outcomes(**fields, local_only=local)
    train, test = marked.take(slice(1000)), marked.take(slice(1000, None))
    comparison = compare_routers(
        train, test, ["margin", "always_global", "oracle"], [0.5]
    )
    for curve in comparison.curves.values():
        assert curve.coverage[0] >= local.mean() - 1e-9
    everywhere = comparison.curves["always_global", 0.5].accuracy[0]
    expected = np.where(test.local_only, test.base_utility, test.global_utility).mean()
    assert everywhere == pytest.approx(expected)
    realised = {row["router"]: row["realised_coverage"] for row in comparison.rows}
    assert realised["margin"] == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("values", ["entropy", 3, EntropyRouter()])
def test_values_that_are_not_lists_are_named(halves, values):
    with pytest.raises(TypeError, match="routers must be a list, such as"):
        compare_routers(*halves, values)
    with pytest.raises(TypeError, match="coverages must be a list, such as .0.8"):
        compare_routers(*halves, ["entropy"], 0.8)


def test_budgets_are_refused_as_coverages_of_a_comparison(halves):
    with pytest.raises(
        ValueError, match="coverages must be a number .* Got MinAccuracy"
    ):
        compare_routers(*halves, ["entropy"], [MinAccuracy(0.9)])


def test_any_iterable_is_accepted(halves):
    found = compare_routers(*halves, iter(["entropy"]), iter([0.8]), n_bootstrap=10)
    assert [(row["router"], row["coverage"]) for row in found.rows] == [
        ("entropy", 0.8)
    ]


def test_a_global_on_one_part_alone_is_refused(halves):
    train, test = halves
    alone = Outcomes(base_proba=test.base_proba, y=test.y)
    with pytest.raises(ValueError, match="both have a global, .* one in train alone"):
        compare_routers(train, alone, ["margin"])
    with pytest.raises(ValueError, match="one in test alone"):
        compare_routers(alone, test, ["margin"])


def test_parts_without_rows_are_named(halves):
    train, test = halves
    with pytest.raises(ValueError, match="train must hold rows"):
        compare_routers(train.take([]), test, ["margin"])
    with pytest.raises(ValueError, match="test must hold rows"):
        compare_routers(train, test.take([]), ["margin"])


def test_random_is_its_exact_line(halves):
    test = halves[1]
    found = compare_routers(*halves, ["random", "entropy"], [0.9, 0.3], n_bootstrap=20)
    base, query = test.base_utility.mean(), test.global_utility.mean()
    for row in found.rows[:2]:
        line = row["coverage"] * base + (1 - row["coverage"]) * query
        assert row["accuracy_at_coverage"] == pytest.approx(line)
        # A deployed router uses a single order, by a hash.
        assert 0 < row["realised_coverage"] < 1
        assert found.curves["random", row["coverage"]].accuracy_at(0.5) == (
            pytest.approx((base + query) / 2)
        )


def test_a_bound_that_keeps_less_than_asked_earns_no_plus(halves):
    names = ["max_probability", "always_global", "oracle"]
    found = compare_routers(*halves, names, [0.9], random_state=0)
    verdicts = {d["router"]: d["verdict"] for d in found.differences()}
    assert verdicts["always_global"] == verdicts["oracle"] == "better"
    lines = {line.split()[0]: line for line in str(found).splitlines()}
    assert lines["oracle"].endswith("+")
    assert not lines["always_global"].endswith("+")
