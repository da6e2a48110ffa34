"""Damaged files are refused by a ValueError, or load as the right kind of object.

A hundred of each kind at a time; ``pytest -m "not slow"`` runs the first three.
"""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from selective_query import BaseRouter, Outcomes, RoutingPolicy, load
from selective_query.classifiers.abstaining import AbstainingClassifier
from selective_query.classifiers.hybrid import HybridClassifier
from tests.files.fuzzed_files import (
    damaged_npz,
    damaged_skops,
    good_npz,
    good_skops,
    watched,
)

SAVED = RoutingPolicy, AbstainingClassifier, HybridClassifier, BaseRouter


def blocks(n, n_quick=3):
    return [
        pytest.param(i, marks=[pytest.mark.slow] if i >= n_quick else [])
        for i in range(n)
    ]


def seeds(block):
    return range(100 * block, 100 * block + 100)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    return good_skops(tmp_path_factory.mktemp("good"))


@pytest.mark.parametrize("block", blocks(12))
@pytest.mark.filterwarnings("ignore")
def test_damaged_policies_and_classifiers(block, good, tmp_path):
    path = tmp_path / "damaged.skops"
    for seed in seeds(block):
        damaged_skops(good[seed % len(good)], path, np.random.default_rng(seed))
        with watched() as seen:
            try:
                loaded = load(path)
            except ValueError as error:
                assert "damaged.skops" in str(error), seed
            else:
                assert isinstance(loaded, SAVED), seed
        assert not seen, seed


@pytest.mark.parametrize("block", blocks(14))
@pytest.mark.filterwarnings("ignore")
def test_damaged_predictions(block, tmp_path):
    good, path = good_npz(), tmp_path / "damaged.npz"
    for seed in seeds(block):
        damaged_npz(good[seed % 3], path, np.random.default_rng(seed))
        with watched() as seen:
            try:
                outcomes = Outcomes.from_file(path)
            except ValueError as error:
                assert "damaged.npz" in str(error), seed
            else:
                assert outcomes.n_rows >= 0, seed
        assert not seen, seed


@pytest.mark.slow
def test_nothing_that_is_loaded_crashes():
    found = subprocess.run(
        [sys.executable, "-m", "tests.files.fuzzed_files", "1200"],
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
    )
    assert found.returncode == 0, found.stdout[-9:] + found.stderr
