"""Implementation of `selective-query export`."""

import numpy as np

from selective_query.cli._running.files import load_model
from selective_query.cli._running.printing import fields_of, show
from selective_query.cli._running.progress import waiting
from selective_query.costs import DEVICES
from selective_query.export import export_c, export_onnx
from selective_query.outcomes import Evidence
from selective_query.outcomes._archives import read_npz
from selective_query.policy import RoutingPolicy
from selective_query.rule import Rule


def export(args):
    """Write the artefact, and print its comparison with the model."""
    model = load_model(args.model, args.trusted)
    example = None if args.example is None else _rows(args.example, model)
    if args.onnx is not None:
        _refuse_for_onnx(args)
    with waiting(f"Exporting {args.model}"):
        report = _exported(model, args, example)
    path = args.onnx or args.c
    found = {**fields_of(report), "output": path}
    text = str(report).replace("example=", "--example")
    show(args, f"{text}\nWritten to {path}", found)


def _exported(model, args, example):
    if args.onnx is not None:
        return export_onnx(model, args.onnx, example=example)
    return export_c(
        model,
        args.c,
        device=DEVICES.get(args.device),
        calibration=_calibration(args.calibration),
        example=example,
    )


def _refuse_for_onnx(args):
    for name in ("calibration", "device"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} goes with --c. Leave it out for an ONNX file.")


def _rows(path, model):
    if isinstance(model, (RoutingPolicy, Rule)):
        rule = model if isinstance(model, Rule) else model.rule_
        return Evidence.from_file(path, classes=rule.classes)
    return _arrays(path, {"X"}, {"y"})["X"]


def _calibration(path):
    if path is None:
        return None
    arrays = _arrays(path, {"X"}, {"y"})
    return (arrays["X"], arrays["y"]) if "y" in arrays else arrays["X"]


def _arrays(path, needed, allowed):
    arrays = read_npz(path)
    if not needed <= arrays.keys() <= needed | allowed:
        found = ", ".join(sorted(arrays)) or "nothing"
        raise ValueError(
            f"{path} must hold {', '.join(sorted(needed))}, and may hold "
            f"{', '.join(sorted(allowed))}. Got {found}. Write it with "
            "numpy.savez(path, X=..., y=...)."
        )
    return {name: np.asarray(values) for name, values in arrays.items()}
