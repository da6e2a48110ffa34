"""The int8 net in NumPy: the same integers as its C code, for many rows at once."""

import numpy as np

LOWEST, HIGHEST = -128, 127
ROWS_AT_ONCE = 100
ADDING_SHIFT = 20  # extra bits of both operands of a sum


def run_plan(plan, x):
    """Return the outputs of a plan's C code, byte for byte.

    Parameters
    ----------
    plan : bakenn.plan.ExecutionPlan
    x : ndarray of shape (n_rows, ...), int8
        In the layout of the plan's input, without its leading axis of length 1.

    Returns
    -------
    ndarray of shape (n_rows, ...), int8
    """
    if not len(x):
        return np.empty((0, *_shape(plan, plan.outputs[0])), np.int8)
    parts = [x[i : i + ROWS_AT_ONCE] for i in range(0, len(x), ROWS_AT_ONCE)]
    return np.concatenate([_run(plan, part) for part in parts])


def _run(plan, x):
    values = {**plan.constants, plan.inputs[0]: x}
    for step in plan.steps:
        values[step.outputs[0]] = _STEPS[type(step).__name__](step, plan, values)
    return values[plan.outputs[0]]


def requantised(total, multiplier, shift):
    """Return integers times multiplier / 2^31 times 2^shift, rounded twice.

    The product is rounded first, then the shift, both half away from zero, as in
    gemmlowp and Arm kernels derived from it.
    """
    product = (total << np.maximum(shift, 0)) * multiplier
    product += np.where(product >= 0, 1 << 30, 1 - (1 << 30))
    high = np.sign(product) * (np.abs(product) >> 31)
    right = np.maximum(-np.asarray(shift), 0)
    half = (1 << right) >> 1
    return np.sign(high) * ((np.abs(high) + half) >> right)


def _grid(plan, name):
    return plan.tensors[name].tensor_type.qparams


def _shape(plan, name):
    return plan.tensors[name].tensor_type.shape[1:]


def _centred(plan, values, name, dtype=np.int64):
    return values[name].astype(dtype) - _grid(plan, name).zero_point


def _clipped(step, q):
    low = getattr(step, "activation_min", LOWEST)
    high = getattr(step, "activation_max", HIGHEST)
    return np.clip(q, low, high).astype(np.int8)


def _layer_output(step, plan, total):
    """Convert sums of products, exact in float64, to the int8 output."""
    q = requantised(
        total.astype(np.int64), np.array(step.multipliers), np.array(step.shifts)
    )
    return _clipped(step, q + _grid(plan, step.output).zero_point)


def _windows(x, step, kernel, n_out, fill=0, dilation=(1, 1)):
    """Yield each kernel position with the inputs of all windows there."""
    above, below, left, right = step.padding
    sides = ((0, 0), (above, below), (left, right), (0, 0))
    x = np.pad(x, sides, constant_values=fill)
    (height, width), (down, across) = n_out, step.stride
    for i in range(kernel[0]):
        for j in range(kernel[1]):
            y, z = i * dilation[0], j * dilation[1]
            rows = slice(y, y + (height - 1) * down + 1, down)
            yield i, j, x[:, rows, z : z + (width - 1) * across + 1 : across]


def _convolution(step, plan, values):
    x = _centred(plan, values, step.input, np.float64)
    weight = values[step.weight].astype(np.float64)
    n_out, kernel = _shape(plan, step.output), weight.shape[1:3]
    total = np.zeros((len(x), *n_out)) + values[step.bias]
    n_in, n_each = weight.shape[3], weight.shape[0] // step.groups
    for i, j, window in _windows(x, step, kernel, n_out[:2], 0, step.dilation):
        for group in range(step.groups):
            outputs = slice(group * n_each, (group + 1) * n_each)
            inputs = slice(group * n_in, (group + 1) * n_in)
            total[..., outputs] += window[..., inputs] @ weight[outputs, i, j].T
    return _layer_output(step, plan, total)


def _depthwise(step, plan, values):
    x = _centred(plan, values, step.input, np.float64)
    x = np.repeat(x, step.depth_multiplier, axis=3)
    weight, n_out = values[step.weight], _shape(plan, step.output)
    total = np.zeros((len(x), *n_out)) + values[step.bias]
    for i, j, window in _windows(
        x, step, weight.shape[:2], n_out[:2], 0, step.dilation
    ):
        total += window * weight[i, j]
    return _layer_output(step, plan, total)


def _sum(step, plan, values):
    total = 0
    for side in "ab":
        x = _centred(plan, values, getattr(step, f"input_{side}")) << ADDING_SHIFT
        factor = (getattr(step, f"input_{side}_{of}") for of in ("multiplier", "shift"))
        total = total + requantised(x, *factor)
    q = requantised(total, step.output_multiplier, step.output_shift)
    return _clipped(step, q + _grid(plan, step.output).zero_point)


def _product(step, plan, values):
    total = _centred(plan, values, step.input_a) * _centred(plan, values, step.input_b)
    q = requantised(total, step.output_multiplier, step.output_shift)
    return _clipped(step, q + _grid(plan, step.output).zero_point)


def _moved(step, plan, values):
    q = requantised(
        _centred(plan, values, step.input), step.multiplier, step.shift
    ) + _grid(plan, step.output).zero_point  # fmt: skip
    return _clipped(step, q)


def _mean(step, plan, values):
    total = _centred(plan, values, step.input).sum(axis=(1, 2))
    q = requantised(total, step.multiplier, step.shift)
    q = _clipped(step, q + _grid(plan, step.output).zero_point)
    return q.reshape(len(q), *_shape(plan, step.output))


def _mean_pool(step, plan, values):
    x, n_out = _centred(plan, values, step.input), _shape(plan, step.output)
    total = sum(w for _, _, w in _windows(x, step, step.kernel, n_out[:2]))
    n = step.kernel[0] * step.kernel[1]
    q = np.sign(total) * ((np.abs(total) + n // 2) // n)
    return _clipped(step, q + _grid(plan, step.input).zero_point)


def _max_pool(step, plan, values):
    n_out = _shape(plan, step.output)[:2]
    windows = _windows(values[step.input], step, step.kernel, n_out, LOWEST)
    return _clipped(step, np.max([window for _, _, window in windows], axis=0))


def _looked_up(step, plan, values):
    return np.array(step.lut, np.int8)[values[step.input].astype(np.int16) - LOWEST]


def _reshaped(step, plan, values):
    return values[step.input].reshape(-1, *_shape(plan, step.output))


def _clamped(step, plan, values):
    return _clipped(step, values[step.input])


def _joined(step, plan, values):
    return np.concatenate([values[n] for n in step.input_names], axis=step.axis)


_STEPS = {
    "Conv2DStep": _convolution,
    "DepthwiseConv2DStep": _depthwise,
    "AddStep": _sum,
    "MulStep": _product,
    "RequantizeStep": _moved,
    "ReduceMeanStep": _mean,
    "AveragePool2DStep": _mean_pool,
    "MaxPool2DStep": _max_pool,
    "LUTActivationStep": _looked_up,
    "ReshapeStep": _reshaped,
    "ClampStep": _clamped,
    "ConcatenateStep": _joined,
}
