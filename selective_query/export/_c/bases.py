"""What runs before the rule in C: a model as steps, or a net between steps."""

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
# Rows on which a layer is compared with what the last layer reads.
N_COMPARED = 8


@dataclass(frozen=True, eq=False)
class Base:
    """A base in C.

    Parameters
    ----------
    program : BaseProgram
        Reads ``X``. A net is a step that reads the part ``net``, and takes what it
        is fed.
    input_shape : tuple of int
        Of one input.
    net : Int8Net or None
    """

    program: BaseProgram
    input_shape: tuple
    net: Int8Net | None = None

    def parts(self, X):
        """What the steps read of rows of shape (n_samples, *input_shape)."""
        if self.net is None:
            return {"X": X}
        steps = self.program.steps
        fed = next(
            step.inputs[0] for step in steps if step.parameters.get("part") == NET
        )
        tables = twin.run(steps_in_single(steps[: fed + 1]), lambda part, width: X)
        return {"X": X, NET: self.net.reference(tables[fed])}


def base_of(subject, dtype, rows, folder, core):
    """The base of a subject, written into a folder where it is a net.

    Parameters
    ----------
    subject : Subject
    dtype : {"float32", "int8"} or None
        None takes int8 for a net and float32 for all else.
    rows : ndarray or None
        Inputs on which the ranges of a net are observed.
    folder : Path
    core : str or None
        A Cortex-M, for which there are quicker kernels.

    Returns
    -------
    Base

    Raises
    ------
    ExportError
        When the base has no form in C of this type.
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
            "A net is exported in int8, and some inputs must tell the ranges of its "
            "activations. Give calibration=, a few hundred rows of X or more."
        )
    rows = np.asarray(rows, np.float32)
    if not np.isfinite(rows).all():
        raise ValueError("calibration must be finite. Drop such rows, or repair them.")
    if rows.size and rows.min() == rows.max():
        raise ValueError(
            f"calibration tells no ranges: all of it is {rows.flat[0]:g}. Give rows of "
            "the kind that the net will see, a few hundred or more."
        )
    before, model = _parted(subject.base)
    fed = np.float32(before.transform(rows)) if before.steps else rows
    net = int8_net(model, fed, folder, core=core)
    return Base(_around(net, before, subject, rows), rows.shape[1:], net)


def _parted(model):
    """What stands before a net in pipelines, and the net."""
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
    """Steps from inputs to a net, and from what it puts out to class probabilities."""
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
    """Refuse features that are not what the last layer of the net reads."""
    if "X" in subject.program.parts():
        raise ExportError(
            f"{subject.program.router} reads X, which a rule behind a net in C does "
            "not. Fit a router on what the base puts out."
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
        f"base_features={name!r} is not what the last linear layer of the net reads, "
        "which is all that a net in C gives. Name the layer before that one, or fit "
        "the router on 'logits' or on no features."
    )


def _outputs(base, name, rows):
    return layer_outputs(base, name, lambda: base.predict_proba(rows))[1]
