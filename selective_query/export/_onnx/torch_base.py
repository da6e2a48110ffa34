"""Torch nets as graphs, by torch's own exporter."""

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
    """A net that gives out probabilities, and what one of its layers does.

    Parameters
    ----------
    net : nn.Module
    to_proba : callable
        Makes probabilities of the net's output.
    layer : str or None
        Its name; "" is the whole net, and None reads nothing. Feature maps are averaged
        over their positions.
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
    """A fitted net as a graph of its inputs.

    Parameters
    ----------
    model : estimator of skorch's kind
    net : nn.Module
        In it.
    rows : ndarray of shape (n_samples, ...)
        Inputs that tell its shapes and type.
    part : {"base_logits", "base_features"} or None
        What `layer` is read as.
    layer : str or None
    name : str
        Of the input.

    Returns
    -------
    ModelProto

    Raises
    ------
    ExportError
        When torch cannot export it.
    """
    package("onnxscript")
    names = ["base_proba"] if part is None else ["base_proba", part]
    answering = Answering(net, _to_proba(model), layer).eval()
    # Of one row torch would take the size of a batch for a constant.
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
        # The exporter raises errors of some ten kinds.
        raise ExportError(
            f"The net {type(net).__name__} of the base has no form in ONNX: torch says "
            f"{_said(error)!r}. Write its forward without what depends on the values "
            "or the number of rows, or export the policy alone."
        ) from error
    return source_of(program.model_proto, {f"{name}_of_net": name for name in names})


def _said(error):
    """What went wrong at first, in a line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error).strip().partition("\n")[0][:200]


@contextmanager
def _quiet():
    """No word of what torch gives up, or of packages that nobody needs."""
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
    """What makes probabilities of a net's output, as its estimator does."""
    if isinstance(model, Pipeline):
        model = model.steps[-1][1]
    find = getattr(model, "_get_predict_nonlinearity", None)
    return (lambda output: output.softmax(1)) if find is None else find()
