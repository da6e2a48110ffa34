"""The command `export`: a fitted classifier as an ONNX file or a folder of C."""

from pathlib import Path

import numpy as np

from selective_query.cli._files import load_model
from selective_query.cli._options import matched
from selective_query.costs import DEVICES
from selective_query.outcomes import Evidence
from selective_query.outcomes._archives import read_npz
from selective_query.policy import RoutingPolicy
from selective_query.rule import Rule

ROWS = "npz file with X, rows of inputs; of a policy, of saved predictions"


def add_export(commands):
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "export", help="write what decides on the device as ONNX or C"
    )
    parser.add_argument(
        "model",
        help="a hybrid, abstaining classifier, policy or rule: a file that save() "
        "wrote, or module:attribute",
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument("--onnx", type=Path, metavar="FILE", help="an ONNX file")
    target.add_argument("--c", type=Path, metavar="FOLDER", help="a folder of C")
    parser.add_argument(
        "--example", type=Path, metavar="NPZ", help=f"to compare both on: {ROWS}"
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="NPZ",
        help="of C: X for the ranges of a net, and y to learn its threshold anew",
    )
    parser.add_argument(
        "--device",
        type=matched(DEVICES),
        metavar="NAME",
        help=f"of C, whose memories it must fit: {', '.join(DEVICES)}",
    )
    parser.add_argument(
        "--trusted", nargs="*", default=[], help="further types in the file"
    )
    parser.set_defaults(run=_export)


def _export(args):
    from selective_query.export import export_c, export_onnx

    model = load_model(args.model, args.trusted)
    example = None if args.example is None else _rows(args.example, model)
    if args.onnx is not None:
        _refuse_for_onnx(args)
        report = export_onnx(model, args.onnx, example=example)
    else:
        report = export_c(
            model,
            args.c,
            device=None if args.device is None else _device(args.device),
            calibration=_calibration(args.calibration),
            example=example,
        )
    print(report)
    print(f"Written to {args.onnx or args.c}")


def _refuse_for_onnx(args):
    for name in ("calibration", "device"):
        if getattr(args, name) is not None:
            raise ValueError(f"--{name} goes with --c. Leave it out for an ONNX file.")


def _device(name):
    if name not in DEVICES:
        raise ValueError(f"--device must be one of {', '.join(DEVICES)}. Got {name}.")
    return DEVICES[name]


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
