"""The base in C: a model converted to steps, or a net between steps."""

from dataclasses import dataclass

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from selective_query._models.answers import LOGITS
from selective_query._models.layers import layer_outputs, net_of
from selective_query._utils.validation import encode_labels
from selective_query.exceptions import ExportError
from selective_query.export._base_steps import BaseProgram, base_program
from selective_query.export._base_steps.inputs import Inputs
from selective_query.export._base_steps.models import transformed
from selective_query.export._c import twin
from selective_query.export._c.nets import Int8Net, int8_net
from selective_query.export._c.single import steps_in_single
from selective_query.routers import Steps

DTYPES = ("float32", "int8")
NET = "net"
# Rows on which a layer is compared with the last layer's input.
N_COMPARED = 8


@dataclass(frozen=True, eq=False)
class Base:
    """A base in C.

    Parameters
    ----------
    program : BaseProgram
        Reads ``X``. A net is a step that reads the part ``net``, with the net's input
        as its own.
    input_shape : tuple of int
        Shape of one input.
    net : Int8Net or None
    """

    program: BaseProgram
    input_shape: tuple
    net: Int8Net | None = None

    def parts(self, X):
        """Return the parts that the steps read, for rows (n_samples, *input_shape)."""
        if self.net is None:
            return {"X": X}
        steps = self.program.steps
        fed = next(
            step.inputs[0] for step in steps if step.parameters.get("part") == NET
        )
        tables = twin.run(steps_in_single(steps[: fed + 1]), lambda part, width: X)
        return {"X": X, NET: self.net.reference(tables[fed])}


def base_of(subject, dtype, rows, folder, core):
    """Convert the base of a subject; a net is written into the folder.

    Parameters
    ----------
    subject : Subject
    dtype : {"float32", "int8"} or None
        None takes int8 for a net and float32 for everything else.
    rows : ndarray or None
        Inputs on which the activation ranges of a net are observed.
    folder : Path
    core : str or None
        A Cortex-M core with faster kernels.

    Returns
    -------
    Base

    Raises
    ------
    ExportError
        If the base cannot be converted to C of this dtype.
    """
    is_net = net_of(subject.base) is not None
    if dtype not in (None, *DTYPES):
        raise ValueError(f"dtype must be one of {', '.join(DTYPES)}. Got {dtype!r}.")
    if dtype == ("float32" if is_net else "int8"):
        raise ExportError(_other_type(type(subject.base).__name__, is_net))
    if not is_net:
        program = base_program(subject.base, subject.classes, subject.features)
        return Base(program, (program.n_inputs,))
    if rows is None:
        raise ExportError(
            "A net is exported in int8, which needs inputs to set the ranges of its "
            "activations. Give calibration=, a few hundred rows of X or more."
        )
    rows = np.asarray(rows, np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("calibration must be finite. Drop such rows, or repair them.")
    if rows.size and rows.min() == rows.max():
        raise ValueError(
            f"calibration sets no ranges: all of it is {rows.flat[0]:g}. Give rows "
            "representative of future inputs, a few hundred or more."
        )
    before, model = _parted(subject.base)
    fed = np.float32(before.transform(rows)) if before.steps else rows
    net = int8_net(model, fed, folder, core=core)
    return Base(_around(net, before, subject, rows), rows.shape[1:], net)


def _parted(model):
    """Split a model into the transformers before a net, and the net."""
    if isinstance(model, FrozenEstimator):
        return _parted(model.estimator)
    if not isinstance(model, Pipeline):
        return Pipeline([]), model
    *before, (_, last) = model.steps
    inner, net = _parted(last)
    return Pipeline([*before, *inner.steps]), net


def _other_type(name, is_net):
    if is_net:
        return (
            f"{name} holds a net, which is exported in int8. Leave dtype out, or use "
            "export_onnx for single precision."
        )
    return f"{name} is exported in single precision; int8 is for nets. Leave dtype out."


def _around(net, before, subject, rows):
    """Return steps from inputs to a net, and from its outputs to probabilities."""
    steps, n_inputs = Steps(), int(np.prod(rows.shape[1:]))
    fed = steps.read("X", n_inputs)
    if before.steps:
        fed = transformed(before, Inputs.of_table(steps, fed, n_inputs)).table()
    features, logits = None, steps.add("read", fed, part=NET, width=net.n_outputs)
    if net.last_layer is not None:
        weight, bias = (part.astype(float) for part in net.last_layer)
        features = logits
        logits = steps.add("affine", features, weight=weight.T, bias=bias)
    proba = steps.add("softmax", logits)
    order = encode_labels(
        np.asarray(subject.base.classes_), subject.classes, "base_estimator"
    )
    if not np.array_equal(order, np.arange(len(subject.classes))):
        weight = np.zeros((len(order), len(subject.classes)))
        weight[np.arange(len(order)), order] = 1
        proba = steps.add("affine", proba, weight=weight, bias=None)
    _check_features(subject, rows, net.last_layer)
    read = features if subject.features not in (None, LOGITS) else None
    return BaseProgram(steps, n_inputs, proba, logits, read)


def _check_features(subject, rows, last_layer):
    """Refuse features other than the input of the net's last layer."""
    if "X" in subject.program.parts():
        raise ExportError(
            f"{subject.program.router} reads X, which a rule after a net in C cannot. "
            "Use a router that reads the base's outputs."
        )
    name = subject.features
    if name in (None, LOGITS):
        return
    if isinstance(name, str) and last_layer is not None:
        few, (weight, bias) = np.asarray(rows[:N_COMPARED], np.float32), last_layer
        logits, features = (_outputs(subject.base, n, few) for n in ("", name))
        if features.shape[1] == weight.shape[1] and np.allclose(
            features @ weight.T + bias, logits, atol=1e-4
        ):
            return
    raise ExportError(
        f"base_features={name!r} is not the input of the net's last linear layer, "
        "the only features that a net in C returns. Name the layer before that one, "
        "or fit the router on 'logits' or on no features."
    )


def _outputs(base, name, rows):
    return layer_outputs(base, name, lambda: base.predict_proba(rows))[1]
