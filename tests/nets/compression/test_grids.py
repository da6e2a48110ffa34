import pytest

torch = pytest.importorskip("torch")

from selective_query.nets.compression import Grid
from selective_query.nets.compression.grids import RANGES
from selective_query.nets.compression.integer_layers import fixed_point


@pytest.mark.parametrize(("low", "high"), [(-1, 3), (0, 5), (-4, 0), (2, 7), (-0.3, 9)])
def test_a_grid_holds_zero_and_reaches_both_ends_within_a_step(low, high):
    grid = Grid.over(low, high)
    x = torch.linspace(min(low, 0), max(high, 0), 1001)
    assert grid.rounded(torch.zeros(1)) == 0
    # Half a step of rounding, and half a step because the grid is shifted to include
    # zero.
    assert (grid.rounded(x) - x).abs().max() <= grid.scale * 1.0001
    assert grid.scale == pytest.approx((max(high, 0) - min(low, 0)) / 255)
    assert torch.equal(grid.quantised(grid.rounded(x)), grid.quantised(x))


def test_values_outside_the_grid_are_clipped():
    grid = Grid.over(0, 1)
    assert grid.quantised(torch.tensor([-5.0, 5.0])).tolist() == [-128, 127]


def test_a_tensor_of_zeros_has_a_grid():
    assert Grid.over(0.0, 0.0).rounded(torch.zeros(3)).tolist() == [0, 0, 0]


def test_ranges_exclude_rare_extremes():
    values = torch.cat([torch.linspace(0, 1, 200_000), torch.tensor([3.0])])
    low, high = float(values.min()), float(values.max())
    grids = {name: rule(values, low, high) for name, rule in RANGES.items()}
    errors = {
        name: float((grid.rounded(values) - values).square().mean())
        for name, grid in grids.items()
    }
    assert errors["mse"] < errors["min_max"]
    assert grids["percentile"].scale < 1.01 / 255
    assert grids["mse"].scale < grids["min_max"].scale == 3 / 255


@pytest.mark.parametrize("factor", [0.7, 0.5, 1.0, 3.2e-5, 0.999999999999, 12.0, 1e-13])
def test_a_factor_in_whole_numbers(factor):
    multiplier, shift = fixed_point(factor)
    assert multiplier < 2**31
    assert 1 <= shift <= 62
    assert multiplier / 2**shift == pytest.approx(factor, rel=2**-30, abs=2**-62)
