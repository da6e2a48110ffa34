import re
import sys

import numpy as np
import pytest
from sklearn.datasets import load_iris

from selective_query import RoutingPolicy, load, save
from selective_query.cli import main
from selective_query.datasets import make_selective_query
from selective_query.routers import EntropyRouter


@pytest.fixture(scope="module")
def arrays():
    outcomes = make_selective_query(600, regime="uniform", random_state=0).outcomes
    return {
        "base_proba": outcomes.base_proba,
        "global_pred": outcomes.global_pred,
        "y": outcomes.y,
    }


@pytest.fixture
def file(tmp_path, arrays):
    path = tmp_path / "outputs.npz"
    np.savez(path, **arrays)
    return path


def test_compare_prints_a_table(file, capsys):
    assert main(["compare", str(file), "--routers", "entropy", "oracle"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("300 test rows")
    assert sum(line.startswith("entropy") for line in lines) == 3


def test_compare_with_a_test_file(file, capsys):
    assert main(["compare", str(file), "--test", str(file), "--routers", "margin"]) == 0
    assert "600 test rows" in capsys.readouterr().out


def test_fit_and_decide(file, tmp_path, arrays, capsys):
    policy, new = tmp_path / "policy.skops", tmp_path / "new.npz"
    np.savez(new, base_proba=arrays["base_proba"])
    assert main(["fit", str(file), "-o", str(policy), "--coverage", "0.8"]) == 0
    assert "for coverage >= 0.8" in capsys.readouterr().out
    assert main(["decide", str(policy), str(new)]) == 0
    printed = capsys.readouterr()
    rows = np.array(printed.out.split(), dtype=int)
    assert f"{len(rows)} of 600 inputs to query" in printed.err
    result = tmp_path / "decisions.npz"
    assert main(["decide", str(policy), str(new), "-o", str(result)]) == 0
    with np.load(result) as decisions:
        np.testing.assert_array_equal(np.flatnonzero(~decisions["kept"]), rows)
    assert len(rows) / 600 == pytest.approx(0.2, abs=0.02)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda a: {**a, "y": a["y"][:-1]}, "same number of rows"),
        (lambda a: {**a, "y": a["y"] + 50}, "y holds labels that are not in classes"),
        (lambda a: {**a, "base_proba": a["base_proba"] * 2}, "must sum to 1"),
        (lambda a: {**a, "base_prob": a["y"]}, "Did you mean 'base_proba'"),
        (lambda a: {"base_proba": a["base_proba"]}, "cannot judge the base"),
    ],
)
def test_each_fault_of_a_file_is_named(file, arrays, capsys, change, message):
    np.savez(file, **change(arrays))
    assert main(["fit", str(file), "-o", "unused"]) == 2
    assert message in capsys.readouterr().err


def test_missing_file_and_bad_coverage(file, capsys):
    assert main(["compare", "nowhere.npz"]) == 2
    assert "nowhere.npz" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["fit", str(file), "-o", "unused", "--coverage", "90"])
    assert "not a share between 0 and 1" in capsys.readouterr().err


@pytest.mark.slow
def test_demo_writes_a_picture(tmp_path, capsys):
    picture = tmp_path / "curve.png"
    assert main(["demo", "--picture", str(picture)]) == 0
    assert picture.read_bytes()[:4] == b"\x89PNG"
    out = capsys.readouterr().out
    assert "auto minus ..." in out
    assert "benefit" in out


def test_fit_for_budgets(file, tmp_path, capsys):
    policy = str(tmp_path / "policy.skops")
    asked = ["--budget", "query_rate=0.6", "--budget", "max_excess_error=0.2"]
    assert main(["fit", str(file), "-o", policy, "--router", "margin", *asked]) == 0
    printed = capsys.readouterr().out
    assert "query rate <= 0.6 and excess error <= 0.2" in printed
    assert load(policy).coverage.parts[0].maximum == 0.6
    for wrong in ("speed=3", "min_accuracy=90", "min_accuracy"):
        with pytest.raises(SystemExit):
            main(["fit", str(file), "-o", policy, "--budget", wrong])
    assert "min_accuracy" in capsys.readouterr().err


def test_plan_recommends_a_coverage_and_says_what_it_hangs_on(file, tmp_path, capsys):
    picture = tmp_path / "tornado.png"
    command = ["plan", str(file), "--base-ms", "120", "--link", "LTE-M"]
    budgets = ["--inputs-per-day", "500", "--min-battery-days", "60"]
    more = ["--provenance", "--picture", str(picture)]
    assert main([*command, *budgets, *more]) == 0
    printed = capsys.readouterr().out
    assert "Let the base answer" in printed
    assert "Budget: battery life >= 60 days" in printed
    assert "clock_mhz = 216  (published: STMicroelectronics data sheet)" in printed
    assert picture.exists()
    assert main([*command, "--max-latency-ms", "100"]) == 2
    assert "cannot be kept: without any query it is 120 ms" in capsys.readouterr().err
    assert main(command) == 2
    assert "at least one budget" in capsys.readouterr().err


def test_plan_takes_a_fitted_policy_and_constants_of_ones_own(file, tmp_path, capsys):
    policy = str(tmp_path / "policy.skops")
    assert main(["fit", str(file), "-o", policy, "--router", "margin"]) == 0
    command = ["plan", str(file), "--policy", policy, "--base-ms", "20"]
    command += ["--set", "link.throughput_kbps=300", "--min-coverage", "0.7"]
    assert main([*command, "--provenance"]) == 0
    printed = capsys.readouterr().out
    assert "throughput_kbps = 300.0  (given: by the user)" in printed
    assert "Budget: coverage >= 0.7" in printed
    first, second = (
        main([*command, "--max-bytes", "700"]),
        main([*command, "--set", "link.speed=3"]),
    )
    assert (first, second) == (0, 2)
    found = capsys.readouterr()
    assert "bytes <= 700" in found.out
    assert "--set link.speed: Wi-Fi has throughput_kbps" in found.err
    with pytest.raises(SystemExit):
        main([*command, "--set", "radio=5"])
    assert "radio=5 is not device.NAME=NUMBER" in capsys.readouterr().err


def test_plan_of_two_models_on_one_device_charges_the_router(file, capsys):
    command = ["plan", str(file), "--order", "same_device", "--base-ms", "20"]
    command += ["--global-ms", "400", "--min-coverage", "0.8"]
    command += ["--set", "device.clock_mhz=0.01", "--router"]
    times = []
    for router in ("max_probability", "benefit"):
        assert main([*command, router]) == 0
        printed = capsys.readouterr().out
        times.append(float(printed.split("takes ")[1].split(" ms")[0]))
    assert times[0] < times[1]


def test_what_is_no_file_of_predictions_is_named(file, tmp_path, arrays, capsys):
    text, few, flat = (tmp_path / name for name in ("a.csv", "few.npz", "flat.npz"))
    text.write_text("a,b\n1,2\n")
    np.savez(few, **{name: values[:1] for name, values in arrays.items()})
    np.savez(flat, **{**arrays, "y": np.array(3)})
    for command, says in (
        (["compare", str(text)], "Rows of base_proba must sum to 1"),
        (["compare", str(few)], "must hold two rows or more, .* Got 1."),
        (["plan", str(few), "--base-ms", "2", "--min-coverage", "0.5"], "two rows or"),
        (["compare", str(flat)], "y must have one entry for each row"),
        (["plan", str(file), "--base-ms", "2"], "one of --min-battery-days, --max-lat"),
    ):
        assert main(command) == 2
        assert re.search(says, capsys.readouterr().err)


def test_what_is_no_fitted_policy_is_named(file, tmp_path, capsys):
    path = str(tmp_path / "saved.skops")
    for saved, says in (
        (EntropyRouter(), "must hold a rule or a fitted .* Got EntropyRouter"),
        (RoutingPolicy(), "is not fitted yet"),
    ):
        save(saved, path)
        for command in (
            ["decide", path, str(file)],
            ["plan", str(file), "--policy", path, "--base-ms", "2", "--min-coverage=0"],
        ):
            assert main(command) == 2
            assert re.search(says, capsys.readouterr().err)


def test_no_rows_to_decide_on(file, tmp_path, arrays, capsys):
    policy, none = str(tmp_path / "policy.skops"), str(tmp_path / "none.npz")
    np.savez(none, base_proba=arrays["base_proba"][:0])
    assert main(["fit", str(file), "-o", policy, "--router", "margin"]) == 0
    assert main(["decide", policy, none]) == 0
    assert capsys.readouterr().err == "0 of 0 inputs to query\n"


def test_a_policy_is_exported_as_c_and_onnx(file, tmp_path, arrays, capsys):
    policy, new = str(tmp_path / "policy.skops"), tmp_path / "new.npz"
    np.savez(new, base_proba=arrays["base_proba"])
    main(["fit", str(file), "-o", policy, "--router", "benefit"])
    capsys.readouterr()
    for target, name in (("--c", "edge"), ("--onnx", "edge.onnx")):
        pytest.importorskip("onnxruntime")
        path = tmp_path / name
        options = ["export", policy, target, str(path), "--example", str(new)]
        assert main(options) == 0
        printed = capsys.readouterr().out
        assert "decisions equal     600" in printed
        assert f"Written to {path}" in printed
        assert path.exists()


def test_a_classifier_of_a_module_is_exported_for_a_device(
    tmp_path, capsys, monkeypatch
):
    (tmp_path / "my_models.py").write_text(
        "from sklearn.datasets import load_iris\n"
        "from sklearn.naive_bayes import GaussianNB\n"
        "from selective_query import AbstainingClassifier\n"
        "X, y = load_iris(return_X_y=True)\n"
        "careful = AbstainingClassifier(GaussianNB(), router='margin').fit(X, y)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    X, y = load_iris(return_X_y=True)
    np.savez(tmp_path / "rows.npz", X=X, y=y)
    rows = str(tmp_path / "rows.npz")
    options = ["export", "my_models:careful", "--c", str(tmp_path / "edge")]
    assert main([*options, "--device", "stm32f746", "--calibration", rows]) == 0
    assert "footprint" in capsys.readouterr().out
    for wrong, message in [
        (["--example", str(tmp_path / "none.npz")], "none.npz"),
        (["--calibration", str(tmp_path / "bad.npz")], "must hold X, and may hold y"),
    ]:
        np.savez(tmp_path / "bad.npz", y=y)
        assert main([*options, *wrong]) == 2
        assert message in capsys.readouterr().err
    onnx = ["export", "my_models:careful", "--onnx", str(tmp_path / "e.onnx")]
    assert main([*onnx, "--device", "STM32F746"]) == 2
    assert "--device goes with --c" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command, says",
    [
        (["serve-global", "nowhere.skops"], "nowhere.skops"),
        (["serve-global", "sklearn.svm:Nothing"], "sklearn.svm has no 'Nothing'"),
        (["serve-global", "my_net:net"], "There is no module 'my_net' in /"),
        (["serve-edge", "my_net:net", "--app-dir", "/"], "'my_net' in /, nor"),
        (
            ["serve-edge", "math:pi"],
            "hybrid must be a HybridClassifier or a Cascade",
        ),
        (["serve-edge", "math:pi", "--set", "rows=5"], "Limits has max_body_bytes, "),
        (["serve-global", "math:pi", "--set", "max_rows=0"], "max_rows must be"),
    ],
)
def test_what_cannot_be_served_is_named(command, says, capsys):
    assert main(command) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize("where", ["here", "--app-dir"])
def test_modules_are_found_where_the_command_runs(tmp_path, monkeypatch, capsys, where):
    """As in uvicorn; sys.path of a console script differs from that of python -m."""
    name = f"net_{where.strip('-').replace('-', '_')}"
    (tmp_path / f"{name}.py").write_text("net = 'a net'")
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", ".")])
    options = ["--app-dir", str(tmp_path)]
    if where == "here":
        monkeypatch.chdir(tmp_path)
        options = []
    assert main(["serve-edge", f"{name}:net", *options]) == 2
    assert "hybrid must be" in capsys.readouterr().err
