"""The command `export`: a fitted classifier as an ONNX file or a folder of C."""

from pathlib import Path

from selective_query.cli._names import DEVICE
from selective_query.cli._options import (
    add_command,
    add_json,
    add_trusted,
    deferred,
    output_path,
)

ROWS = "npz file with X, rows of inputs; of a policy, of saved predictions"


def add_export(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "export",
        "write what decides on the device as ONNX or C",
        "export hybrid.skops --onnx edge.onnx --example rows.npz\n"
        "export my_models:hybrid --c edge --device STM32F746 --calibration rows.npz",
        deferred("exporting.export"),
    )
    parser.add_argument(
        "model",
        help="a hybrid, abstaining classifier, policy or rule: a file that save() "
        "wrote, or module:attribute",
    )
    target = parser.add_mutually_exclusive_group(required=True)
    target.add_argument(
        "--onnx", type=output_path, metavar="FILE", help="write an ONNX file"
    )
    target.add_argument("--c", type=Path, metavar="FOLDER", help="write a folder of C")
    parser.add_argument(
        "--example",
        type=Path,
        metavar="NPZ",
        help=f"rows on which the artefact is compared with the model: {ROWS}",
    )
    parser.add_argument(
        "--calibration",
        type=Path,
        metavar="NPZ",
        help="with --c: X for the ranges of a net, and y to learn its threshold anew",
    )
    parser.add_argument(
        "--device",
        type=DEVICE,
        metavar="NAME",
        help="with --c: whose memories it must fit; `selective-query list devices` "
        "shows all",
    )
    add_trusted(parser)
    add_json(parser)
