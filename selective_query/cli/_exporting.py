"""The command `export`: write a fitted classifier as an ONNX file or as C."""

from pathlib import Path

from selective_query.cli._names import DEVICE
from selective_query.cli._options import (
    add_command,
    add_json,
    add_trusted,
    deferred,
    output_path,
)

ROWS = "npz file with inputs X; for a policy, with saved predictions"


def add_export(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "export",
        "export the device side of a model as ONNX or C",
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
        help="with --c: npz file with X for the activation ranges of a net, and y to "
        "fit its own threshold",
    )
    parser.add_argument(
        "--device",
        type=DEVICE,
        metavar="NAME",
        help="with --c: device whose memory the code must fit; `selective-query list "
        "devices` shows all",
    )
    add_trusted(parser)
    add_json(parser)
