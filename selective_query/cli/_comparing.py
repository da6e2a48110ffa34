"""The commands `demo` and `compare`: compare routers."""

from pathlib import Path

from selective_query.cli._names import ROUTER
from selective_query.cli._options import (
    add_command,
    add_json,
    add_predictions,
    add_seed,
    coverage,
    deferred,
    output_path,
)


def add_demo(commands):
    """Add `demo` to a parser's subcommands."""
    parser = add_command(
        commands,
        "demo",
        "train a hybrid on handwritten digits, compare routers, draw a picture",
        "demo\ndemo --picture curve.png",
        deferred("demo.demo"),
    )
    parser.add_argument(
        "--picture",
        type=output_path,
        default=Path("accuracy_coverage.png"),
        metavar="FILE",
        help="output file of the picture (default: %(default)s)",
    )
    add_json(parser)


def add_compare(commands):
    """Add `compare` to a parser's subcommands."""
    parser = add_command(
        commands,
        "compare",
        "compare routers on saved predictions, on rows that they were not fitted on",
        "compare outputs.csv\n"
        "compare base.csv --global global.csv --id key --y label --coverages 0.9 0.7\n"
        "compare train.npz --test test.npz --routers auto entropy oracle --json",
        deferred("comparing.compare"),
    )
    add_predictions(parser)
    parser.add_argument(
        "--test",
        nargs="+",
        metavar="FILE",
        help="test file, followed by that of the global if there is one (default: a "
        "random half of the first file)",
    )
    parser.add_argument(
        "--routers",
        nargs="+",
        type=ROUTER,
        metavar="NAME",
        help="routers to compare; `selective-query list routers` shows all (default: "
        "all that the data support)",
    )
    parser.add_argument(
        "--coverages",
        nargs="+",
        type=coverage,
        default=[0.9, 0.8, 0.7],
        metavar="SHARE",
        help="coverages to compare at (default: 0.9 0.8 0.7)",
    )
    add_seed(parser, "seed of the random halves and the routers")
    add_json(parser)
