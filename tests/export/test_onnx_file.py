import json

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import FixedThresholdClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    SplineTransformer,
    StandardScaler,
)
from sklearn.tree import DecisionTreeClassifier

from selective_query import (
    AbstainingClassifier,
    HybridClassifier,
    Outcomes,
    RoutingPolicy,
    list_routers,
)
from selective_query.budgets import All, Coverage, GroupCoverage, StayLocal
from selective_query.exceptions import CalibrationWarning, ExportError
from selective_query.export import (
    EdgeClassifier,
    _parity,
    export_onnx,
    set_operating_point,
)

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("skl2onnx")

X, y = load_digits(return_X_y=True)
TRAIN, FIT, TEST = slice(0, 300), slice(300, 900), slice(900, None)
GLOBAL = FrozenEstimator(
    ExtraTreesClassifier(30, random_state=0).fit(X[TRAIN], y[TRAIN])
)
NAMES = np.array([f"d{label}" for label in y])
BASES = {
    "linear": LogisticRegression(max_iter=100),
    "bayes": GaussianNB(var_smoothing=0.05),
    "net": MLPClassifier((16,), max_iter=30, random_state=0),
    "forest": RandomForestClassifier(10, max_depth=5, random_state=0),
    "bins": HistGradientBoostingClassifier(max_iter=3),
    "boosted": GradientBoostingClassifier(n_estimators=3, random_state=0),
    "pipeline": make_pipeline(StandardScaler(), PCA(10), LogisticRegression()),
    "voting": VotingClassifier(
        [("a", LogisticRegression()), ("b", GaussianNB(var_smoothing=0.05))],
        voting="soft",
    ),
}
# Routers that need special evidence.
FEATURES = {"energy": "logits", "mahalanobis": PCA(8).fit(X[TRAIN])}
BY_CLASS = GroupCoverage(0.7, by="predicted_class")


def hybrid_of(base, labels=y, **options):
    options = {"router": "benefit", "coverage": 0.8, "random_state": 0} | options
    models = (
        FrozenEstimator(model.fit(X[TRAIN], labels[TRAIN]))
        for model in (base, ExtraTreesClassifier(30, random_state=0))
    )
    return HybridClassifier(*models, **options).fit(X[FIT], labels[FIT])


def checked(hybrid, path, rows=X[TEST]):
    """Return the artefact after checking that it agrees with its hybrid on all rows."""
    report = export_onnx(hybrid, path, example=rows)
    edge = EdgeClassifier(path)
    sure = report.rows - report.near_threshold
    assert report.labels_equal == report.rows
    assert sure <= report.decisions_equal
    assert json.loads(path.with_name("edge.report.json").read_text())["rows"] > 0
    np.testing.assert_array_equal(edge.classes_, hybrid.classes_)
    label = hybrid.classes_[hybrid.edge_.ask(rows).label]
    np.testing.assert_array_equal(edge.predict(rows), label)
    return edge, report


@pytest.fixture
def path(tmp_path):
    return tmp_path / "edge.onnx"


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("labels", [y, NAMES], ids=["numbers", "text"])
def test_bases(base, labels, path):
    hybrid = hybrid_of(BASES[base], labels)
    edge, _ = checked(hybrid, path)
    np.testing.assert_allclose(
        edge.predict_proba(X[TEST]), hybrid.edge_.ask(X[TEST]).proba, atol=1e-4
    )


@pytest.mark.parametrize(
    "router",
    sorted({*list_routers(without_program=False)} - {"agreement", "constrained"}),
)
def test_routers(router, path):
    hybrid = hybrid_of(
        LogisticRegression(max_iter=20),
        router=router,
        base_features=FEATURES.get(router),
    )
    edge, report = checked(hybrid, path)
    np.testing.assert_allclose(
        edge.query_score(X[TEST]), hybrid.query_score(X[TEST]), atol=1e-3
    )
    assert report.score_difference < 1e-3
    assert report.near_threshold < 20


def north(X):
    return np.where(X[:, 20] > 5, "north", "south")


def is_private(X):
    return X[:, 30] > 9


@pytest.mark.parametrize(
    ("budget", "asked"),
    [
        (BY_CLASS, {}),
        (All(Coverage(0.7), GroupCoverage(0.6, by=north)), {"group": north}),
        (All(Coverage(0.7), StayLocal(is_private)), {"local_only": is_private}),
        (0.0, {}),
        (1.0, {}),
    ],
    ids=["classes", "groups", "local", "none", "all"],
)
def test_budgets(budget, asked, path):
    hybrid = hybrid_of(LogisticRegression(max_iter=20), coverage=budget)
    edge, _ = checked(hybrid, path)
    columns = {name: read(X[TEST]) for name, read in asked.items()}
    kept = hybrid.predict_coverage(X[TEST])
    np.testing.assert_array_equal(edge.decide(X[TEST], **columns), kept)
    np.testing.assert_array_equal(edge.answer(X[TEST], **columns)["queried"], ~kept)
    if asked:
        with pytest.raises(ValueError, match=f"{next(iter(asked))} must be given"):
            edge.decide(X[TEST])
    if "group" in asked:
        with pytest.raises(ValueError, match="no calibration row belonged to"):
            edge.decide(X[:2], group=["north", "west"])


def test_a_class_that_the_base_does_not_know_has_a_column_of_zeros(path):
    known = y[TRAIN] != 3
    base = LogisticRegression(max_iter=20).fit(X[TRAIN][known], y[TRAIN][known])
    hybrid = HybridClassifier(FrozenEstimator(base), GLOBAL, router="margin")
    edge, _ = checked(hybrid.fit(X[FIT], y[FIT]), path)
    assert not edge.predict_proba(X[TEST])[:, 3].any()


def test_abstaining(path):
    base = FrozenEstimator(LogisticRegression(max_iter=20).fit(X[TRAIN], y[TRAIN]))
    model = AbstainingClassifier(base, router="entropy", coverage=0.7)
    edge, _ = checked(model.fit(X[FIT], y[FIT]), path)
    np.testing.assert_array_equal(edge.decide(X[TEST]), model.predict_coverage(X[TEST]))


@pytest.mark.parametrize("binary", [False, True])
def test_logits_are_read_and_told(binary, path):
    labels = np.where(y < 4, "low", "high") if binary else y
    hybrid = hybrid_of(LogisticRegression(max_iter=20), labels, base_features="logits")
    edge, _ = checked(hybrid, path)
    np.testing.assert_allclose(
        edge.decision_function(X[TEST]), hybrid.edge_.ask(X[TEST]).logits, atol=1e-4
    )
    moved = hybrid.with_base(edge, X[FIT], y[FIT] if not binary else labels[FIT])
    assert (moved.predict(X[TEST]) == hybrid.predict(X[TEST])).mean() > 0.98


def test_the_label_is_the_most_probable_class_whatever_threshold_predict_has(path):
    labels = np.where(y < 4, "low", "high")
    base = FixedThresholdClassifier(LogisticRegression(max_iter=20), threshold=0.9)
    checked(hybrid_of(make_pipeline(StandardScaler(), base), labels), path)


@pytest.mark.parametrize("router", ["max_probability", "entropy", "margin"])
def test_rows_tied_at_the_cut_stay_on_its_side(router, path):
    tree = DecisionTreeClassifier(max_leaf_nodes=12, random_state=0)
    with pytest.warns(CalibrationWarning, match="Many rows share the score"):
        hybrid = hybrid_of(tree, router=router, coverage=0.6)
    at_the_cut = hybrid.query_score(X[TEST]) - hybrid.operating_point_.threshold
    assert (np.abs(at_the_cut) < 1e-9).sum() > 20
    _, report = checked(hybrid, path)
    assert report.decisions_equal == report.rows


def test_inputs_are_read_by_a_router_that_needs_no_base(path):
    from selective_query.routers import PreRouter

    checked(hybrid_of(LogisticRegression(max_iter=20), router=PreRouter()), path)


TEXTS = np.array(
    [
        " ".join(words)
        for words in np.random.default_rng(0).choice(
            ["Red", "blue", "a", "big", "It's", "cat", "x1", "naïve"], (600, 5)
        )
    ]
)


def test_texts(path):
    labels = np.array([("Red" in t) ^ ("cat" in t and "big" in t) for t in TEXTS])
    vectoriser = TfidfVectorizer(vocabulary=["red", "blue", "big", "it", "cat", "x1"])
    base, global_ = (
        FrozenEstimator(make_pipeline(vectoriser, model).fit(TEXTS[:100], labels[:100]))
        for model in (LogisticRegression(), RandomForestClassifier(random_state=0))
    )
    hybrid = HybridClassifier(base, global_, coverage=0.8, router="max_probability")
    hybrid.fit(TEXTS[100:400], labels[100:400])
    edge, _ = checked(hybrid, path, TEXTS[400:])
    assert edge.classes_.dtype == bool
    assert edge.predict_proba(list(TEXTS[:3])).shape == (3, 2)
    with pytest.raises(ValueError, match="must hold one text for each row. Got None"):
        edge.predict([None])


@pytest.fixture(scope="module")
def frame():
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    made = pandas.DataFrame(
        {
            "age": rng.integers(18, 80, 900),
            "income": rng.normal(50, 10, 900),
            "city": rng.choice(["a", "b", "c"], 900),
            "site": rng.choice(["north", "south"], 900),
        }
    )
    gain = made.income + made.age / 2 + 10 * (made.city == "a")
    return made, np.where(gain + rng.normal(0, 8, 900) > 80, "yes", "no")


def frame_hybrid(frame, made, budget):
    from sklearn.compose import make_column_transformer
    from sklearn.preprocessing import OneHotEncoder

    rows, labels = frame
    columns = (
        (StandardScaler(), ["age", "income"]),
        (OneHotEncoder(handle_unknown="ignore"), ["city"]),
    )
    models = (
        FrozenEstimator(
            make_pipeline(make_column_transformer(*columns), model).fit(
                rows[:300], labels[:300]
            )
        )
        for model in (made, RandomForestClassifier(random_state=0))
    )
    hybrid = HybridClassifier(*models, coverage=budget, router="benefit")
    return hybrid.fit(rows[300:600], labels[300:600])


@pytest.mark.parametrize("by", [None, "site"])
def test_data_frames_are_fed_column_by_column(frame, by, path):
    budget = 0.8 if by is None else GroupCoverage(0.7, by=by)
    hybrid = frame_hybrid(frame, LogisticRegression(), budget)
    rows = frame[0][600:]
    edge, _ = checked(hybrid, path, rows)
    kept = hybrid.predict_coverage(rows)
    moved = rows[["site", "city", "income", "age"]]
    np.testing.assert_array_equal(edge.decide(moved), kept)
    with pytest.raises(ValueError, match=r"X lacks columns: \['city'\]"):
        edge.predict(rows.drop(columns="city"))
    with pytest.raises(ValueError, match="X must be a data frame"):
        edge.predict(rows.to_numpy())
    with pytest.raises(ValueError, match="income must be finite"):
        edge.predict(rows.assign(income=np.nan))


def test_columns_of_a_frame_of_numbers_go_by_name(frame, path):
    rows, labels = frame[0][["income", "age"]], frame[1]
    base, global_ = (
        FrozenEstimator(model.fit(rows[:300], labels[:300]))
        for model in (LogisticRegression(), RandomForestClassifier(random_state=0))
    )
    hybrid = HybridClassifier(base, global_).fit(rows[300:600], labels[300:600])
    edge, _ = checked(hybrid, path, rows[600:])
    np.testing.assert_array_equal(
        edge.predict(rows[["age", "income"]]), edge.predict(rows.to_numpy())
    )


def test_without_an_example_nothing_is_compared(path):
    hybrid = hybrid_of(LogisticRegression(max_iter=20))
    report = export_onnx(hybrid, path)
    assert (report.rows, report.decisions_equal, report.certificate_after) == (
        0,
        None,
        None,
    )
    assert "compared on no rows: give example=" in str(report)
    np.testing.assert_array_equal(
        EdgeClassifier(path).decide(X[TEST]), hybrid.predict_coverage(X[TEST])
    )


def test_a_policy_alone_takes_the_outputs_of_the_base(path):
    rng = np.random.default_rng(0)
    hybrid = hybrid_of(LogisticRegression(max_iter=20))
    outcomes = hybrid.outcomes(X[TEST], y[TEST])
    groups = rng.choice([1.5, 2.5], outcomes.n_rows)
    outcomes = Outcomes(
        base_proba=outcomes.base_proba,
        y=y[TEST],
        group=groups,
        global_proba=outcomes.global_proba,
        local_only=rng.random(len(groups)) < 0.1,
    )
    budget = All(GroupCoverage(0.6), StayLocal())
    policy = RoutingPolicy("benefit", budget).fit(outcomes)
    for subject in (policy, policy.rule_):
        report = export_onnx(subject, path, example=outcomes)
        assert report.labels_equal is None
        assert report.rows == outcomes.n_rows
        assert report.decisions_equal >= report.rows - report.near_threshold
        assert report.near_threshold < 5
    with pytest.raises(ValueError, match="holds a rule alone"):
        EdgeClassifier(path).predict(X)
    with pytest.raises(TypeError, match="example of a policy must be Evidence"):
        export_onnx(policy, path, example=X)


class TestOperatingPoint:
    def test_threshold_and_facts_move_alone(self, path):
        hybrid = hybrid_of(LogisticRegression(max_iter=20))
        export_onnx(hybrid, path)
        written = path.read_bytes()
        before = onnx.load(str(path))
        moved = hybrid.at(0.5)
        report = set_operating_point(path, moved, example=X[TEST])
        edge, after = EdgeClassifier(path), onnx.load(str(path))
        assert report.decisions_equal == report.rows
        np.testing.assert_array_equal(
            edge.decide(X[TEST]), moved.predict_coverage(X[TEST])
        )
        assert edge.facts_["threshold"] == [moved.operating_point_.threshold]
        assert edge.facts_["budget"] == "coverage >= 0.5"
        assert before.graph.node == after.graph.node
        changed = [
            one.name
            for one, other in zip(
                before.graph.initializer, after.graph.initializer, strict=True
            )
            if one != other
        ]
        assert changed == ["threshold"]
        set_operating_point(path, hybrid)
        assert path.read_bytes() == written

    def test_another_rule_is_refused(self, path):
        hybrid = hybrid_of(LogisticRegression(max_iter=20))
        export_onnx(hybrid, path)
        held = path.read_bytes()
        for other, message in (
            (
                hybrid_of(LogisticRegression(max_iter=20), router="margin"),
                "another rule",
            ),
            (hybrid_of(LogisticRegression(max_iter=20), NAMES), "another rule"),
            (
                hybrid_of(LogisticRegression(max_iter=20), coverage=BY_CLASS),
                "another rule",
            ),
            (
                hybrid.with_base(hybrid.base_estimator_, X[TEST], y[TEST]),
                "other calibration rows",
            ),
        ):
            with pytest.raises(ExportError, match=message):
                set_operating_point(path, other)
        assert path.read_bytes() == held

    def test_a_rule_of_another_base_is_refused(self, path):
        rules = [
            hybrid_of(LogisticRegression(C=C, max_iter=20), router="margin").policy_
            for C in (1.0, 0.01)
        ]
        export_onnx(rules[0].rule_, path)
        set_operating_point(path, rules[0].at(0.5).rule_)
        with pytest.raises(ExportError, match="or from those of another base"):
            set_operating_point(path, rules[1].rule_)

    @pytest.mark.filterwarnings("ignore:Many rows share the score")
    def test_the_threshold_is_learned_anew_on_the_artefact(self, path):
        # So confident that its largest probability rounds to 1.
        hybrid = hybrid_of(GaussianNB(), router="max_probability")
        assert hybrid.operating_point_.threshold < np.finfo(np.float32).eps
        report = export_onnx(hybrid, path, example=X[TEST])
        assert report.decisions_equal >= 0.99 * report.rows
        moved = hybrid.with_base(EdgeClassifier(path), X[FIT], y[FIT])
        report = set_operating_point(path, moved, example=X[TEST])
        assert report.decisions_equal == report.rows
        np.testing.assert_array_equal(
            EdgeClassifier(path).decide(X[TEST]), moved.predict_coverage(X[TEST])
        )
        with pytest.raises(ExportError, match="is an artefact already"):
            export_onnx(moved, path)

    def test_many_decisions_changed_by_rounding_warn(self, path, monkeypatch):
        monkeypatch.setattr(_parity, "MOST_MOVED", -1.0)
        hybrid = hybrid_of(LogisticRegression(max_iter=20))
        with pytest.warns(CalibrationWarning, match="Rounding to single precision"):
            export_onnx(hybrid, path, example=X[TEST])

    def test_another_file_is_refused(self, path):
        hybrid = hybrid_of(LogisticRegression(max_iter=20))
        export_onnx(hybrid, path)
        model = onnx.load(str(path))
        del model.metadata_props[:]
        onnx.save(model, str(path))
        with pytest.raises(
            ValueError, match="must be an ONNX file that export_onnx wrote"
        ):
            set_operating_point(path, hybrid)


REFUSED = [
    (
        {"base": make_pipeline(FunctionTransformer(np.log1p), LogisticRegression())},
        "FunctionTransformer of the base has no form in ONNX",
    ),
    (
        {"base": make_pipeline(SplineTransformer(3), LogisticRegression(max_iter=5))},
        "SplineTransformer of the base has no form in ONNX",
    ),
    (
        {"router": "knn_distance", "base_features": FEATURES["mahalanobis"]},
        "KNNDistanceRouter has no program",
    ),
    (
        {"base_features": lambda base, X: X[:, :5]},
        "base_features=<lambda>, which has no form in ONNX",
    ),
]


@pytest.mark.parametrize(
    ("given", "message"), REFUSED, ids=["function", "step", "router", "features"]
)
def test_unsupported_parts_are_named(given, message, path):
    options = {"base": LogisticRegression(max_iter=5)} | given
    hybrid = hybrid_of(options.pop("base"), **options)
    with pytest.raises(ExportError, match=message):
        export_onnx(hybrid, path, example=X[TEST])
    assert not path.exists()


def test_an_artefact_that_decides_otherwise_is_no_artefact(path, monkeypatch):
    from selective_query.export import onnx_file

    hybrid = hybrid_of(LogisticRegression(max_iter=20))
    real = onnx_file.head_of

    def wrong(subject, given):
        columns = given["base_proba"]
        return real(
            subject, {"base_proba": columns._replace(places=columns.places[::-1])}
        )

    monkeypatch.setattr(onnx_file, "head_of", wrong)
    with pytest.raises(ExportError, match=r"on \d+ of 897 rows. The first is row"):
        export_onnx(hybrid, path, example=X[TEST])
    assert not path.exists()


def test_columns_that_are_called_as_outputs_are_refused(frame, path):
    rows = frame[0].rename(columns={"site": "score"})
    hybrid = frame_hybrid((rows, frame[1]), LogisticRegression(), 0.8)
    with pytest.raises(ExportError, match=r"called \['score'\]"):
        export_onnx(hybrid, path, example=rows)
