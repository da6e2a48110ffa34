"""Calls with invalid values are refused by name, or answered correctly."""

import os
import traceback
import warnings
from dataclasses import fields, is_dataclass

import numpy as np
import pytest
from sklearn.exceptions import DataConversionWarning

from selective_query.exceptions import CalibrationWarning, ModelWarning
from tests.hostile import costs, models, parameters
from tests.hostile.calls import DATA, METRICS

# Errors raised in these files are deliberate; scikit-learn's checks name the parameter,
# like the package's own.
DOORS = (
    "selective_query",
    "_param_validation.py",
    os.path.join("utils", "validation.py"),
)
SHARE_OF_CALLS = 1 if os.environ.get("SELECTIVE_QUERY_HOSTILE") else 0.15

# Values replace answers and are not meant to be right.
pytestmark = pytest.mark.filterwarnings("ignore:The .* is right about")


def text_of(value):
    return f"{type(value).__name__} {str(value)[:80]!r}".replace("\n", " ")


def flat(result):
    """Return the numbers and strings of a result, by position."""
    if is_dataclass(result):
        result = {f.name: getattr(result, f.name) for f in fields(result)}
    if isinstance(result, dict):
        return [(k, *inner) for k, v in result.items() for inner in flat(v)]
    if isinstance(result, (list, tuple)):
        return [(k, *inner) for k, v in enumerate(result) for inner in flat(v)]
    return [(result,)]


def is_same(one, other):
    try:
        for a, b in zip(flat(one), flat(other), strict=True):
            assert a[:-1] == b[:-1]
            np.testing.assert_allclose(
                np.asarray(a[-1], float), np.asarray(b[-1], float), 1e-5, 1e-8
            )
    except (TypeError, ValueError):  # these are not numbers
        return a[-1] == b[-1]
    except AssertionError:
        return False
    return True


def fault(call, parameter, value):
    """Return what is wrong with a refusal; the answer if the value was accepted."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for told in (CalibrationWarning, DataConversionWarning, ModelWarning):
                warnings.simplefilter("ignore", told)
            return None, call(**{parameter: value})
    except Exception as error:
        frames = traceback.extract_tb(error.__traceback__)
        place = frames[-1]
        if not isinstance(error, (ValueError, TypeError)):
            found = f"{type(error).__name__}: {error}"
        elif not any(door in place.filename for door in DOORS):
            found = f"from {place.filename}:{place.lineno}: {error}"
        elif parameter not in str(error):
            found = f"does not name it: {error}"
        else:
            return "", None
        return found, None


def faults_of(call, share, seed=0):
    rng = np.random.default_rng(seed)
    right = call()
    for parameter in call.parameters:
        kind, valid = call.kinds[parameter], call.valid[parameter]
        for part in ("refused", "same", "odd"):
            for value in getattr(kind, part)(valid, rng):
                if rng.random() > share:
                    continue
                found, answer = fault(call, parameter, value)
                if found == "" and part != "same":
                    continue
                if found is None and part == "odd":
                    continue
                if found is None and part == "same":
                    if is_same(right, answer):
                        continue
                    found = "another answer"
                yield (
                    f"{call.name}({parameter}={text_of(value)}), {part}: "
                    f"{found or ('accepted' if part == 'refused' else 'refused')}"
                )


CALLS = DATA + METRICS + costs.CALLS + models.CALLS + parameters.CALLS


@pytest.mark.filterwarnings("ignore:Many rows share the score")
@pytest.mark.filterwarnings("ignore:The global is right about")
@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_invalid_values_are_refused_by_name(call):
    assert not list(faults_of(call, SHARE_OF_CALLS))
