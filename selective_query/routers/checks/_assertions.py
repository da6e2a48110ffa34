"""Shared by the checks: approximate equality, and expected errors."""

import numpy as np

# Tolerance for scores of one row in different batches or orders.
TOLERANCE = 1e-6


def assert_alike(score, expected):
    """Assert equality up to a thousandth of the spread."""
    np.testing.assert_allclose(score, expected, atol=1e-3 * np.ptp(expected))


def params_of(router):
    """Constructor parameters as text."""
    return {name: repr(value) for name, value in router.get_params().items()}


def assert_raises(kind, text, call):
    """Return the error that a call must raise; its message must contain the text."""
    try:
        call()
    except Exception as error:
        assert isinstance(error, kind), f"{kind.__name__} expected. Got {error!r}."
        assert text in str(error), f"{text!r} is not named in: {error}"
        return error
    raise AssertionError(f"{kind.__name__} expected. Nothing was raised.")
