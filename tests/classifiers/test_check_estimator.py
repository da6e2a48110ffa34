import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from tests.classifiers.instances import ESTIMATORS, EXPECTED_FAILURES

# These checks use few rows and coarse scores.
pytestmark = [
    pytest.mark.filterwarnings("ignore::selective_query.exceptions.CalibrationWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.SkipTestWarning"),
]


@parametrize_with_checks(
    ESTIMATORS,
    expected_failed_checks=lambda e: EXPECTED_FAILURES.get(type(e).__name__, {}),
)
def test_scikit_learn_checks(estimator, check):
    check(estimator)
