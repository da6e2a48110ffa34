"""The command `chain`: route between several graded models within one budget."""

from selective_query.cli._budgets import CHAIN_BUDGETS, budget_type
from selective_query.cli._options import (
    add_command,
    add_json,
    add_output,
    add_seed,
    decisions_path,
    deferred,
    share,
)

TABLE_HELP = (
    "CSV or parquet file, or - for standard input, with one row per input and, for "
    "each model NAME, a column NAME of grades in [0, 1]; NAME_cost, the cost of asking "
    "it; and for every model that may pass an input on, NAME_score, which rates its "
    "answer"
)


def add_chain(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "chain",
        "choose which of several models answers each input, by grades and costs",
        "chain grades.csv --models small mid big --budget max_cost=8\n"
        "chain grades.csv --models small big --budget min_accuracy=0.9 -o who.csv",
        deferred("chains.chain"),
    )
    parser.add_argument("file", help=TABLE_HELP)
    parser.add_argument(
        "--models",
        nargs="+",
        required=True,
        metavar="NAME",
        help="columns of the models, in the order of asking",
    )
    parser.add_argument(
        "--budget",
        type=budget_type(CHAIN_BUDGETS),
        required=True,
        metavar="NAME=NUMBER",
        help="; or ".join(f"{n}: {kind.help}" for n, kind in CHAIN_BUDGETS.items()),
    )
    parser.add_argument(
        "--abstain",
        type=share,
        metavar="SHARE",
        help="maximum share of the inputs without an answer",
    )
    parser.add_argument(
        "--keep-all",
        action="store_true",
        help="keep all models, even those that cost more than they gain",
    )
    add_seed(parser, "seed of the random halves and the routers")
    parser.add_argument("--id", metavar="COLUMN", help="column with the ids of rows")
    add_output(
        parser,
        "write the id or number of each row and the chosen model, as decide does",
        decisions_path,
        metavar="FILE",
    )
    add_json(parser)
