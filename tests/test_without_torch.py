"""Without torch everything except nets works, and nets name the missing package.

Each test runs in its own process, in which the packages cannot be imported.
"""

import subprocess
import sys
from textwrap import dedent

import pytest

HIDDEN = """
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {absent!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
"""
DATA = """
from sklearn.datasets import load_digits
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.naive_bayes import GaussianNB
X, y = load_digits(return_X_y=True)
pair = GaussianNB(var_smoothing=0.1), ExtraTreesClassifier(20, random_state=0)

class Untrained(GaussianNB):
    def fit(self, X, y):
        raise AssertionError("is asked too early")
"""


def run_without(absent, code):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", HIDDEN.format(absent=absent) + code],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.splitlines()


def test_models_of_scikit_learn_are_routed_planned_compared_and_profiled():
    code = """
        from selective_query import HybridClassifier, HybridSearchCV, compare_routers
        from selective_query.budgets import MaxLatency
        from selective_query.costs import CLOUD, LTE_M, STM32F746, Deployment
        from selective_query.footprint import profile_estimator
        from selective_query.scale import report_in_chunks

        hybrid = HybridClassifier(*pair, coverage=0.8, cv=3, device=STM32F746)
        hybrid.fit(X[:1000], y[:1000])
        print((hybrid.predict(X[1000:]) == y[1000:]).mean() > 0.85)
        print(bool(hybrid.footprint_))
        rows = X[1000:], y[1000:]
        print(report_in_chunks(hybrid, *rows).accuracy == hybrid.score(*rows))
        costs = Deployment(
            device=STM32F746, base_ms=2, link=LTE_M, cloud=CLOUD, payload_bytes=64
        )
        found = hybrid.plan(*rows, costs, MaxLatency(60, costs))
        print(found.costs["latency_ms"] < 60.001)
        half = hybrid.outcomes(X[1000:1400], y[1000:1400])
        rest = hybrid.outcomes(X[1400:], y[1400:])
        compared = compare_routers(half, rest, ["auto", "margin", "oracle"], [0.8])
        print(len(compared.rows) == 3)
        print(profile_estimator(pair[0], X, n_classes=10).parameters)
        search = HybridSearchCV({"bayes": pair[0]}, pair[1], cv=3, router="margin")
        print(search.fit(X[:600], y[:600]).best_name_)
    """
    found = run_without({"torch", "skorch", "tqdm"}, DATA + dedent(code))
    assert found == ["True"] * 5 + ["1290", "bayes"]


def test_a_hybrid_is_saved_and_loaded(tmp_path):
    pytest.importorskip("skops")
    code = f"""
        from selective_query import HybridClassifier, load, save
        hybrid = HybridClassifier(*pair, coverage=0.8, cv=3).fit(X[:1000], y[:1000])
        path = {str(tmp_path / "hybrid.skops")!r}
        save(hybrid, path)
        print((load(path).predict(X[1000:]) == hybrid.predict(X[1000:])).all())
    """
    found = run_without({"torch", "skorch", "tqdm"}, DATA + dedent(code))
    assert found == ["True"]


def test_whatever_cannot_be_imported_says_what_to_install():
    code = """
        import importlib, pkgutil
        import selective_query

        BEHIND_OTHERS = {
            "selective_query._utils.torch_random",
            "selective_query.export._c.int8_forms",
            "selective_query.export._c.int8_graph",
            "selective_query.export._c.int8_source",
            "selective_query.export._onnx.torch_base",
            "selective_query.footprint._layer_forms",
            "selective_query.footprint._liveness",
            "selective_query.footprint._tracing",
            "selective_query.routers._primal_dual",
        }
        found = pkgutil.walk_packages(
            selective_query.__path__, "selective_query.", onerror=lambda name: None
        )
        names = {module.name for module in found} - BEHIND_OTHERS
        for name in sorted(names - {"selective_query.__main__"}):
            try:
                importlib.import_module(name)
            except ImportError as error:
                print(name.removeprefix("selective_query."), "|", error)
    """
    found = dict(
        line.split(" | ") for line in run_without({"torch", "ray"}, dedent(code))
    )
    assert set(found) == {
        "footprint.exit_profile",
        "footprint.net_profile",
        "nets",
        "routers._constrained_net",
        "scale.ray",
    }
    del found["scale.ray"]
    assert all("torch. Install it with pip install torch." in m for m in found.values())


ASKED = [
    (
        {"torch"},
        "HybridClassifier(Untrained(), pair[1], router='constrained').fit(X, y)",
        "ConstrainedRouter needs torch. Install it with pip install torch.",
    ),
    (
        {"torch"},
        "profile_estimator(type('NeuralNet', (), {})(), X)",
        "Profiles of nets need torch. Install it with pip install torch.",
    ),
    (
        {"skorch"},
        "import selective_query.nets.training",
        "selective_query.nets.training needs skorch. Install it with pip install",
    ),
    (
        {"tqdm"},
        "HybridClassifier(*pair, cv=3, verbose=1).fit(X[:300], y[:300])",
        "A bar needs tqdm. Install it with pip install tqdm",
    ),
]


@pytest.mark.parametrize(
    ("absent", "call", "message"), ASKED, ids=["router", "profile", "training", "bar"]
)
def test_missing_packages_are_named_where_they_are_needed(absent, call, message):
    code = f"""
        from selective_query import HybridClassifier
        from selective_query.footprint import profile_estimator
        try:
            {call}
        except ImportError as error:
            print(error)
    """
    (found,) = run_without(absent, DATA + dedent(code))
    assert message in found
