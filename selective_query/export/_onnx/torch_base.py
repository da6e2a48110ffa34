"""Convert torch nets to graphs with torch's own exporter."""

import logging
import warnings
from contextlib import contextmanager

import numpy as np
import torch
from sklearn.pipeline import Pipeline

from selective_query.exceptions import ExportError
from selective_query.export._onnx.graph import OPSET
from selective_query.export._onnx.joining import source_of
from selective_query.export._onnx.packages import package


class Answering(torch.nn.Module):
    """A net that returns probabilities and the outputs of one of its layers.

    Parameters
    ----------
    net : nn.Module
    to_proba : callable
        Converts the net's output to probabilities.
    layer : str or None
        Name of the layer; "" for the whole net, None for no layer. Feature maps are
        averaged over their positions.
    """

    def __init__(self, net, to_proba, layer=None):
        super().__init__()
        self.net, self.to_proba, self.layer = net, to_proba, layer

    def forward(self, x):
        if self.layer is None:
            return self.to_proba(_first(self.net(x)))
        outputs = []
        handle = self.net.get_submodule(self.layer).register_forward_hook(
            lambda layer, given, output: outputs.append(_first(output))
        )
        try:
            proba = self.to_proba(_first(self.net(x)))
        finally:
            handle.remove()
        return proba, _pooled(outputs[0])


def _first(output):
    return output[0] if isinstance(output, tuple) else output


def _pooled(output):
    if output.ndim == 1:
        return output[:, None]
    return output.mean(dim=tuple(range(2, output.ndim))) if output.ndim > 2 else output


def source_of_net(model, net, rows, part=None, layer=None, name="X"):
    """Convert a fitted net to a graph of its inputs.

    Parameters
    ----------
    model : estimator with the interface of skorch
    net : nn.Module
        The net in it.
    rows : ndarray of shape (n_samples, ...)
        Example inputs that define shape and type.
    part : {"base_logits", "base_features"} or None
        Part of the evidence that `layer` provides.
    layer : str or None
    name : str
        Name of the input.

    Returns
    -------
    ModelProto

    Raises
    ------
    ExportError
        If torch cannot export it.
    """
    package("onnxscript")
    names = ["base_proba"] if part is None else ["base_proba", part]
    answering = Answering(net, _to_proba(model), layer).eval()
    # With a single row, torch would treat the batch size as a constant.
    rows = torch.from_numpy(np.ascontiguousarray(np.resize(rows, (2, *rows.shape[1:]))))
    try:
        with _quiet():
            program = torch.onnx.export(
                answering,
                (rows,),
                dynamo=True,
                input_names=[name],
                output_names=[f"{name}_of_net" for name in names],
                opset_version=OPSET,
                dynamic_shapes=({0: torch.export.Dim("N")},),
                verbose=False,
            )
    except Exception as error:
        # The exporter raises errors of many types.
        raise ExportError(
            f"The net {type(net).__name__} of the base has no form in ONNX: torch says "
            f"{_said(error)!r}. Write a forward whose control flow does not depend on "
            "the values or the number of rows, or export the policy alone."
        ) from error
    return source_of(program.model_proto, {f"{name}_of_net": name for name in names})


def _said(error):
    """Return the first line of the root cause."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0][:200]


@contextmanager
def _quiet():
    """Suppress messages about failed export attempts and optional packages."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _to_proba(model):
    """Return the function from a net's output to its estimator's probabilities."""
    if isinstance(model, Pipeline):
        model = model.steps[-1][1]
    find = getattr(model, "_get_predict_nonlinearity", None)
    return (lambda output: output.softmax(1)) if find is None else find()
