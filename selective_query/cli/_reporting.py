"""The command `report`: evaluate a policy on new rows, as text or HTML."""

from selective_query.cli._options import (
    add_command,
    add_json,
    add_output,
    add_predictions,
    deferred,
)
from selective_query.cli._planning import add_deployment
from selective_query.cli._policies import POLICY_HELP


def add_report(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "report",
        "report how a policy does on new rows, as text or as an interactive page",
        "report policy.skops test.csv\n"
        "report policy.skops test.csv -o report.html\n"
        "report policy.skops test.csv --base-ms 120 --link LTE-M --value 0.01",
        deferred("reporting.report"),
    )
    parser.add_argument("policy", help=POLICY_HELP)
    add_predictions(parser)
    add_output(
        parser,
        "write one self-contained HTML page, - for standard output (default: print the "
        "report as text)",
        metavar="FILE",
    )
    add_deployment(parser, required=False)
    parser.add_argument(
        "--value",
        type=float,
        metavar="MONEY",
        help="value of a correct answer, for a verdict on whether to route; needs a "
        "deployment",
    )
    add_json(parser)
