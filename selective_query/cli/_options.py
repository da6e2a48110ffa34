"""Options shared by several commands: predictions, shares, outputs."""

import argparse
from importlib import import_module
from pathlib import Path

FILE_HELP = (
    "saved predictions, or - for standard input. npz: base_proba (n, classes), "
    "global_proba (n, classes), y (n,); or *_topk_classes, *_topk_proba and n_classes; "
    "or base_utility and global_utility; optional base_logits, base_features, X, "
    "classes, id, base_pred, global_pred, group, sample_weight, query_cost, "
    "local_only. CSV or parquet: columns of these names, and base_proba_LABEL for each "
    "class; or one table each for base and global (--global), with the classes as "
    "column names"
)

DECISIONS = ".csv", ".csv.gz", ".tsv", ".tsv.gz", ".parquet", ".npz"


def deferred(place):
    """Return the function of a command; its module is imported when it runs.

    Parameters
    ----------
    place : str
        ``module.function`` in ``_running``.
    """
    module, _, function = place.partition(".")

    def run(args):
        found = import_module(f"selective_query.cli._running.{module}")
        return getattr(found, function)(args)

    return run


def add_command(commands, name, help_, examples, run):
    """Add a command to a parser's subcommands.

    Parameters
    ----------
    commands : action of ``add_subparsers``
    name : str
    help_ : str
        Description, without a full stop.
    examples : str
        Command lines, one per line, without the program's name.
    run : callable
        Takes the parsed arguments.

    Returns
    -------
    ArgumentParser
    """
    lines = (f"  selective-query {line.strip()}" for line in examples.splitlines())
    parser = commands.add_parser(
        name,
        help=help_,
        description=f"{help_[0].upper()}{help_[1:]}.",
        epilog="\n".join(["examples:", *lines]),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def share(text):
    """Parse a number between 0 and 1."""
    try:
        number = float(text)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise argparse.ArgumentTypeError(f"{text} is not a share between 0 and 1")
    return number


def coverage(text):
    """Parse a share, or 'none'."""
    if text.lower() == "none":
        return None
    try:
        return share(text)
    except argparse.ArgumentTypeError as error:
        raise argparse.ArgumentTypeError(f"{error} (nor 'none')") from error


def add_predictions(parser, help_=FILE_HELP):
    """Add the file of predictions and the options for its columns."""
    parser.add_argument("file", help=help_)
    tables = parser.add_argument_group("tables")
    tables.add_argument(
        "--global",
        dest="global_file",
        metavar="TABLE",
        help="predictions of the global, if FILE has the base's; matched by --id",
    )
    tables.add_argument("--id", metavar="COLUMN", help="column with the ids of rows")
    tables.add_argument("--y", metavar="COLUMN", help="column of the true labels")
    tables.add_argument(
        "--classes",
        nargs="+",
        metavar="LABEL",
        help="all classes, if separate tables have further columns",
    )


def add_json(parser):
    """Add --json."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object; null stands for non-finite numbers",
    )


def output_path(text):
    """Parse an output path; refuse folders and paths in missing folders."""
    path = Path(text)
    if path.is_dir():
        raise argparse.ArgumentTypeError(f"{text} is a folder. Name a file in it")
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"the folder {path.parent} does not exist")
    return path


def decisions_path(text):
    """Parse an output path whose ending is a known format of decisions."""
    path = output_path(text)
    if not path.name.lower().endswith(DECISIONS) and "." in path.name:
        raise argparse.ArgumentTypeError(
            f"{text} must end in {', '.join(DECISIONS)}, or have no ending, for npz"
        )
    return path


def add_output(parser, help_, type_=output_path, **options):
    """Add -o."""
    parser.add_argument("-o", "--output", type=type_, help=help_, **options)


def add_seed(parser, help_):
    """Add --seed."""
    parser.add_argument(
        "--seed", type=int, default=0, help=f"{help_} (default: %(default)s)"
    )


def add_trusted(parser):
    """Add --trusted, for files with models."""
    parser.add_argument(
        "--trusted",
        nargs="*",
        default=[],
        metavar="TYPE",
        help="additional types that the file may contain, such as my_module.MyRouter",
    )
