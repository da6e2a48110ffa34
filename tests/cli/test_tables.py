"""Tables in and out of the command line, by names."""

import csv
import io
import json
import os
import re
import subprocess
import sys

import numpy as np
import pytest

from selective_query import Outcomes, load
from selective_query.cli import main
from selective_query.datasets import make_selective_query

ANIMALS = ["cat", "dog", "elk"]


@pytest.fixture(scope="module")
def outcomes():
    rng = np.random.default_rng(0)
    right = rng.dirichlet(np.ones(3), 400)
    y = np.array(ANIMALS)[(right + rng.gumbel(size=(400, 3)) / 4).argmax(axis=1)]
    other = rng.dirichlet(np.ones(3), 400) / 4
    other[np.arange(400), [ANIMALS.index(label) for label in y]] += 0.75
    return Outcomes(
        base_proba=right,
        global_proba=other,
        y=y,
        classes=ANIMALS,
        id=[f"{i:04}" for i in range(400)],
    )


@pytest.fixture
def one(outcomes, tmp_path):
    path = tmp_path / "outputs.csv"
    outcomes.to_file(path)
    return str(path)


@pytest.fixture
def two(outcomes, tmp_path):
    """A table for each side, with classes and rows in other orders."""
    rng = np.random.default_rng(1)
    for name, proba in (("base", outcomes.base_proba), ("big", outcomes.global_proba)):
        rows, order = rng.permutation(400), rng.permutation(3)
        with open(tmp_path / f"{name}.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["key", *np.array(ANIMALS)[order], "truth"])
            for i in rows:
                line = [outcomes.id[i], *proba[i][order].tolist(), outcomes.y[i]]
                writer.writerow(line)
    base, big = (str(tmp_path / f"{name}.csv") for name in ("base", "big"))
    return [base, "--global", big, "--id", "key", "--y", "truth"]


def answered(command, capsys):
    """The JSON object that a command prints."""
    assert main([*command, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_one_table_and_two_say_the_same(one, two, tmp_path, capsys):
    decided = []
    for i, files in enumerate(([one], two)):
        policy = str(tmp_path / f"policy{i}.skops")
        fitted = answered(["fit", *files, "-o", policy, "--router", "Margin"], capsys)
        assert fitted["router"] == "margin"
        assert fitted["budget"] == "coverage >= 0.9"
        assert load(policy).rule_.classes is not None
        report = answered(["evaluate", policy, *files], capsys)
        assert report["n"] == 400
        assert report["accuracy"] > report["base_accuracy"]
        found = answered(["decide", policy, *files[:1], *files[3:5]], capsys)
        assert found["n_queried"] == report["n_queried"]
        rows = found["decisions"]
        names = rows["id" if i == 0 else "key"]
        decided.append(dict(zip(names, rows["kept"], strict=True)))
    assert decided[0] == decided[1]


@pytest.mark.parametrize("ending", ["csv", "parquet", "npz", "d"])
def test_decisions_stand_beside_ids_under_the_name_given(
    ending, one, outcomes, tmp_path, capsys
):
    policy, out = str(tmp_path / "policy.skops"), tmp_path / f"decisions.{ending}"
    main(["fit", one, "-o", policy, "--router", "entropy"])
    capsys.readouterr()
    if ending == "parquet":
        pyarrow = pytest.importorskip("pyarrow.parquet")
    assert main(["decide", policy, one, "-o", str(out)]) == 0
    assert "of 400 inputs to query; coverage" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.glob("decisions*")) == [out.name]
    if ending == "csv":
        with open(out, newline="") as file:
            found = list(csv.DictReader(file))
        names = [row["id"] for row in found]
        kept = [row["kept"] == "True" for row in found]
    elif ending == "parquet":
        found = pyarrow.read_table(out)
        names, kept = found["id"].to_pylist(), found["kept"].to_pylist()
    else:
        with np.load(out) as found:
            names, kept = found["id"].tolist(), found["kept"].tolist()
    assert names == outcomes.id.tolist()
    assert main(["decide", policy, one]) == 0
    asked = capsys.readouterr().out.split()
    assert asked == [n for n, k in zip(names, kept, strict=True) if not k]


def test_columns_in_another_order_change_no_decision(one, outcomes, tmp_path, capsys):
    policy, new = str(tmp_path / "policy.skops"), tmp_path / "new.csv"
    main(["fit", one, "-o", policy, "--router", "benefit"])
    order = [2, 0, 1]
    Outcomes(
        base_proba=outcomes.base_proba[:, order],
        y=outcomes.y,
        classes=np.array(ANIMALS)[order],
    ).to_file(new)
    capsys.readouterr()
    kept = [
        answered(["decide", policy, file], capsys)["decisions"]["kept"]
        for file in (one, str(new))
    ]
    assert kept[0] == kept[1]


def test_a_dash_is_standard_input_and_output(one, tmp_path, capsys, monkeypatch):
    policy = str(tmp_path / "policy.skops")
    for file in (one, one.replace("csv", "npz")):
        Outcomes.from_file(one).to_file(file)
        with open(file, "rb") as given:
            text = given.read()

        def feed(text=text):
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text)))

        feed()
        assert main(["fit", "-", "-o", policy, "--router", "margin"]) == 0
        feed()
        capsys.readouterr()
        assert main(["decide", policy, "-", "-o", "-"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0] == "id,kept,query_score"
        assert len(lines) == 401


def test_json_of_compare_and_plan(one, two, capsys):
    found = answered(["compare", one, "--routers", "entropy", "ORACLE"], capsys)
    assert {row["router"] for row in found["rows"]} == {"entropy", "oracle"}
    assert found["n"] == 200
    more = ["--test", two[0], two[2], "--routers", "margin"]
    assert answered(["compare", *two, *more], capsys)["n"] == 400
    command = ["plan", one, "--base-ms", "120", "--device", "stm32f746"]
    command += ["--link", "wifi", "--budget", "Max_Latency_ms=200"]
    found = answered(command, capsys)
    assert found["budget"] == "mean latency <= 200 ms"
    assert found["router"].startswith("auto, which chose ")
    assert found["costs"]["latency_ms"] <= 200 + 1e-6
    assert {"constant", "accuracies"} <= found["sensitivities"][0].keys()


def test_all_budgets_are_options_of_fit(one, tmp_path, capsys):
    policy = str(tmp_path / "policy.skops")
    command = ["fit", one, "-o", policy, "--router", "margin"]
    found = answered(
        [*command, "--budget", "max-latency-ms=200", "--base-ms", "120"], capsys
    )
    assert found["budget"] == "mean latency <= 200 ms"
    assert load(policy).coverage.ms == 200
    assert main([*command, "--budget", "max_latency_ms=200"]) == 2
    assert "base_ms" in capsys.readouterr().err
    assert main([*command, "--base-ms", "120"]) == 2
    assert "go with a budget of costs" in capsys.readouterr().err
    assert main([*command, "--budget", "max_query_cost=2"]) == 2
    assert "query_cost" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["--id", "key"], "has no column 'key'"),
        (["--global", "GIVEN"], "names its rows|columns"),
        (["--test", "GIVEN", "GIVEN"], "--test takes one file"),
    ],
)
def test_options_that_do_not_go_with_a_table_are_refused(command, says, one, capsys):
    command = [one if part == "GIVEN" else part for part in command]
    assert main(["compare", one, *command]) == 2
    assert re.search(says, capsys.readouterr().err)


def test_options_of_tables_are_refused_for_npz(tmp_path, capsys):
    path = tmp_path / "outputs.npz"
    make_selective_query(50, random_state=0).outcomes.to_file(path)
    assert main(["compare", str(path), "--y", "label"]) == 2
    assert "--y goes with tables" in capsys.readouterr().err


def test_a_reader_that_leaves_is_no_error(one, tmp_path):
    policy = str(tmp_path / "policy.skops")
    assert main(["fit", one, "-o", policy, "--router", "margin"]) == 0
    code = (
        "import sys; from selective_query.cli import main;"
        f"sys.exit(main(['decide', {policy!r}, {one!r}, '-o', '-']))"
    )
    read, write = os.pipe()
    os.close(read)
    found = subprocess.run(
        [sys.executable, "-c", code], stdout=write, stderr=subprocess.PIPE, text=True
    )
    os.close(write)
    assert found.returncode == 141
    assert "Error" not in found.stderr


def test_an_interrupt_is_quiet(one, monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "selective_query.cli._running.comparing.compare_routers", interrupted
    )
    assert main(["compare", one]) == 130
    assert capsys.readouterr().err == ""
