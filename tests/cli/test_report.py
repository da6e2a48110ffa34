"""`selective-query report`: text, JSON, a page, from saved outcomes and a policy."""

import json
from html import escape

import numpy as np
import pytest

from selective_query import RoutingPolicy, save
from selective_query.cli import main
from selective_query.datasets import make_selective_query


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("saved")
    train, test = (make_selective_query(400, random_state=s).outcomes for s in (0, 1))
    test.to_file(folder / "test.csv")
    save(RoutingPolicy("margin", coverage=0.8).fit(train), folder / "policy.skops")
    report = RoutingPolicy("margin", coverage=0.8).fit(train).report(test)
    return [str(folder / "policy.skops"), str(folder / "test.csv")], report


def test_it_prints_the_report(files, capsys):
    paths, report = files
    assert main(["report", *paths]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(report.verdict)
    assert "Costs" not in printed


def test_it_prints_one_object(files, capsys):
    paths, report = files
    timed = ["--base-ms", "50", "--value", "0.01"]
    assert main(["report", *paths, "--json", *timed]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == report.verdict
    assert found["accuracy"] == report.accuracy
    assert found["costs"]["base alone"]["latency_ms"] == 50
    assert found["routing_verdict"]["verdict"]
    assert np.isfinite(found["intervals"]["accuracy"]).all()
    assert found["gap"]["base"]["name"] == "base"


def test_it_writes_a_page_under_the_name_given(files, capsys, tmp_path):
    paths, report = files
    page = tmp_path / "page"
    assert main(["report", *paths, "-o", str(page)]) == 0
    assert str(page) in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    assert main(["report", *paths, "-o", "-"]) == 0
    printed = capsys.readouterr().out
    assert escape(report.verdict) in printed.replace("\u00a0", " ")
    assert printed.rstrip().endswith("</html>")


def test_a_value_needs_costs(files, capsys):
    paths, _ = files
    assert main(["report", *paths, "--value", "1"]) == 2
    assert "--value is weighed against costs" in capsys.readouterr().err
