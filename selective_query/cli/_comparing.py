"""The commands `demo` and `compare`: routers side by side."""

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
        help="where the picture goes (default: %(default)s)",
    )
    add_json(parser)


def add_compare(commands):
    """Add `compare` to a parser's subcommands."""
    parser = add_command(
        commands,
        "compare",
        "compare routers on saved predictions, on rows that they did not learn from",
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
        help="file to judge on, and that of the global where there is one; without it, "
        "a random half of the first file",
    )
    parser.add_argument(
        "--routers",
        nargs="+",
        type=ROUTER,
        metavar="NAME",
        help="which to compare; `selective-query list routers` shows all (default: "
        "those that the data allow)",
    )
    parser.add_argument(
        "--coverages",
        nargs="+",
        type=coverage,
        default=[0.9, 0.8, 0.7],
        metavar="SHARE",
        help="shares that the base answers (default: 0.9 0.8 0.7)",
    )
    add_seed(parser, "seed of halves and routers")
    add_json(parser)
