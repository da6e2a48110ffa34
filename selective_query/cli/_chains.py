"""The command `chain`: several graded models within one budget."""

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
    "CSV or parquet file, or - for standard input, with a row for each input and, for "
    "each model NAME, a column NAME of grades in [0, 1]; NAME_cost, what asking it "
    "costs; and for models that may pass an input on NAME_score, by which its answer "
    "is judged"
)


def add_chain(commands):
    """Add the command to those of a parser."""
    parser = add_command(
        commands,
        "chain",
        "say which of several models answers each input within a cost, by saved grades",
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
        help="columns of the models, in the order in which they are asked",
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
        help="share of the inputs that may go without an answer",
    )
    parser.add_argument(
        "--keep-all", action="store_true", help="leave out no model, even if it costs"
    )
    add_seed(parser, "seed of halves and routers")
    parser.add_argument("--id", metavar="COLUMN", help="column that names the rows")
    add_output(
        parser,
        "write the model chosen beside the id or number of each row, as decide does",
        decisions_path,
        metavar="FILE",
    )
    add_json(parser)
