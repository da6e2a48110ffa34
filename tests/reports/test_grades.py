"""Of graded answers a report speaks of grades, never of right and wrong ones."""

import re

import numpy as np
import pytest

from selective_query import Outcomes, RoutingPolicy

RNG = np.random.default_rng(0)
GRADES = RNG.choice([0.0, 0.25, 0.5, 1.0], size=(2, 400))
DOUBT = RNG.random(400) / 2
PROBA = np.stack([1 - DOUBT, DOUBT], axis=1)
RIGHT = GRADES == 1
SAID = {
    True: {
        "repaired": "queried, and the global's answer has the higher grade",
        "harmed": "queried, although the base's answer has the higher grade",
        "in vain": "queried, and both have the same grade, below 100 %",
        "missed": "kept, although the base's grade is below 100 % and the global's is "
        "higher",
    },
    False: {
        "spared": "abstained, where the base's grade is below 100 %",
        "lost": "abstained, where the base's grade is 100 %",
        "missed": "answered with a grade below 100 %",
    },
}


def report_of(utilities, has_global):
    sides = {"global_utility": utilities[1]} if has_global else {}
    rows = Outcomes(
        base_proba=PROBA, base_utility=utilities[0], group=np.arange(400) % 3, **sides
    )
    return RoutingPolicy("margin", coverage=0.6).fit(rows).report(rows)


@pytest.mark.parametrize("has_global", [True, False])
def test_graded_answers_are_neither_right_nor_wrong(has_global):
    graded, plain = (report_of(of, has_global) for of in (GRADES, RIGHT))
    said = {kind: of["what"] for kind, of in graded.examples().items()}
    assert said == SAID[has_global]
    assert (
        not said.items() & {k: of["what"] for k, of in plain.examples().items()}.items()
    )
    page = re.sub("<(style|script)[^>]*>.*?</\\1>", "", graded.to_html(), flags=re.S)
    for text in (str(graded), re.sub("<[^>]*>", " ", page)):
        assert not re.search("(?i)right|wrong|correct|accurate|accuracy:", text)
        assert "Mean grade" in text
    assert "Mean grade" not in str(plain)


def test_a_lead_in_grades():
    graded = report_of(np.stack([0.5 * GRADES[0], np.ones(400)]), True)
    assert "above the base alone in mean grade" in str(graded)
    assert "below the global alone in mean grade" in str(graded)
