"""Text of an attributed gap: its table, its largest part and its advice."""

import numpy as np
import pytest

from selective_query.metrics import GapAttribution, GapStep

NOTHING_SURE = (np.nan, np.nan)


def gap_of(
    losses,
    intervals=None,
    *,
    replicates=(),
    confidence=0.9,
    realised=0.8,
    parts=None,
    recovered=0.25,
    order=0.06,
    global_=0.04,
):
    """Return a gap with these losses, by the names of the steps."""
    left, steps = 1.0, []
    for name, loss in losses.items():
        left -= loss
        low, high = (intervals or {}).get(name, NOTHING_SURE)
        steps.append(GapStep(loss, low, high, left, name))
    gains = {"a perfect order": order, "more queries": 0.003}
    if global_ is not None:
        gains["a perfect global"] = global_
    return GapAttribution(
        steps=tuple(steps),
        coverage=0.8,
        realised_coverage=realised,
        accuracy=left,
        base_accuracy=0.7,
        global_accuracy=0.9,
        parts_of_shift=parts or {},
        would_gain=gains,
        recovered=recovered,
        n=40,
        confidence=confidence,
        replicates=np.array(replicates).reshape(-1, len(losses)),
    )


def test_the_largest_part_comes_first_with_what_goes_at_it():
    gap = gap_of({"base": 0.05, "global": 0.0, "ranking": 0.01})
    assert gap.advice().split("\n") == [
        "At coverage 80.0% the pair loses 6.0 points: base 5.0, ranking 1.0.",
        "Errors of the base beyond the number of queries cost 5.0 points, the largest "
        "part.",
        "A better base helps, or a lower coverage: five points more queries would gain "
        "0.3 points in this order.",
    ]
    lines = gap_of({"base": 0.01, "global": 0.05}).advice().split("\n")
    assert lines[1:] == [
        "The global's own errors cost 5.0 points, the largest part.",
        "A better global helps: a perfect one would gain 4.0 points in this order, and "
        "a perfect order of the rows 6.0 points with this global.",
    ]


MORE = "More evidence for the router (base_features=) or a router that learns helps"
GAINS = (
    " The router gains 25% of what a perfect order gains over a random one; no router "
    "gains all of it."
)


@pytest.mark.parametrize(
    ("kwargs", "expected"),
    [
        (
            {},
            f"{MORE} more than a better global: on the test rows a perfect order would "
            f"gain 6.0 points, a perfect global in this order 4.0 points.{GAINS}",
        ),
        (
            {"order": 0.04},
            f"{MORE}; but on the test rows a perfect global in this order would gain "
            f"4.0 points, a perfect order with this global 4.0 points.{GAINS}",
        ),
        ({"global_": None}, f"{MORE}.{GAINS}"),
        ({"global_": None, "recovered": np.nan}, f"{MORE}."),
        (
            {"global_": None, "recovered": -0.33},
            f"{MORE}. The router orders the rows worse than chance: queries of random "
            "rows would gain more.",
        ),
        ({"global_": None, "recovered": -0.001}, f"{MORE}.{GAINS.replace('25', '0')}"),
    ],
    ids=["order", "global", "none", "nothing to recover", "worse", "a little worse"],
)
def test_advice_on_ranking(kwargs, expected):
    lines = gap_of({"base": 0.0, "ranking": 0.06}, **kwargs).advice().split("\n")
    assert lines[1:] == ["Ranking loses 6.0 points, the largest part.", expected]


def test_a_tie_is_named_with_both_remedies():
    losses = {"base": 0.05, "ranking": 0.04}
    ends = {"base": (0.0, 0.1), "ranking": (0.0, 0.1)}
    unsure = gap_of(losses, ends, replicates=[[0.0, 0.1], [0.1, 0.0]]).advice()
    lines = unsure.split("\n")
    assert lines[1].endswith(
        "the largest part, though not significantly larger than ranking."
    )
    assert lines[2].startswith("A better base helps")
    assert lines[3].startswith(MORE)
    assert len(lines) == 4
    sure = gap_of(losses, ends, replicates=[[0.1, 0.0], [0.2, 0.0]]).advice()
    assert sure.split("\n")[1].endswith("the largest part.")
    # A single step cannot be confused with another one.
    alone = gap_of({"base": 0.05}, {"base": (0.0, 0.1)}, replicates=[[0.1], [0.2]])
    assert alone.advice().split("\n")[1].endswith("the largest part.")


def test_the_first_is_sure_by_the_lower_end_of_its_lead():
    # One of eleven leads is below zero: so is the quantile at .05, but not that at .1.
    lead = np.append(-0.03, np.full(10, 0.01))
    replicates = np.column_stack([0.02 - lead, np.full(11, 0.02)])
    losses = {"base": 0.01, "global": 0.03}
    for confidence, sure in ((0.9, False), (0.8, True)):
        gap = gap_of(losses, replicates=replicates, confidence=confidence)
        steps, found = gap.largest()
        assert [step.name for step in steps] == ["global", "base"]
        assert found == sure
    assert not gap_of(losses, replicates=np.full((3, 2), 0.02)).largest()[1]


def test_equal_losses_keep_their_order():
    steps, sure = gap_of({"base": 0.02, "global": 0.02, "ranking": 0.02}).largest()
    assert [step.name for step in steps] == ["base", "global", "ranking"]
    assert not sure


EASIER = (
    "The test rows are easier than the calibration rows, or were answered by models "
    "fitted on more rows."
)
KEPT = "It kept {:.1%} of the test rows where 80.0% was requested"


def test_shift_and_threshold_are_spoken_of_where_they_are_told_from_zero():
    losses = {"base": 0.2, "ranking": 0.05, "shift": 0.03, "threshold": -0.01}

    def later(shift, threshold, *, shift_loss=0.03):
        ends = {"base": (0.1, 0.3), "shift": shift, "threshold": threshold}
        gap = gap_of(
            losses | {"shift": shift_loss},
            ends,
            replicates=[[0.2, 0.0, shift_loss, 0.0]] * 3,
            realised=0.7,
            parts={"base": 0.01, "ranking": 0.02},
        )
        return gap.advice().split("\n")[3:]

    more_queries = (
        KEPT.format(0.7) + ": more queries than requested. More calibration rows, or "
        "recent ones, bring it closer, and confidence= makes it keep at least the "
        "requested share."
    )
    in_ranking = (
        "Most of it is in ranking (2.0 points). Check what changed, and calibrate on "
        "recent rows."
    )
    assert later((0, 0.1), (-0.02, 0)) == []
    assert later((0.01, 0.1), (-0.02, 0)) == ["Shift loses 3.0 points.", in_ranking]
    assert later((-0.1, 0.1), (-0.02, -0.01)) == [
        "Threshold gains 1.0 point.",
        more_queries,
    ]
    assert later((-0.04, -0.02), (-0.02, 0), shift_loss=-0.03) == [
        "Shift gains 3.0 points.",
        EASIER,
    ]
    # The largest part is not mentioned again.
    assert later((0.1, 0.5), (-0.02, 0), shift_loss=0.4) == []


@pytest.mark.parametrize(
    ("realised", "expected"),
    [
        (
            0.85,
            KEPT.format(0.85) + ", so it queried less than allowed. More "
            "calibration rows, a score with fewer ties or a lower confidence= bring it "
            "closer.",
        ),
        (0.8, KEPT.format(0.8) + "."),
    ],
)
def test_advice_on_the_threshold(realised, expected):
    gap = gap_of({"base": 0.0, "threshold": 0.01}, realised=realised)
    assert gap.advice().split("\n")[1:] == [
        "The threshold loses 1.0 point, the largest part.",
        expected,
    ]


def test_without_a_loss_there_is_nothing_to_advise():
    for losses in ({"base": 0.0, "ranking": 0.0}, {"base": -0.1, "ranking": 0.0}):
        assert gap_of(losses).advice() == "At coverage 80.0% no step loses anything."
    assert "Errors of the base" in gap_of({"base": 1e-4}).advice()


@pytest.mark.parametrize(
    ("loss", "said"),
    [
        (0.01, "1.0 point,"),
        (0.0104, "1.0 point,"),
        (0.011, "1.1 points,"),
        (0.0004, "0.04 points,"),
        (0.001, "0.1 points,"),
    ],
)
def test_points(loss, said):
    assert f"cost {said} the largest part" in gap_of({"base": loss}).advice()


def test_a_gain_of_nothing_is_said_with_one_digit():
    assert "would gain 0.0 points, a perfect order" in (
        gap_of({"ranking": 0.1}, order=0.0, global_=0.0).advice()
    )


def test_the_printed_table():
    gap = gap_of(
        {"base": 0.1, "shift": -0.0125},
        {"base": (0.05, 0.15)},
        parts={"base": -0.02, "ranking": 0.0075},
        realised=0.775,
    )
    assert str(gap).split("\n") == [
        "40 test rows; coverage 0.800 requested, 0.775 realised; losses in points "
        "of accuracy",
        "step           loses            interval    leaves",
        "perfect                                     100.00",
        "base           10.00       5.00 to 15.00     90.00",
        "shift          -1.25                         91.25",
        "  base         -2.00",
        "  ranking       0.75",
        "all             8.75                         91.25",
    ]
    assert gap.to_frame().to_dict("list") == {
        "step": ["base", "shift"],
        "loss": [0.1, -0.0125],
        "low": [0.05, pytest.approx(np.nan, nan_ok=True)],
        "high": [0.15, pytest.approx(np.nan, nan_ok=True)],
        "accuracy": [0.9, 0.9125],
    }


def test_steps_are_found_by_name():
    gap = gap_of({"base": 0.1, "ranking": 0.2})
    assert gap["ranking"].loss == 0.2
    assert "base" in gap and "shift" not in gap
    with pytest.raises(KeyError, match="no step 'shift'; there are base, ranking"):
        gap["shift"]
