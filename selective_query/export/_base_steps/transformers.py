"""Transformers before a model in a pipeline: scalers, selectors and projections."""

import numpy as np

from selective_query.exceptions import ExportError
from selective_query.export._base_steps.inputs import Inputs


def standard(scaler, inputs):
    # mean_ may exist although it is not subtracted.
    return _scaled(inputs, scaler.mean_ if scaler.with_mean else None, scaler.scale_)


def robust(scaler, inputs):
    return _scaled(inputs, scaler.center_, scaler.scale_)


def max_abs(scaler, inputs):
    _refuse_clip(scaler)
    return _scaled(inputs, None, scaler.scale_)


def min_max(scaler, inputs):
    _refuse_clip(scaler)
    factor, shift = scaler.scale_, scaler.min_
    return inputs.scaled(
        -shift / factor, 1 / factor, lambda x, j: x * factor[j] + shift[j]
    )


def selection(selector, inputs):
    return inputs.taken(selector.get_support())


def projection(model, inputs):
    """Convert a projection on components, with optional whitening."""
    weight = model.components_.T
    if getattr(model, "whiten", False):
        deviation = np.sqrt(model.explained_variance_)
        weight = weight / np.maximum(deviation, np.finfo(deviation.dtype).eps)
    mean = getattr(model, "mean_", None)
    bias = None if mean is None else -mean @ weight
    place = inputs.affine(weight, bias)
    return Inputs.of_table(inputs.steps, place, weight.shape[1])


def _scaled(inputs, centre, scale):
    # A scaler fitted without centre or scale stores None.
    centre = np.zeros(len(inputs)) if centre is None else centre
    scale = np.ones(len(inputs)) if scale is None else scale
    return inputs.scaled(centre, scale, lambda x, j: (x - centre[j]) / scale[j])


def _refuse_clip(scaler):
    if getattr(scaler, "clip", False):
        raise ExportError(
            f"{type(scaler).__name__}(clip=True) has no form as plain steps. Fit it "
            "with clip=False."
        )
