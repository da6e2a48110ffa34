import copy
import json

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import Ridge

from selective_query import (
    Evidence,
    Outcomes,
    RoutingPolicy,
    Rule,
    TopKProba,
    list_routers,
)
from selective_query.exceptions import MissingEvidenceError
from selective_query.routers import (
    AutoRouter,
    BenefitRouter,
    BoostedBenefitRouter,
    KernelBenefitRouter,
    LearnedRouter,
    MarginRouter,
    MaxLogitRouter,
    MaxProbabilityRouter,
    OracleRouter,
    PreRouter,
    Program,
    ProgramRouter,
    make_router,
)
from selective_query.routers._operations import OPERATIONS
from selective_query.routers._operations import trees as _trees
from selective_query.routers._tree_table import boosted_table
from selective_query.routers.checks import sample_outcomes
from selective_query.routers.decision_cost import DecisionCost
from selective_query.routers.program import CHUNK, Step
from selective_query.routers.steps import Steps

TABLE = np.array([[1.0, -2.0, 0.5], [0.25, 4.0, -1.0]])
# Two trees on two columns: a split at column 1, and a leaf alone.
TREES = {
    "feature": np.array([1, 0, 0, 0]),
    "threshold": np.array([0.0, np.inf, np.inf, np.inf]),
    "children": np.array([[2, 1], [1, 1], [2, 2], [3, 3]]),
    "value": np.array([[9.0], [-1.0], [2.0], [10.0]]),
    "root": np.array([0, 3]),
    "depth": 1,
    "offset": np.array([100.0]),
}
# The same trees with a second number in each leaf.
WIDE_TREES = TREES | {
    "value": TREES["value"] * [1, 2],
    "offset": np.array([100.0, 0.0]),
}
WITHOUT = {"knn_distance", "knn_benefit", "random"}


def made(op, *inputs, **parameters):
    """Return one operation's result on the features, or on the given earlier steps."""
    steps = Steps()
    places = [steps.read("base_features", 3) for _ in range(max(1, len(inputs)))]
    steps.add(op, *(inputs or places), **parameters)
    return steps.program("mine")


# Operation, parameters, and the result on TABLE.
BY_HAND = [
    ("top", {"k": 2}, [[1, 0.5], [4, 0.25]]),
    ("columns", {"start": 1, "stop": 3}, TABLE[:, 1:]),
    ("log", {"floor": 0.5}, np.log(np.maximum(TABLE, 0.5))),
    ("apply", {"function": "complement"}, 1 - TABLE),
    ("apply", {"function": "negative"}, -TABLE),
    ("apply", {"function": "sqrt"}, np.sqrt(TABLE.astype(complex)).real),
    ("apply", {"function": "sigmoid"}, 1 / (1 + np.exp(-TABLE))),
    ("apply", {"function": "tanh"}, np.sinh(TABLE) / np.cosh(TABLE)),
    ("apply", {"function": "relu"}, [[1, 0, 0.5], [0.25, 4, 0]]),
    ("apply", {"function": "single"}, TABLE),
    (
        "scale",
        {"centre": np.array([1.0, 0, 0]), "scale": np.array([1, 2, np.inf])},
        [[0, -1, 0], [-0.75, 2, 0]],
    ),
    (
        "affine",
        {"weight": np.array([[1.0], [2], [0]]), "bias": np.array([10.0])},
        [[7], [18.25]],
    ),
    (
        "affine",
        {"weight": np.array([[1.0], [2], [0]]), "bias": None},
        [[-3], [8.25]],
    ),
    ("centre", {}, TABLE - TABLE.mean(axis=1, keepdims=True)),
    ("reduce", {"function": "max"}, [[1], [4]]),
    ("reduce", {"function": "min"}, [[-2], [-1]]),
    ("reduce", {"function": "norm2"}, [[5.25], [17.0625]]),
    ("reduce", {"function": "agreement"}, [[1 / 3], [1 / 3]]),
    ("peak", {"order": 1.0}, [[1 / 3.5], [4 / 5.25]]),
    (
        "log_sum_exp",
        {"temperature": 2.0},
        2 * np.log(np.exp(TABLE / 2).sum(axis=1, keepdims=True)),
    ),
    ("softmax", {}, np.exp(TABLE) / np.exp(TABLE).sum(axis=1, keepdims=True)),
    ("normalise", {}, TABLE / np.array([[-0.5], [3.25]])),
    ("pairs", {}, [[3, 0.5, -2.5], [-3.75, 1.25, 5]]),
    (
        "kernel",
        {"landmarks": TABLE[:1], "weights": np.array([3.0]), "width": 2.0},
        [[3], [3 * np.exp(-(0.75**2 + 36 + 2.25) / (2 * 3 * 4))]],
    ),
    (
        "squared_distance",
        {"centres": TABLE, "weights": np.array([[1.0, 1, 1], [0, -0.5, 2]])},
        [[0, -18 + 2 * 2.25], [0.75**2 + 36 + 2.25, 0]],
    ),
    ("trees", TREES, [[109], [112]]),
    ("trees", WIDE_TREES, [[109, 18], [112, 24]]),
    ("constant", {"value": -np.inf}, [[-np.inf], [-np.inf]]),
]


@pytest.mark.parametrize(("op", "parameters", "expected"), BY_HAND)
def test_each_operation_by_hand(op, parameters, expected):
    program = made(op, **parameters)
    if op == "constant":
        program = Program((Steps([*program.steps[1:]])[0]._replace(inputs=()),), "mine")
    with np.errstate(invalid="ignore"):
        table = program.table(Evidence(base_features=TABLE))
    np.testing.assert_allclose(np.nan_to_num(table, neginf=-np.inf), expected)
    assert program.widths()[-1] == np.shape(expected)[1]


def test_softmax_of_large_numbers_and_shares_of_nothing():
    evidence = Evidence(base_features=[[1000.0, 1000, -1000], [0, 0, 0]])
    for op, expected in (
        ("softmax", [[0.5, 0.5, 0], [1 / 3] * 3]),
        ("normalise", [[1, 1, -1], [1 / 3] * 3]),
    ):
        np.testing.assert_allclose(made(op).table(evidence), expected)


def test_combinations_of_two_tables_by_hand():
    proba, features = [[0.5, 0.25, 0.25]], [[1.0, 2.0, 4.0]]
    evidence = Evidence(base_proba=proba, base_features=features)
    for function, expected in (
        ("add", [[1.5, 2.25, 4.25]]),
        ("subtract", [[-0.5, -1.75, -3.75]]),
        ("cross_entropy", [[-2.0]]),
    ):
        steps = Steps()
        parts = steps.read("base_proba", 3), steps.read("base_features", 3)
        steps.add("combine", *parts, function=function)
        np.testing.assert_allclose(steps.program("mine").table(evidence), expected)
        assert steps.program("mine").widths()[-1] == len(expected[0])
    steps = Steps()
    parts = steps.read("base_proba", 3), steps.read("base_features", 3)
    steps.add("concatenate", *parts)
    table = steps.program("mine").table(evidence)
    np.testing.assert_array_equal(table, [[*proba[0], *features[0]]])


def test_doubt_and_the_effect_of_the_class_read_top_k_probabilities_too():
    dense = Evidence(base_proba=[[0.09, 0.01, 0.9], [0.5, 0.25, 0.25]])
    top = TopKProba([[2, 0], [0, 1]], [[0.9, 0.09], [0.5, 0.25]], 3)
    for evidence in (dense, Evidence(base_proba=top)):
        steps = Steps()
        steps.add("doubt", steps.read("base_proba", 3), k=2)
        np.testing.assert_allclose(
            steps.program("mine").table(evidence), [[0.1, 0.3], [0.5, 0.5]]
        )
        steps = Steps()
        effects = np.array([1.0, 2.0, 3.0])
        steps.add("class_effect", steps.read("base_proba", 3), effects=effects)
        np.testing.assert_array_equal(steps.program("mine").run(evidence), [3, 1])


@pytest.mark.parametrize(
    ("k", "expected"),
    [(1, [2.1, 0.7]), (2, [2.4, 2.7]), (3, [2.6, 2.7]), (9, [2.6, 2.7])],
)
def test_roots_of_the_likeliest_classes_by_hand(k, expected):
    # In the second row the last two are tied, so both count or neither does.
    proba = np.array([[0.09, 0.04, 0.49], [0.49, 0.25, 0.25]])
    steps = Steps()
    effects = np.array([1.0, 1.0, 3.0])
    steps.add("class_roots", steps.read("base_proba", 3), effects=effects, k=k)
    evidence = Evidence.of_checked(2, base_proba=proba)
    np.testing.assert_allclose(steps.program("mine").run(evidence), expected)
    top = TopKProba([[2, 0], [0, 1]], [[0.49, 0.09], [0.49, 0.25]], 3)
    listed = steps.program("mine").run(Evidence(base_proba=top))
    np.testing.assert_allclose(listed, [2.1 + (k > 1) * 0.3, 0.7 + (k > 1) * 0.5])


def test_every_operation_is_tested_above():
    others = {"read", "combine", "concatenate", "doubt", "class_effect", "class_roots"}
    assert {op for op, *_ in BY_HAND} | others == OPERATIONS.keys()


def test_trees_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 4))
    y = (X[:, 0] * X[:, 1] > 0) + rng.normal(size=1500)
    grown = HistGradientBoostingRegressor(
        max_iter=200, max_leaf_nodes=9, early_stopping=False
    ).fit(X, y)
    steps = Steps()
    steps.add("trees", steps.read("base_features", 4), **boosted_table(grown))
    program = Program.from_dict(steps.program("mine").to_dict())
    np.testing.assert_allclose(
        program.run(Evidence(base_features=X)), grown.predict(X), atol=1e-12
    )


def test_rows_in_chunks_score_as_at_once():
    outcomes = sample_outcomes(2 * CHUNK + 7)
    program = BenefitRouter(alpha=1.0, class_smoothing=10.0).fit(outcomes).program()
    np.testing.assert_allclose(
        program.run(outcomes.evidence), program.table(outcomes.evidence)[:, 0]
    )


@pytest.mark.parametrize("name", list_routers(bounds=True))
def test_routers_have_a_program_or_say_why_not(name):
    router = make_router(name, target_coverage=0.8, random_state=0)
    if name in WITHOUT | {"oracle"}:
        with pytest.raises(
            TypeError, match=f"{type(router).__name__} has no program: it"
        ):
            router.program()
    elif router.learns and router.has_program() and name != "auto":
        with pytest.raises(NotFittedError, match="not fitted"):
            router.program()


def test_list_routers_knows_which_routers_have_a_program():
    with pytest.raises(TypeError, match="list_routers.without_program=False. names"):
        OracleRouter().program()
    listed = set(list_routers(without_program=False))
    assert listed == {name for name in list_routers() if names_a_program(name)}
    assert {"max_probability", "benefit", "appeal"} <= listed


def names_a_program(name):
    """Return whether a router has a program, or will have one once fitted."""
    try:
        make_router(name).program()
    except NotFittedError:
        return True
    except TypeError:
        return False
    return True


def test_a_router_around_an_estimator_has_none():
    outcomes = sample_outcomes(60)
    learned = LearnedRouter(Ridge()).fit(outcomes)
    with pytest.raises(
        TypeError, match="LearnedRouter has no program: it scores with a"
    ):
        learned.program()
    # Its cost is an upper bound: its stored numbers and its columns.
    assert learned.decision_cost(outcomes).flash_bytes > 0
    auto = AutoRouter([("learned", LearnedRouter(Ridge()))], 0.8, 0.0).fit(outcomes)
    auto.selected_ = learned
    with pytest.raises(TypeError, match="LearnedRouter has no program"):
        auto.program()
    assert auto.decision_cost(outcomes) == learned.decision_cost(outcomes)
    with pytest.raises(TypeError, match="reads the outcome"):
        OracleRouter().program()


def test_auto_has_that_of_its_choice():
    outcomes = sample_outcomes()
    auto = AutoRouter([("margin", MarginRouter())], 0.8, 0.0).fit(outcomes)
    auto.selected_ = MarginRouter()
    assert auto.program().router == "MarginRouter"


def test_a_router_of_inputs_reads_a_numeric_X_alone():
    outcomes = sample_outcomes(100)
    given = {"base_utility": outcomes.base_utility, "fold": outcomes.fold}
    rows = Outcomes(X=outcomes.base_features, **given)
    router = PreRouter().fit(rows)
    program = Program.from_dict(router.program().to_dict())
    assert program.parts() == {"X": 3}
    np.testing.assert_array_equal(program.run(rows), router.query_score(rows))
    texts = Outcomes(X=["a red one", "a blue one"] * 50, **given)
    text = PreRouter(features=TfidfVectorizer()).fit(texts)
    with pytest.raises(
        TypeError, match="features=TfidfVectorizer turns X into columns"
    ):
        text.program()
    assert (
        text.decision_cost(texts.take([0])).macs == 4
    )  # three words and the intercept


def test_max_logit_reads_what_fit_had():
    outcomes = sample_outcomes()
    both = MaxLogitRouter(p=3).fit(outcomes).program()
    assert both.parts() == {"base_logits": None}
    alone = Outcomes(base_proba=outcomes.base_proba, base_utility=outcomes.base_utility)
    router = MaxLogitRouter(p=3).fit(alone)
    assert router.program().parts() == {"base_proba": None}
    np.testing.assert_allclose(router.program().run(alone), router.query_score(alone))
    assert MaxLogitRouter(p=3).program().parts() == {"base_logits": None}


def topk(outcomes, k=2):
    order = np.argsort(-outcomes.base_proba, axis=1)[:, :k]
    proba = np.take_along_axis(outcomes.base_proba, order, axis=1)
    return TopKProba(order, proba, outcomes.base_proba.shape[1])


@pytest.mark.parametrize(
    "kind", [BenefitRouter, KernelBenefitRouter, BoostedBenefitRouter]
)
def test_top_k_probabilities_where_fit_had_them(kind):
    old = sample_outcomes()
    rows = {"base_utility": old.base_utility, "global_utility": old.global_utility}
    dense = Outcomes(base_proba=old.base_proba, **rows)
    top = Outcomes(base_proba=topk(old), **rows)
    program = kind().fit(top).program()
    assert program.run(top).shape == (240,)
    assert program.run(dense).shape == (240,), "the largest few follow from all of them"
    # If fit had all classes, the centred logarithms of all classes are columns.
    with pytest.raises(MissingEvidenceError, match="probabilities of all classes"):
        kind().fit(dense).program().run(top)


def test_evidence_that_it_cannot_read_is_named():
    program = BenefitRouter().fit(sample_outcomes()).program()
    new = sample_outcomes(5)
    with pytest.raises(MissingEvidenceError, match="BenefitRouter needs base_features"):
        program.run(Evidence(base_proba=new.base_proba, base_logits=new.base_logits))
    with pytest.raises(ValueError, match="base_logits with 4 columns. Got 3"):
        program.run(Evidence(base_proba=new.base_proba, base_logits=np.zeros((5, 3))))


def test_cost_by_hand():
    row = Evidence(base_proba=[[0.5, 0.3, 0.2]])
    # One minus the largest of three: three; the two largest: three; their sum.
    margin = MarginRouter().program()
    assert margin.cost(row) == DecisionCost(3 + 3 + 1, 0, 4 * 3)
    with pytest.raises(ValueError, match="depends on how wide the evidence is"):
        margin.cost()
    trees = made("trees", **TREES)
    # A comparison in the first tree and an addition for each; a single leaf has a
    # value.
    assert trees.cost() == DecisionCost(1 + 2, 4 * (2 + 3 + 1), 4 * (1 + 1))
    wide = made("trees", **WIDE_TREES)
    assert wide.cost() == DecisionCost(1 + 4, 4 * (2 + 6 + 2), 4 * (2 + 1))
    assert made("softmax").cost().macs == 3 + 3 + 3 + 3 + 3
    assert made("normalise").cost().macs == 3 + 3


def test_arrays_are_freed_after_their_last_use():
    steps = Steps()
    table = steps.read("base_features", 100)
    wide = {"weight": np.ones((100, 50)), "bias": None}
    one = steps.add("affine", table, **wide)
    one = steps.add("apply", one, function="relu")
    steps.add("reduce", one, function="max")
    alone = steps.program("mine").cost().ram_bytes
    assert alone == 4 * (50 + 1), "the rectifier works in place"
    kept = steps.add("reduce", steps.add("affine", table, **wide), function="max")
    steps.add("combine", kept, len(steps) - 3, function="add")
    assert steps.program("mine").cost().ram_bytes == alone + 4, "one number is held"


def learned():
    outcomes = sample_outcomes(600)
    benefit = (outcomes.base_features[:, :2].prod(axis=1) > 0).astype(float)
    taught = Outcomes(
        base_proba=outcomes.base_proba,
        base_features=outcomes.base_features,
        base_utility=np.zeros(600),
        global_utility=benefit,
    )
    boosted = BoostedBenefitRouter(max_trees=10, leaf_smoothing=1.0).fit(taught)
    assert boosted.n_trees_
    kernel = KernelBenefitRouter(n_landmarks=20, width=1.0, class_smoothing=10.0)
    return [boosted.program(), kernel.fit(taught).program()], taught


def plain(value):
    """Return whether a value consists of strings, numbers, arrays, lists and dicts."""
    if isinstance(value, dict):
        return all(isinstance(k, str) and plain(v) for k, v in value.items())
    if isinstance(value, list):
        return all(map(plain, value))
    return type(value) in (str, int, float, type(None), np.ndarray)


def test_a_program_is_plain_data():
    for program in learned()[0]:
        data = program.to_dict()
        assert plain(data)
        assert json.loads(json.dumps(data, default=np.ndarray.tolist))["format"] == 1


GOOD = MaxProbabilityRouter().program().to_dict()


def affine(**changed):
    parameters = {"weight": np.ones((3, 1)), "bias": np.ones(1), **changed}
    return made("affine", **parameters).to_dict()


def trees(**changed):
    return made("trees", **{**TREES, **changed}).to_dict()


def with_steps(*steps):
    return {**GOOD, "steps": list(steps)}


READ_ONE = {"op": "read", "parameters": {"part": "base_features", "width": 1}}
READ = {"op": "read", "inputs": [], "part": "base_features", "width": 3}
SCORE = {"op": "reduce", "inputs": [0], "function": "max"}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (None, "dict of format, router and steps"),
        ({**GOOD, "more": 1}, "dict of format, router and steps"),
        ({**GOOD, "format": 2}, "must be of format 1. Got 2"),
        ({**GOOD, "format": True}, "must be of format 1"),
        ({**GOOD, "router": 3}, "router must be a name"),
        ({**GOOD, "steps": []}, "list of 1 to 10000 steps"),
        ({**GOOD, "steps": "read"}, "list of 1 to 10000 steps"),
        (with_steps(*[READ] * 10_001), "list of 1 to 10000 steps"),
        (with_steps("read"), "Step 0 must be a dict with op and inputs"),
        (with_steps({**READ, "op": "eval"}), "unknown operation: 'eval'"),
        (with_steps({**READ, "op": ["read"]}), "unknown operation: 1 entries"),
        (with_steps({**READ, "part": "y"}), "part must be one of base_proba"),
        (with_steps({**READ, "part": []}), "part must be one of base_proba"),
        (with_steps({**READ, "width": 0}), "width must be a whole number >= 1"),
        (with_steps({**READ, "width": 2.0}), "width must be a whole number >= 1"),
        (
            with_steps({**READ, "code": "x"}),
            "must have the parameters part, width. Got",
        ),
        (with_steps(READ, {**SCORE, "inputs": [1]}), "must stand before it. Got 1"),
        (with_steps(READ, {**SCORE, "inputs": [7]}), "must stand before it. Got 7"),
        (with_steps(READ, {**SCORE, "inputs": [-1]}), "places of earlier steps"),
        (with_steps(READ, {**SCORE, "inputs": 0}), "places of earlier steps"),
        (with_steps(READ, {**SCORE, "inputs": [0.0]}), "places of earlier steps"),
        (with_steps(READ, {**SCORE, "inputs": [0, 0]}), "takes 1 tables. Got 2"),
        (with_steps(READ, {**SCORE, "inputs": []}), "takes 1 tables. Got 0"),
        (made("top", k=4).to_dict(), "k=4 is more than the 3 columns"),
        (made("columns", start=2, stop=2).to_dict(), "columns 2 to 2 are not there"),
        (made("columns", start=2, stop=4).to_dict(), "columns 2 to 4 are not there"),
        (made("log", floor=0.0).to_dict(), "floor must be a finite number above 0"),
        (made("peak", order=0.5).to_dict(), "order must be"),
        (made("log_sum_exp", temperature=np.inf).to_dict(), "temperature must be"),
        (made("constant", 0, value=1.0).to_dict(), "takes 0 tables. Got 1"),
        (
            with_steps({"op": "constant", "inputs": [], "value": np.nan}),
            "must be a number",
        ),
        (
            with_steps({"op": "constant", "inputs": [], "value": 10**300}),
            "must be a number",
        ),
        (affine(weight=np.ones((2, 1))), "weight is for 2 columns. The table has 3"),
        (affine(weight=np.ones(3)), "weight must be an array of numbers, of 2 dim"),
        (affine(weight=[[1.0]] * 3), "weight must be an array of numbers"),
        (
            affine(weight=np.array([[1], [2], ["x"]])),
            "weight must be an array of numbers",
        ),
        (affine(weight=np.full((3, 1), None)), "weight must be an array of numbers"),
        (affine(weight=np.full((3, 1), np.nan)), "weight must be finite"),
        (affine(weight=np.full((3, 1), np.inf)), "weight must be finite"),
        (affine(weight=np.ones((3, 0))), "weight must not be empty"),
        (affine(bias=np.ones(2)), "makes 1 columns. Got a bias of 2"),
        (
            made("scale", centre=np.ones(3), scale=np.array([1, 0, 1.0])).to_dict(),
            "scale must be above 0",
        ),
        (
            made("scale", centre=np.ones(2), scale=np.ones(3)).to_dict(),
            "centre and scale must be as long",
        ),
        (
            made("class_effect", effects=np.ones(4)).to_dict(),
            "effects is for 4 columns. The table has 3",
        ),
        (
            made(
                "kernel", landmarks=np.ones((2, 3)), weights=np.ones(3), width=1.0
            ).to_dict(),
            "a weight for each of the 2 landmarks",
        ),
        (
            made(
                "kernel", landmarks=np.ones((2, 4)), weights=np.ones(2), width=1.0
            ).to_dict(),
            "landmarks is for 4 columns",
        ),
        (
            trees(feature=np.array([3, 0, 0, 0])),
            "feature must be places among 3 columns",
        ),
        (trees(feature=np.array([-1, 0, 0, 0])), "feature must be places among"),
        (trees(feature=np.ones(4)), "feature must be an array of whole numbers"),
        (trees(root=np.array([4])), "root must be places among 4 nodes"),
        (trees(value=np.ones(4)), "value must be an array of numbers, of 2 dim"),
        (trees(value=np.ones((3, 1))), "a number for each node, value a row"),
        (trees(value=np.full((4, 1), np.nan)), "value must be finite"),
        (trees(offset=100.0), "offset must be an array of numbers"),
        (trees(offset=np.ones(2)), "for each of the 1 columns of value. Got 2"),
        (
            made(
                "squared_distance", centres=np.ones((2, 3)), weights=np.ones((3, 2))
            ).to_dict(),
            r"weights must be of shape \(2, 3\), as centres. Got \(3, 2\)",
        ),
        (
            made(
                "squared_distance", centres=np.ones((2, 4)), weights=np.ones((2, 4))
            ).to_dict(),
            "centres is for 4 columns",
        ),
        (trees(threshold=np.full(4, np.nan)), "threshold must not hold NaN"),
        (
            trees(children=np.array([[2, 4], [1, 1], [2, 2], [3, 3]])),
            "children must be",
        ),
        (
            trees(children=np.array([[2, 0], [1, 1], [2, 2], [3, 3]])),
            "no path has a cycle",
        ),
        (
            trees(children=np.array([[2, 1], [0, 0], [2, 2], [3, 3]])),
            "no path has a cycle",
        ),
        (trees(depth=0), "depth must be the comparisons on the longest path, 1"),
        (trees(depth=2**40), "depth must be the comparisons on the longest path, 1"),
    ],
)
def test_what_is_no_program_is_refused(data, message):
    with pytest.raises(ValueError, match=message):
        Program.from_dict(data)


def test_tables_of_other_widths_do_not_combine():
    steps = Steps()
    one, other = steps.read("base_features", 3), steps.read("base_logits", 2)
    steps.add("combine", one, other, function="add")
    with pytest.raises(
        ValueError, match=r"Step 2 \(combine\): tables of 3 and 2 columns"
    ):
        Program.from_dict(steps.program("mine").to_dict())


def test_a_small_file_asks_for_no_great_memory():
    steps = Steps()
    table = steps.read("base_features", 3)
    for _ in range(60):
        table = steps.add("concatenate", table, table)
    steps.add("reduce", table, function="max")
    with pytest.raises(ValueError, match="may make 131072 numbers for a row"):
        Program.from_dict(steps.program("mine").to_dict())
    chain = 2000
    own = np.arange(2 * chain + 1)
    children = np.column_stack([own + 1, own + 2])
    children[1::2], children[-1] = own[1::2, None], own[-1]
    data = trees(
        feature=0 * own, threshold=0.0 * own, value=0.0 * children[:, :1],
        children=children,
        root=np.array([0]), depth=chain,
    )  # fmt: skip
    with pytest.raises(ValueError, match="and 1024 at most"):
        Program.from_dict(data)


def test_a_width_that_evidence_tells_asks_for_no_great_memory_either():
    for op, n_tables in (("concatenate", 2), ("pairs", 1)):
        steps = Steps()
        wide = steps.add(op, *[steps.read("base_proba")] * n_tables)
        steps.add("reduce", wide, function="max")
        with pytest.raises(ValueError, match="known width"):
            Program.from_dict(steps.program("mine").to_dict())
    steps = Steps()
    table = steps.read("base_proba")
    for _ in range(65):
        table = steps.add("centre", table)
    steps.add("reduce", table, function="max")
    with pytest.raises(ValueError, match="may make 64 tables as wide as evidence"):
        Program.from_dict(steps.program("mine").to_dict())


@pytest.mark.parametrize(
    ("op", "parameters"),
    [
        ("affine", {"weight": np.ones((7, 1)), "bias": None}),
        ("scale", {"centre": np.zeros(1), "scale": np.ones(1)}),
        ("columns", {"start": 100, "stop": 101}),
        ("kernel", {"landmarks": TABLE, "weights": np.ones(2), "width": 1.0}),
        ("squared_distance", {"centres": TABLE, "weights": TABLE}),
        ("trees", TREES),
    ],
)
def test_what_is_for_some_columns_reads_a_table_of_so_many(op, parameters):
    steps = Steps()
    steps.add(op, steps.read("base_proba"), **parameters)
    with pytest.raises(ValueError, match="needs a table of known width"):
        Program.from_dict(steps.program("mine").to_dict())


def test_tables_of_any_width_do_not_combine():
    steps = Steps()
    steps.add("combine", steps.read("base_proba"), steps.read("X"), function="add")
    with pytest.raises(ValueError, match="needs a table of known width"):
        Program.from_dict(steps.program("mine").to_dict())


def test_a_score_is_one_column_that_the_program_makes():
    outcomes = sample_outcomes()
    data = RoutingPolicy("margin", coverage=0.8).fit(outcomes).rule_.to_dict()
    for program, message in (
        (Program((Step(**READ_ONE),), "mine"), "Got read of 1 columns"),
        (made("centre"), "Got centre of 3"),
    ):
        with pytest.raises(ValueError, match=f"one column, the score. {message}"):
            Rule.from_dict({**data, "program": program.to_dict()})
    base = Program.from_dict(made("centre").to_dict())
    with pytest.raises(ValueError, match="one column, the score. Got centre of 3"):
        RoutingPolicy(ProgramRouter(base), coverage=0.8).fit(outcomes)


def test_an_array_that_is_named_often_counts_each_time():
    steps = Steps()
    table, weight = steps.read("base_features", 1000), np.zeros((1000, 1000))
    for _ in range(34):
        table = steps.add("affine", table, weight=weight, bias=None)
    steps.add("reduce", table, function="max")
    with pytest.raises(ValueError, match="may hold 33554432 numbers. Got 34000000"):
        Program.from_dict(steps.program("mine").to_dict())


def test_a_program_is_bounded_in_memory_and_time():
    many = 2**17
    with pytest.raises(ValueError, match="may make 131072 numbers for a row"):
        parameters = {"weights": np.zeros(many), "width": 1.0}
        kernel = made("kernel", landmarks=np.zeros((many, 3)), **parameters)
        Program.from_dict(kernel.to_dict())
    roots = np.zeros(2**20, dtype=int)
    with pytest.raises(ValueError, match="1048576 trees of up to 1 comparisons"):
        Program.from_dict(trees(root=roots))


def test_trees_are_walked_once_however_many_there_are(monkeypatch):
    walked = []
    levels_of = _trees.levels_of
    monkeypatch.setattr(
        _trees, "levels_of", lambda nodes: walked.append(nodes) or levels_of(nodes)
    )
    Program.from_dict(trees(root=np.array([0, 3, 0])))
    assert len(walked) == 1


def test_levels_are_those_of_a_walk_from_the_leaves():
    rng = np.random.default_rng(0)
    for n_nodes in (1, 2, 9, 400):
        own = np.arange(n_nodes)
        behind = np.minimum(own[:, None] + rng.integers(1, 9, (n_nodes, 2)), n_nodes)
        is_leaf = (behind >= n_nodes).any(axis=1)
        children = np.where(is_leaf[:, None], own[:, None], behind)
        walked = [0] * n_nodes
        for node in own[~is_leaf][::-1]:
            walked[node] = 1 + max(walked[child] for child in children[node])
        assert _trees.levels_of(children) == walked


def leaves_of(data):
    """Yield each position in the data, as a container and a key."""
    places = data.items() if isinstance(data, dict) else enumerate(data)
    for key, value in list(places):
        yield data, key
        if isinstance(value, (dict, list)):
            yield from leaves_of(value)


STRANGE = (
    None, True, -1, 0, 1, 3, 2**70, 0.5, -1e300, np.nan, np.inf, "", "read", "entropy",
    b"x", [], [0], [[0]], {}, {"op": "read"}, np.zeros(0), np.zeros((2, 2)),
    np.array([1, 2]), np.array(["x"]), np.array([None]), np.full(7, np.inf), object(),
)  # fmt: skip


def base_like():
    """Return a program of the operations that models end in, before the maximum."""
    steps = Steps()
    table = steps.read("base_features", 3)
    trees = steps.add("trees", table, **WIDE_TREES)
    distance = {"centres": TABLE[:, :2], "weights": -(TABLE[:, :2] ** 2)}
    distance = steps.add("squared_distance", trees, **distance)
    shares = steps.add("softmax", distance)
    smooth = steps.add("apply", shares, function="tanh")
    steps.add("reduce", steps.add("normalise", smooth), function="max")
    return steps.program("mine")


def test_changed_programs_run_or_are_refused():
    """Every program that from_dict accepts runs, or names the missing evidence."""
    rng = np.random.default_rng(0)
    programs, taught = learned()
    few = taught.take(np.arange(3)).evidence
    n_passed = 0
    for data in (*(p.to_dict() for p in programs), GOOD, base_like().to_dict()):
        for _ in range(800):
            changed = copy.deepcopy(data)
            for _ in range(rng.integers(1, 3)):
                places = list(leaves_of(changed))
                container, key = places[rng.integers(len(places))]
                value = container[key]
                if isinstance(value, np.ndarray) and value.size and rng.random() < 0.7:
                    value.flat[rng.integers(value.size)] = rng.choice([-1, 0, 1, 5, 99])
                else:
                    container[key] = copy.deepcopy(STRANGE[rng.integers(len(STRANGE))])
            try:
                program = Program.from_dict(changed)
            except ValueError:
                continue
            n_passed += 1
            with np.errstate(all="ignore"):
                try:
                    score = program.run(few)
                except ValueError:  # or MissingEvidenceError
                    continue
            assert score.shape == (3,)
    assert n_passed > 50
