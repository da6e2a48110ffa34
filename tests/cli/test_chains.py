import csv
import json

import numpy as np
import pytest

from selective_query.cli.commands import main


@pytest.fixture
def table(tmp_path):
    """Write a table of three models; scores are their probabilities of being right."""
    rng = np.random.default_rng(0)
    hard = rng.uniform(size=1200)
    right = rng.uniform(size=(1200, 3)) < np.column_stack(
        [1 - hard, 1 - hard / 2, np.full(1200, 0.95)]
    )
    path = tmp_path / "grades.csv"
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        names = "small", "small_cost", "small_score", "mid", "mid_cost", "mid_score"
        rows.writerow([*names, "big", "big_cost"])
        for h, (a, b, c) in zip(hard, right.astype(int), strict=True):
            rows.writerow([a, 1, 1 - h, b, 3, 1 - h / 2, c, 30])
    return path


MODELS = ["--models", "small", "mid", "big"]


def test_answering_models_are_written_and_the_budget_is_kept(table, tmp_path, capsys):
    out = tmp_path / "who.csv"
    command = ["chain", str(table), *MODELS, "--budget", "max_cost=8", "-o", str(out)]
    assert main(command) == 0
    printed = capsys.readouterr().out
    cost = float(printed.rsplit("mean cost", 1)[1])
    assert cost == pytest.approx(8, rel=0.15)
    assert "not worth the cost: small (--keep-all asks all)" in printed
    with open(out, newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["row"]) for row in rows] == list(range(1200))
    assert {row["model"] for row in rows} <= {"small", "mid", "big"}


def test_a_program_reads_ids_and_json(table, tmp_path, capsys):
    text = table.read_text().splitlines()
    rows = [f"r{i:04},{line}" for i, line in enumerate(text[1:])]
    table.write_text("\n".join([f"key,{text[0]}", *rows]))
    out = tmp_path / "who.tsv"
    command = ["chain", str(table), *MODELS, "--budget", "MAX-cost=8", "--json"]
    assert main([*command, "--id", "key", "-o", str(out)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(found["answers"].values()) == pytest.approx(1)
    assert found["mean_cost"] == pytest.approx(8, rel=0.15)
    assert found["models"] == list(found["grade_alone"])
    assert out.read_text().splitlines()[0] == "key\tmodel"
    assert out.read_text().splitlines()[1].startswith("r0000\t")


def test_some_may_go_without_an_answer(table, tmp_path, capsys):
    pandas = pytest.importorskip("pandas")
    pytest.importorskip("pyarrow")
    path = tmp_path / "grades.parquet"
    frame = pandas.read_csv(table)
    frame["big_score"] = np.random.default_rng(0).uniform(size=len(frame))
    frame.to_parquet(path)
    command = ["chain", str(path), *MODELS, "--budget", "max_cost=8"]
    assert main([*command, "--abstain", "0.1", "--keep-all"]) == 0
    assert "by none" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("models", "budget", "match"),
    [
        (["small", "huge"], "max_cost=3", "has no column"),
        (["small", "mid"], "max_cost=0.1", "cannot be"),
    ],
)
def test_missing_names_are_reported(table, models, budget, match, capsys):
    assert main(["chain", str(table), "--models", *models, "--budget", budget]) == 2
    assert match in capsys.readouterr().err


def test_a_meaningless_budget_is_refused(table, capsys):
    with pytest.raises(SystemExit):
        main(["chain", str(table), *MODELS, "--budget", "coverage=0.5"])
    assert "is no budget here. Choose one of max_cost" in capsys.readouterr().err
