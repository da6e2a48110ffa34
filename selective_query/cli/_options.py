"""Options that several commands share: names, budgets, files of predictions."""

import argparse
from pathlib import Path

from selective_query.budgets import (
    BatteryLife,
    Coverage,
    GroupCoverage,
    MaxBytes,
    MaxEnergy,
    MaxExcessError,
    MaxLatency,
    MaxPrice,
    MaxQueryCost,
    MinAccuracy,
    MinSelectiveAccuracy,
    QueryRate,
)
from selective_query.budgets.combined import All
from selective_query.routers.registry import list_routers

FILE_HELP = (
    "saved predictions, or - for standard input. npz: base_proba (n, classes), "
    "global_proba (n, classes), y (n,); or *_topk_classes, *_topk_proba and n_classes; "
    "or base_utility and global_utility; optional base_logits, base_features, X, "
    "classes, id, base_pred, global_pred, group, sample_weight, query_cost. CSV or "
    "parquet: columns of these names, and base_proba_LABEL for each class; or a table "
    "for each side (--global), with columns named by the classes"
)
BUDGETS = {
    "coverage": Coverage,
    "query_rate": QueryRate,
    "min_accuracy": MinAccuracy,
    "max_excess_error": MaxExcessError,
    "min_selective_accuracy": MinSelectiveAccuracy,
    "group_coverage": GroupCoverage,
    "max_query_cost": MaxQueryCost,
}
# What each limits, and the budget that a number and a deployment make.
LIMITS = {
    "min_battery_days": ("life of the battery", BatteryLife),
    "max_latency_ms": ("mean time of an answer", MaxLatency),
    "max_p95_latency_ms": (
        "time of 95 %% of the answers",
        lambda ms, costs: MaxLatency(ms, costs, "p95"),
    ),
    "max_energy_mj": ("energy of the device for an input", MaxEnergy),
    "max_bytes": ("bytes that an input sends on average", MaxBytes),
    "max_price": ("money that an input costs on average", MaxPrice),
}


def matched(known):
    """A type of an argument: a known name in any case, other text as it stands."""
    names = {_bare(name): name for name in known}
    return lambda text: names.get(_bare(text), text)


def _bare(name):
    return "".join(filter(str.isalnum, name)).casefold()


router_name = matched(list_routers(bounds=True))


def coverage(text):
    """A share, or None."""
    if text.lower() == "none":
        return None
    try:
        return Coverage(float(text)).minimum
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text} is not a share between 0 and 1 (nor 'none')"
        ) from error


def budget_type(known):
    """A type of an argument NAME=NUMBER.

    Parameters
    ----------
    known : dict of str to callable
        What makes a budget of the number.
    """

    def make(text):
        name, _, value = text.partition("=")
        name = matched(known)(name)
        if name not in known:
            raise argparse.ArgumentTypeError(
                f"{text} is not NAME=NUMBER with a name of {', '.join(known)}"
            )
        try:
            return known[name](float(value))
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return make


def limit(make, number):
    """A budget of costs, as a function of the deployment."""
    return lambda costs: make(number, costs)


def add_budgets(parser, note):
    """Add --budget, of any budget.

    Parameters
    ----------
    parser : ArgumentParser, or a group of one
    note : str
        What goes before the list of names.
    """
    costly = {
        name: lambda number, make=make: limit(make, number)
        for name, (_, make) in LIMITS.items()
    }
    parser.add_argument(
        "--budget",
        type=budget_type(BUDGETS | costly),
        action="append",
        default=[],
        metavar="NAME=NUMBER",
        help=f"{note}, once or more: {', '.join(BUDGETS)}; and of a deployment "
        f"{', '.join(LIMITS)}",
    )


def joined(budgets, deployment):
    """One budget of several, those of costs with what `deployment()` gives."""
    if any(map(callable, budgets)):
        costs = deployment()
        budgets = [b(costs) if callable(b) else b for b in budgets]
    return budgets[0] if len(budgets) == 1 else All(*budgets)


def add_predictions(parser, help_=FILE_HELP):
    """Add a file of predictions, and what its columns stand for."""
    parser.add_argument("file", help=help_)
    tables = parser.add_argument_group("tables")
    tables.add_argument(
        "--global",
        dest="global_file",
        metavar="TABLE",
        help="what the global says, where file is the base's; rows are matched by --id",
    )
    tables.add_argument("--id", metavar="COLUMN", help="that names the rows")
    tables.add_argument("--y", metavar="COLUMN", help="with the true labels")
    tables.add_argument(
        "--classes",
        nargs="+",
        metavar="LABEL",
        help="of a table for each side, where other columns are no classes",
    )


def add_json(parser):
    """Add --json."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one JSON object; null stands for what is no finite number",
    )


def add_output(parser, help_, **options):
    """Add -o."""
    parser.add_argument("-o", "--output", type=Path, help=help_, **options)
