import numpy as np
import pytest

from selective_query import ChainOutcomes, Evidence, Outcomes, TopKProba

PROBA = np.array([[0.9, 0.1], [0.4, 0.6], [0.3, 0.7]])
Y = [0, 1, 0]


def tiers(**kwargs):
    return [
        Outcomes(base_proba=PROBA, y=Y, **kwargs),
        Outcomes(base_proba=PROBA[::-1], y=Y, **kwargs),
        Outcomes(base_pred=Y, y=Y, classes=[0, 1], **kwargs),
    ]


def test_what_is_spent_is_what_all_that_were_asked_cost():
    chain = ChainOutcomes(tiers(), costs=[1, 2, 4])
    assert chain.spent(np.array([0, 1, 2])).tolist() == [1, 3, 7]
    by_row = ChainOutcomes(tiers(), costs=[[1, 2, 4], [1, 0, 0], [5, 5, 5]])
    assert by_row.spent(np.array([2, 2, 0])).tolist() == [7, 1, 5]
    assert by_row.take([2, 0]).spent(np.array([0, 0])).tolist() == [5, 1]
    with pytest.raises(ValueError, match="knows no costs"):
        ChainOutcomes(tiers()).spent(0)


def test_a_step_is_a_pair_whose_global_is_whoever_answers():
    chain = ChainOutcomes(tiers())
    step = chain.step(0)
    assert step.global_utility.tolist() == [1, 1, 1]
    assert step.global_pred.tolist() == Y
    mixed = chain.step(0, np.array([1, 2, 1]))
    assert mixed.global_utility.tolist() == [0, 1, 1]
    assert mixed.global_pred.tolist() == [1, 1, 0]
    np.testing.assert_array_equal(mixed.base_proba, PROBA)
    dense = ChainOutcomes([*tiers()[:2], tiers()[0]]).step(0, np.array([1, 2, 1]))
    np.testing.assert_array_equal(dense.global_proba, PROBA[[2, 1, 0]])


def test_top_probabilities_and_grades_are_supported():
    top = TopKProba([[0], [1], [1]], [[0.9], [0.6], [0.7]], 2)
    tops = [Outcomes(base_proba=top, y=Y) for _ in range(3)]
    step = ChainOutcomes(tops).step(0, np.array([1, 1, 2]))
    assert step.global_pred.tolist() == [0, 1, 1]
    graded = ChainOutcomes.from_utilities(
        [[0, 0.5, 1], [1, 1, 0]], evidence=[Evidence(X=[[0], [1]]), None, None]
    )
    assert graded.step(0, np.array([1, 2])).global_utility.tolist() == [0.5, 0]
    assert graded.names == ("tier 0", "tier 1", "tier 2")


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: ChainOutcomes(tiers()[:1]), "at least two tiers"),
        (lambda: ChainOutcomes([tiers()[0], tiers()[1].take([0])]), "the same rows"),
        (lambda: ChainOutcomes(tiers(), costs=[1, 2]), "costs must be of shape"),
        (lambda: ChainOutcomes(tiers(), costs=[1, -2, 3]), "costs"),
        (lambda: ChainOutcomes(tiers(), names=["a", "a", "b"]), "one of its own"),
        (lambda: ChainOutcomes.from_utilities([1, 0]), "n_samples, n_tiers"),
        (lambda: ChainOutcomes.from_utilities([[1, 2]]), "base_utility"),
        (lambda: ChainOutcomes.from_utilities([[1, 0]], evidence=[None]), "each of"),
    ],
)
def test_what_is_no_chain_is_refused(make, match):
    with pytest.raises(ValueError, match=match):
        make()
