"""The commands `fit`, `decide` and `evaluate`: fit and use a saved policy."""

from selective_query.cli._budgets import add_budgets
from selective_query.cli._names import ROUTER
from selective_query.cli._options import (
    add_command,
    add_json,
    add_output,
    add_predictions,
    add_seed,
    coverage,
    decisions_path,
    deferred,
    share,
)
from selective_query.cli._planning import add_deployment

POLICY_HELP = "file of a policy, written by `selective-query fit`"


def add_policies(commands):
    """Add the three commands to a parser's subcommands."""
    _add_fit(commands)
    _add_decide(commands)
    _add_evaluate(commands)


def _add_fit(commands):
    parser = add_command(
        commands,
        "fit",
        "fit a routing policy on saved predictions",
        "fit outputs.csv -o policy.skops\n"
        "fit outputs.csv --budget min_accuracy=0.9 --confidence 0.95 -o policy.skops\n"
        "fit outputs.npz --budget max_latency_ms=200 --base-ms 120 -o policy.skops",
        deferred("policies.fit"),
    )
    add_predictions(parser)
    add_output(parser, "output file of the policy", required=True, metavar="POLICY")
    parser.add_argument(
        "--router",
        type=ROUTER,
        default="auto",
        metavar="NAME",
        help="router; `selective-query list routers` shows all (default: %(default)s)",
    )
    asked = parser.add_mutually_exclusive_group()
    asked.add_argument(
        "--coverage",
        type=coverage,
        default=0.9,
        metavar="SHARE",
        help="minimum share that the base answers, or none: query wherever the "
        "expected benefit is positive (default: %(default)s)",
    )
    add_budgets(asked, "instead of --coverage")
    parser.add_argument(
        "--confidence",
        type=share,
        metavar="SHARE",
        help="required probability that new data meet the budget",
    )
    parser.add_argument(
        "--calibration",
        type=share,
        metavar="SHARE",
        help="share of the rows held out from the router, for the threshold",
    )
    add_seed(parser, "seed of held-out rows and router")
    add_deployment(parser, required=False)
    add_json(parser)


def _add_decide(commands):
    parser = add_command(
        commands,
        "decide",
        "apply a policy to new outputs of the base",
        "decide policy.skops new.csv -o decisions.csv\n"
        "decide policy.skops - --json < new.csv",
        deferred("policies.decide"),
    )
    parser.add_argument("policy", help=POLICY_HELP)
    add_predictions(parser, "the base's outputs, as for fit, or - for standard input")
    add_output(
        parser,
        "write the id or number of each row, kept (bool) and query_score, as CSV, "
        "parquet or npz by the ending of the name, - for CSV on standard output "
        "(default: print the ids or numbers of the rows to query, one per line)",
        decisions_path,
        metavar="FILE",
    )
    add_json(parser)


def _add_evaluate(commands):
    parser = add_command(
        commands,
        "evaluate",
        "report accuracy and coverage of a policy on rows that it has not seen",
        "evaluate policy.skops test.csv\nevaluate policy.skops test.csv --json",
        deferred("policies.evaluate"),
    )
    parser.add_argument("policy", help=POLICY_HELP)
    add_predictions(parser)
    add_json(parser)
