"""Tables as input and output of the command line, matched by names."""

import csv
import gzip
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
from selective_query.outcomes._tables import read_table

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
    """Write one table per model, with classes and rows in different orders."""
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
    """Return the JSON object that a command prints."""
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


def test_rows_of_another_order_need_an_id(two, tmp_path, capsys):
    policy, alone = str(tmp_path / "policy.skops"), tmp_path / "alone.csv"
    assert main(["fit", *two, "-o", policy, "--router", "margin"]) == 0
    lines = (tmp_path / "big.csv").read_text().splitlines()
    alone.write_text("\n".join(line.rpartition(",")[0] for line in lines))
    files = [two[0], "--global", str(alone), "--y", "truth"]
    assert main(["evaluate", policy, *files, "--id", "key"]) == 0
    assert main(["evaluate", policy, *files]) == 2
    assert "Pass --id 'key'" in capsys.readouterr().err


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".parquet", ".npz", ""])
def test_decisions_stand_beside_ids_under_the_name_given(
    ending, one, outcomes, tmp_path, capsys
):
    policy, out = str(tmp_path / "policy.skops"), tmp_path / f"decisions{ending}"
    main(["fit", one, "-o", policy, "--router", "entropy"])
    capsys.readouterr()
    if ending == ".parquet":
        pyarrow = pytest.importorskip("pyarrow.parquet")
    assert main(["decide", policy, one, "-o", str(out)]) == 0
    assert "of 400 inputs to query; coverage" in capsys.readouterr().err
    assert sorted(p.name for p in tmp_path.glob("decisions*")) == [out.name]
    if "csv" in ending:
        opener = gzip.open if ending == ".csv.gz" else open
        with opener(out, "rt", newline="") as file:
            found = list(csv.DictReader(file))
        names = [row["id"] for row in found]
        kept = [row["kept"] == "True" for row in found]
    elif ending == ".parquet":
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
    assert "--base-ms" in capsys.readouterr().err
    assert main([*command, "--base-ms", "120"]) == 2
    assert "need a budget of costs" in capsys.readouterr().err
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
    assert "--y is for tables" in capsys.readouterr().err


def test_a_closed_pipe_is_no_error(one, tmp_path):
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


PREDICTIONS = "id,cat,dog,elk,y\na,.2,.3,.5,elk\nb,.6,.3,.1,cat\nc,.1,.8,.1,dog\n"


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda t: t.replace(".6", ""), "Got '' in column 'cat', row 1"),
        (lambda t: t.replace(".6", "a lot"), "Got 'a lot' in column 'cat', row 1"),
        (lambda t: t.replace("id,", ","), "a column without a name"),
        (lambda t: t.replace("cat\n", "\n"), "not in classes: ['']"),
        (lambda t: t.replace("dog,elk", "cat,elk"), "a name of its own"),
        (lambda t: t[:-9], "cells in line"),
        (lambda t: t.replace("cat", "Cat", 1), "not in classes: ['cat']"),
        (lambda t: "", "a name of its own"),
    ],
)
def test_faults_of_a_table_are_reported(spoil, says, tmp_path, capsys):
    path = tmp_path / "base.csv"
    path.write_text(spoil(PREDICTIONS))
    options = [
        "--id",
        "id",
        "--y",
        "y",
        "-o",
        str(tmp_path / "p"),
        "--router",
        "margin",
    ]
    assert main(["fit", str(path), *options]) == 2
    assert says in capsys.readouterr().err


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("base.csv", PREDICTIONS.encode("utf-8-sig")),
        ("base.csv", PREDICTIONS.replace("\n", "\r\n").encode()),
        ("base.csv", PREDICTIONS.replace(",", ";").replace(".", "0,").encode()),
        ("base.txt", PREDICTIONS.replace(",", "\t").encode()),
        ("base.csv.gz", gzip.compress(PREDICTIONS.encode())),
    ],
    ids=["byte-order mark", "Windows", "decimal comma", "tabs", "packed"],
)
def test_tables_of_other_programs_are_read_alike(name, written, tmp_path):
    (tmp_path / "plain.csv").write_text(PREDICTIONS)
    (tmp_path / name).write_bytes(written)
    columns = ["id", "cat", "dog", "elk", "y"]
    plain = read_table(tmp_path / "plain.csv", {"id", "y"})
    found = read_table(tmp_path / name, {"id", "y"})
    assert found.column_names == columns
    for column in columns:
        np.testing.assert_array_equal(found[column], plain[column])


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (gzip.compress(PREDICTIONS.encode())[:-12], "is damaged"),
        (PREDICTIONS.encode("utf-16"), "is not a UTF-8 CSV file"),
        (b"PAR1", "is not a readable parquet file"),
    ],
    ids=["cut off", "UTF-16", "parquet"],
)
def test_a_damaged_table_is_named(written, says, tmp_path):
    pytest.importorskip("pyarrow")
    path = tmp_path / "base.csv.gz"
    path.write_bytes(written)
    with pytest.raises(ValueError, match=f"base.csv.gz {says}"):
        read_table(path)


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ("", "is a folder. Name a file in it"),
        ("nowhere/decisions.csv", "nowhere does not exist"),
        ("decisions.json", "must end in .csv, "),
    ],
)
def test_unwritable_outputs_are_refused_early(output, says, tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["decide", "no policy", "no file", "-o", str(tmp_path / output)])
    assert says in capsys.readouterr().err


def test_messages_name_options_as_they_are_typed(one, tmp_path, capsys):
    command = ["fit", one, "-o", str(tmp_path / "p"), "--budget", "max_latency_ms=9"]
    assert main(command) == 2
    assert "one of --base-macs and --base-ms" in capsys.readouterr().err
    assert main(["fit", str(tmp_path / "none.csv"), *command[2:]]) == 2
    assert capsys.readouterr().err.endswith("none.csv: No such file or directory\n")


@pytest.mark.filterwarnings("default")
def test_a_warning_is_a_line(tmp_path, capsys):
    path = tmp_path / "base.csv"
    path.write_text(PREDICTIONS)
    options = ["--id", "id", "--y", "y", "--router", "margin"]
    assert main(["fit", str(path), *options, "-o", str(tmp_path / "p")]) == 0
    printed = capsys.readouterr()
    assert re.fullmatch(r"selective-query: warning: 3 .*\n", printed.err)
    assert printed.out.startswith("Outcomes of 3 rows, 3 classes (cat, dog, elk)")


def test_a_budget_of_money_needs_a_price(one, tmp_path, capsys):
    options = ["--base-ms", "1", "--router", "margin"]
    for command in (
        ["fit", one, "-o", str(tmp_path / "p"), "--budget", "max_price=0.001"],
        ["plan", one, "--max-price", "0.001"],
    ):
        assert main([*command, *options]) == 2
        assert "--set cloud.price_per_query=" in capsys.readouterr().err
        assert main([*command, *options, "--set", "cloud.price_per_query=0.004"]) == 0
    price = ["--budget", "max_price=0.001", "--set", "cloud.price_per_query=0.004"]
    assert main(["fit", one, "-o", str(tmp_path / "p"), *price, *options[2:]]) == 0
    assert load(tmp_path / "p").operating_point_.coverage == pytest.approx(
        0.75, abs=0.03
    )


def test_what_is_not_known_is_left_out_of_a_report(one, tmp_path, capsys):
    policy, alone = str(tmp_path / "p"), tmp_path / "alone.csv"
    outcomes = Outcomes.from_file(one)
    parts = {"base_proba": outcomes.base_proba, "y": outcomes.y}
    Outcomes(**parts, classes=outcomes.classes).to_file(alone)
    assert main(["fit", str(alone), "-o", policy, "--router", "margin"]) == 0
    capsys.readouterr()
    assert main(["evaluate", policy, str(alone)]) == 0
    printed = capsys.readouterr().out
    assert "base_accuracy" in printed
    assert "nan" not in printed
    assert answered(["evaluate", policy, str(alone)], capsys)["global_accuracy"] is None


def test_counts_are_printed_as_json_with_a_file_of_decisions(one, tmp_path, capsys):
    policy, out = str(tmp_path / "p"), tmp_path / "out.csv"
    assert main(["fit", one, "-o", policy, "--router", "margin"]) == 0
    capsys.readouterr()
    found = answered(["decide", policy, one, "-o", str(out)], capsys)
    assert found["output"] == str(out)
    lines = out.read_text().splitlines()
    assert sum(",False," in line for line in lines) == found["n_queried"] > 0
    assert main(["fit", one, "-o", "-"]) == 2
    assert "is a binary file" in capsys.readouterr().err
