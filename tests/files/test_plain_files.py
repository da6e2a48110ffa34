"""Rules and policies as plain data: nothing is lost, and nothing can be abused."""

import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest

from selective_query import RoutingPolicy, Rule, load, save
from selective_query._files.plain import packed
from selective_query.budgets import (
    All,
    Coverage,
    GroupCoverage,
    MaxLatency,
    MaxQueryCost,
    MinAccuracy,
    Mixed,
    QueryRate,
    StayLocal,
)
from selective_query.costs import CLOUD, LTE_M, STM32F746, ConstantCosts, Deployment
from selective_query.datasets import make_selective_query
from selective_query.exceptions import CalibrationWarning
from selective_query.routers import BenefitRouter, MarginRouter, ProgramRouter

COSTS = Deployment(
    device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
)
BUDGETS = [
    0.8,
    Coverage(0.7),
    QueryRate(0.4),
    MinAccuracy(0.8),
    MaxLatency(300, COSTS),
    MaxLatency(30, ConstantCosts(base_latency_ms=1, query_latency_ms=100)),
    All(0.6, MinAccuracy(0.75)),
    All(0.5, StayLocal()),
    GroupCoverage(0.6, by="predicted_class"),
    GroupCoverage({0: 0.5, 1: 0.7}, by="predicted_class", max_gap=0.4),
    Mixed(0.5, MaxQueryCost(0.2), seed=3),
]


@pytest.fixture(scope="module")
def outcomes():
    made = make_selective_query(400, random_state=0).outcomes
    rng = np.random.default_rng(0)
    return replace(made, local_only=rng.random(400) < 0.1, query_cost=rng.random(400))


def members(path):
    with zipfile.ZipFile(path) as archive:
        return set(archive.namelist())


@pytest.mark.parametrize("budget", BUDGETS, ids=str)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_policies_are_restored_completely(budget, outcomes, tmp_path):
    policy = RoutingPolicy("margin", budget, random_state=1).fit(outcomes)
    save(policy, tmp_path / "policy")
    assert "plain.json" in members(tmp_path / "policy")
    again = load(tmp_path / "policy")
    assert again.get_params() == policy.get_params()
    assert again.operating_point_ == policy.operating_point_
    np.testing.assert_array_equal(again.decide(outcomes), policy.decide(outcomes))
    for coverage in (0.5, 0.9):
        stays = again.rule_.local
        asked = All(coverage, *stays) if stays else coverage
        assert again.at(asked).operating_point_ == policy.at(asked).operating_point_
    save(again, tmp_path / "twice")
    assert load(tmp_path / "twice").operating_point_ == policy.operating_point_


@pytest.mark.parametrize("router", ["max_logit", "benefit", "boosted_benefit", "auto"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_learned_scores_come_back_up_to_rounding(router, outcomes, tmp_path):
    policy = RoutingPolicy(router, 0.7, random_state=0).fit(outcomes)
    save(policy, tmp_path / "policy")
    again = load(tmp_path / "policy")
    assert isinstance(again.router_, ProgramRouter)
    np.testing.assert_array_equal(again.decide(outcomes), policy.decide(outcomes))
    np.testing.assert_allclose(
        again.query_score(outcomes), policy.query_score(outcomes), rtol=1e-14
    )
    assert again.rule_.needs_base == policy.rule_.needs_base
    if policy.router_.in_benefit_units:
        free = policy.at(None).operating_point_
        assert again.at(None).operating_point_ == free


def test_a_rule_of_one_threshold_is_small(outcomes, tmp_path):
    policy = RoutingPolicy("max_probability", 0.8).fit(outcomes)
    save(policy.rule_, tmp_path / "rule")
    assert (tmp_path / "rule").stat().st_size < 4096
    rule = load(tmp_path / "rule")
    assert isinstance(rule, Rule)
    assert rule.certificate == policy.operating_point_.certificate
    np.testing.assert_array_equal(rule.decide(outcomes), policy.decide(outcomes))


def test_a_certified_policy_stays_certified(outcomes, tmp_path):
    policy = RoutingPolicy("margin", 0.6, confidence=0.9).fit(outcomes)
    save(policy, tmp_path / "policy")
    moved = load(tmp_path / "policy").at(0.5)
    assert moved.operating_point_ == policy.at(0.5).operating_point_
    assert moved.operating_point_.certificate.confidence == 0.9


def test_objects_without_a_plain_form_are_stored_by_skops(outcomes, tmp_path):
    for policy in (
        RoutingPolicy("random", 0.8).fit(outcomes),
        RoutingPolicy(BenefitRouter(), 0.8).fit(outcomes),
        RoutingPolicy("margin"),
    ):
        save(policy, tmp_path / "policy")
        assert "schema.json" in members(tmp_path / "policy")
        again = load(tmp_path / "policy")
        assert str(again) == str(policy)
    for rule in (RoutingPolicy("random", 0.8).fit(outcomes).rule_,):
        save(rule, tmp_path / "rule")
        np.testing.assert_array_equal(
            load(tmp_path / "rule").decide(outcomes), rule.decide(outcomes)
        )


def test_parts_without_a_plain_form_are_named(outcomes):
    with pytest.raises(TypeError, match="RandomRouter has no program"):
        RoutingPolicy("random").fit(outcomes).rule_.to_dict()
    with pytest.raises(TypeError, match="MarginRouter is not plain data"):
        RoutingPolicy(MarginRouter()).fit(outcomes).to_dict()


def rewritten(source, target, change):
    """Rewrite a file after changing its parsed JSON by a function."""
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    data = json.loads(parts["plain.json"])
    parts["plain.json"] = json.dumps(change(data) or data).encode()
    with zipfile.ZipFile(target, "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    return target


def put(*path, value):
    def change(data):
        part = data
        for key in path[:-1]:
            part = part[key]
        part[path[-1]] = value

    return change


@pytest.fixture(scope="module")
def saved(outcomes, tmp_path_factory):
    path = tmp_path_factory.mktemp("plain") / "policy"
    save(RoutingPolicy("margin", 0.8).fit(outcomes), path)
    return path


DAMAGED = {
    "another kind": put("kind", value="HybridClassifier"),
    "another format": put("format", value=7),
    "a kind that is a list": put("kind", value=["Rule"]),
    "no rule": put("rule", value=None),
    "a rule of another format": put("rule", "format", value="1"),
    "an unknown type": put("rule", "operating_point", "type", value="os.system"),
    "a type of no budget": put("rule", "operating_point", "type", value="Outcomes"),
    "a list as type": put("rule", "operating_point", "type", value=[1]),
    "a budget in its place": put(
        "rule", "operating_point", value={"type": "Coverage", "minimum": 0.5}
    ),
    "a field too many": put("rule", "operating_point", "more", value=1),
    "a budget out of range": put("parameters", "coverage", value={
        "type": "Coverage", "minimum": 7}),
    "an unknown operation": put("rule", "program", "steps", 0, "op", value="exec"),
    "parameters that are none": put("parameters", value={"router": "margin"}),
    "an array that is missing": put("rows", "scores", "score", value={"array": 99}),
    "an array of no number": put("rows", "scores", "score", value={"array": "../x"}),
    "rows of another number": put("rows", "scores", "weight", value=[1.0, 1.0]),
    "folds of another number": put("rows", "scores", "fold", value={"array": -1}),
    "columns that are none": put("rule", "columns", value=[["base_proba", "3"]]),
    "rows that may not stay": put("rule", "local", value=["x"]),
    "a float that is none": put("rule", "operating_point", "threshold",
                                value={"float": "seven"}),
    "text alone": lambda data: "text",
}  # fmt: skip


@pytest.mark.parametrize("change", DAMAGED.values(), ids=DAMAGED)
def test_damage_is_named(change, saved, tmp_path):
    with pytest.raises(ValueError, match="is damaged, or from another release"):
        load(rewritten(saved, tmp_path / "bad", change))


def test_too_deeply_nested_data_are_refused(saved, tmp_path):
    def deepen(data):
        part = data["parameters"]["coverage"]
        for _ in range(200):
            part = {"type": "All", "budgets": [part]}
        data["parameters"]["coverage"] = part

    with pytest.raises(ValueError, match="nested more than"):
        load(rewritten(saved, tmp_path / "deep", deepen))


def test_a_bomb_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plain.json", '{"kind": "Rule"}')
        archive.writestr("0.npy", b"\0" * 2**29)
    with pytest.raises(ValueError, match="more than the .* that are allowed"):
        load(tmp_path / "bomb")


def test_changed_files_are_read_or_refused_and_nothing_else(saved, outcomes, tmp_path):
    """One random value of the text is replaced; whatever is read can decide."""
    rng = np.random.default_rng(0)
    strange = [None, True, -1, 0, 2**70, 0.5, 1e308, "", "margin", [], {}, [[[]]],
               {"array": 0}, {"float": "nan"}, {"type": "All", "budgets": []},
               {"type": "JudgedRows"}]  # fmt: skip

    def change(data):
        places = list(_places(data))
        container, key = places[rng.integers(len(places))]
        container[key] = strange[rng.integers(len(strange))]

    refused = 0
    few = outcomes.take(slice(0, 3))
    for _ in range(300):
        try:
            loaded = load(rewritten(saved, tmp_path / "changed", change))
        except ValueError as error:
            refused += "is damaged" in str(error)
            continue
        assert isinstance(loaded, (RoutingPolicy, Rule))
        assert str(loaded.operating_point_)
        try:
            assert loaded.decide(few).shape == (3,)
        except ValueError as error:
            assert "was fitted on" in str(error)  # needs other evidence than this
    assert refused > 150


def _places(data):
    pairs = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(pairs):
        yield data, key
        if isinstance(value, (dict, list)):
            yield from _places(value)


def test_no_calibration_row_is_lost_in_a_warning(outcomes, tmp_path):
    few = outcomes.take(slice(0, 12))
    with pytest.warns(CalibrationWarning, match="too few"):
        policy = RoutingPolicy("margin", 0.99).fit(few)
    save(policy, tmp_path / "few")
    assert load(tmp_path / "few").operating_point_.threshold == np.inf


POINT = ("rule", "operating_point")
CERTIFICATE = (*POINT, "certificate")
# A budget, and inconsistent content of its file.
INCONSISTENT = {
    "no threshold": (0.8, put(*POINT, "threshold", value=None)),
    "a threshold beyond floats": (0.8, put(*POINT, "threshold", value=10**400)),
    "a threshold that is NaN": (0.8, put(*POINT, "threshold", value={"float": "nan"})),
    "a word for a coverage": (0.8, put(*POINT, "coverage", value="all")),
    "a number as certificate": (0.8, put(*CERTIFICATE, value=7)),
    "a confidence of 7": (0.8, put(*CERTIFICATE, "confidence", value=7)),
    "a bound for no part": (0.8, put(*CERTIFICATE, "bound", value=[0.1, 0.2])),
    "shortfalls of no part": (0.8, put(*CERTIFICATE, "short_by", value=[])),
    "an array as a flag": (0.8, put(*CERTIFICATE, "exact", value={"array": 0})),
    "an array as exact": (0.8, put("rows", "scores", "exact", value={"array": 0})),
    "half a class": (0.8, put("rule", "columns", 0, 1, value=2.5)),
    "no class": (0.8, put("rule", "columns", 0, 1, value=0)),
    "a router of no name": (0.8, put("parameters", "router", value=["margin"])),
    "a seed that is none": (0.8, put("parameters", "random_state", value=-0.5)),
    "a share that is none": (0.8, put("parameters", "calibration", value=7)),
    "a confidence that is none": (0.8, put("parameters", "confidence", value=1)),
    "a coverage that is none": (0.8, put("parameters", "coverage", value="all")),
    "a seed for no rows": (0.8, put("rows", "seed", value=2**70)),
    "rows of no weight": (0.8, lambda data: data["rows"]["scores"].update(
        weight=data["rows"]["scores"]["fold"]  # zeros
    )),
    "rows of two weights": (0.8, lambda data: data["rows"]["judged"].update(
        weight=data["rows"]["judged"]["base_utility"]
    )),
    "groups that are named by nothing known": (
        GroupCoverage(0.6, by="predicted_class"),
        put("parameters", "coverage", "by", value=7),
    ),
    "rows that stay for no known reason": (
        All(0.5, StayLocal()), put("rule", "local", 0, "where", value=[1])
    ),
    "no group": (
        GroupCoverage(0.6, by="predicted_class"), put(*POINT, "thresholds", value=[])
    ),
    "a group twice": (
        GroupCoverage(0.6, by="predicted_class"),
        put(*POINT, "thresholds", 0, 0, value=1),
    ),
    "groups of a budget without": (
        GroupCoverage(0.6, by="predicted_class"), put(*POINT, "budget", value=None)
    ),
    "a group without mixture": (
        Mixed(0.5, MaxQueryCost(0.2)), put(*POINT, "mixtures", value=[])
    ),
    "a mixture of nothing": (
        Mixed(0.5, MaxQueryCost(0.2)), put(*POINT, "mixtures", 0, value=[])
    ),
    "mixtures of a budget without": (
        Mixed(0.5, MaxQueryCost(0.2)),
        put(*POINT, "budget", value={"type": "MaxQueryCost", "maximum": 0.2}),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("budget", "change"), INCONSISTENT.values(), ids=INCONSISTENT)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_what_would_fail_in_use_is_refused_at_once(budget, change, outcomes, tmp_path):
    save(RoutingPolicy("margin", budget, random_state=1).fit(outcomes), tmp_path / "p")
    with pytest.raises(ValueError, match="is damaged, or from another release"):
        load(rewritten(tmp_path / "p", tmp_path / "bad", change))


def test_rows_are_created_only_where_they_belong(saved, tmp_path):
    """Rows are sorted on creation: a small file must not request that often."""

    def crowd(data):
        rows = data["rows"]["judged"]
        data["parameters"]["coverage"] = {
            "type": "dict",
            **{f".{i}": rows for i in range(10)},
        }

    with pytest.raises(ValueError, match="holds a JudgedRows in the wrong place"):
        load(rewritten(saved, tmp_path / "crowd", crowd))


def test_a_bomb_of_text_is_refused(tmp_path):
    with zipfile.ZipFile(tmp_path / "bomb", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("plain.json", f"[{'[],' * 2**23}[]]")
    with pytest.raises(ValueError, match="plain.json may hold 16777216 bytes"):
        load(tmp_path / "bomb")


def test_an_archive_of_another_version_is_named(saved, tmp_path):
    data = bytearray(saved.read_bytes())
    data[data.index(b"PK\1\2") + 6] = 99
    (tmp_path / "new").write_bytes(data)
    with pytest.raises(ValueError, match="new is not a file that save"):
        load(tmp_path / "new")


def test_single_precision_and_numbers_of_numpy_come_back(outcomes, tmp_path):
    proba = outcomes.base_proba.astype(np.float32)
    single = replace(outcomes, base_proba=proba / proba.sum(axis=1, keepdims=True))
    budget = Mixed(0.5, MaxQueryCost(np.float32(0.2)), seed=np.int64(3))
    policy = RoutingPolicy("margin", budget, random_state=np.int64(1)).fit(single)
    save(policy, tmp_path / "policy")
    again = load(tmp_path / "policy")
    assert again.get_params() == policy.get_params()
    assert again.at(0.7).operating_point_ == policy.at(0.7).operating_point_


def test_weights_of_a_file_are_not_counted_out_in_memory(outcomes, tmp_path):
    """Rows that determine a sequence of thresholds may have larger weights."""
    graded = replace(outcomes, base_utility=outcomes.base_utility * 0.5 + 0.3)
    policy = RoutingPolicy("margin", 0.5, calibration=0.5, random_state=0).fit(graded)
    ordering = policy._calibration.ordering
    ordering = replace(ordering, weight=np.full(len(ordering.weight), 1e12))
    policy._calibration = replace(policy._calibration, ordering=ordering)
    save(policy, tmp_path / "policy")
    with pytest.raises(ValueError, match="rows at most, one by one"):
        load(tmp_path / "policy").at(MinAccuracy(0.5), confidence=0.8)


@pytest.mark.parametrize("dtype", [np.longdouble, complex, "M8[s]", "S3"])
def test_arrays_are_of_few_kinds(dtype, outcomes, tmp_path):
    policy = RoutingPolicy("margin", All(0.5, MaxQueryCost(0.2))).fit(outcomes)
    data = policy.to_dict()
    kind, where, column = data["rows"]["columns"]["kept"][0]
    data["rows"]["columns"]["kept"] = [[kind, where, column.astype(dtype)]]
    file = tmp_path / "policy"
    file.write_bytes(packed({"kind": "RoutingPolicy", **data}))
    with pytest.raises(ValueError, match="is damaged.*an array of .* is not allowed"):
        load(file)


def test_utilities_of_a_file_are_shares(outcomes):
    data = RoutingPolicy("margin", 0.5).fit(outcomes).to_dict()
    for changed in ("base_utility", "query_utility"):
        rows = data["rows"]["judged"]
        huge = {**rows, changed: np.full(400, 2.0**40)}
        bad = {**data, "rows": {**data["rows"], "judged": huge}}
        with pytest.raises(ValueError, match="Utilities .* must be at most 1"):
            RoutingPolicy.from_dict(bad)
