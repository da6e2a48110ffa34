"""Parameter constraints and input tags shared by all selective classifiers."""

from numbers import Integral, Real

from sklearn.utils import get_tags

from selective_query._utils.validation import (
    HasMethods,
    Interval,
    StrOptions,
)

OUT_OF_FOLD = "out_of_fold"
CONSTRAINTS = {
    "coverage": "no_validation",  # check_coverage gives a better message
    "confidence": [Interval(Real, 0, 1, closed="neither"), None],
    "calibration": [
        Interval(Real, 0, 1, closed="neither"),
        StrOptions({OUT_OF_FOLD}),
        None,
    ],
    "cv": ["cv_object"],
    "base_features": [str, callable, HasMethods(["transform"]), None],
    "device": "no_validation",  # check_device gives a better message
    "n_jobs": [Integral, None],
    "random_state": ["random_state"],
    "verbose": ["verbose"],
}


def tagged(tags, models):
    """Tags for the inputs that every model accepts."""
    try:
        inputs = [get_tags(model).input_tags for model in models]
        tags.input_tags.sparse = all(i.sparse for i in inputs)
        tags.input_tags.allow_nan = all(i.allow_nan for i in inputs)
    except Exception:
        # A third-party model without tags: keep the defaults, as scikit-learn does.
        pass
    return tags
