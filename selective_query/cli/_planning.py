"""The command `plan`, and the options that describe a deployment."""

import argparse
from pathlib import Path

from selective_query.cli._budgets import COST_BUDGETS, add_budgets
from selective_query.cli._names import DEVICE, LINK, ROUTER
from selective_query.cli._options import (
    add_command,
    add_json,
    add_predictions,
    add_seed,
    deferred,
    output_path,
    share,
)

# A router that decides before the base needs inputs, which saved predictions lack.
ORDERS = ("base_first", "same_device")


def add_plan(commands):
    """Add the command to a parser's subcommands."""
    parser = add_command(
        commands,
        "plan",
        "recommend an operating point for a device, a link and a budget",
        "plan outputs.npz --base-ms 120 --link LTE-M --max-latency-ms 200\n"
        "plan outputs.csv --base-macs 12.8e6 --inputs-per-day 500 "
        "--min-battery-days 90\n"
        "plan new.csv --policy policy.skops --base-ms 20 --min-coverage 0.8 "
        "--set link.throughput_kbps=300",
        deferred("planning.run_plan"),
    )
    add_predictions(parser)
    router = parser.add_mutually_exclusive_group()
    router.add_argument(
        "--router",
        type=ROUTER,
        default="auto",
        metavar="NAME",
        help="router, fitted on a random half of the rows; `selective-query list "
        "routers` shows all (default: %(default)s)",
    )
    router.add_argument(
        "--policy",
        type=Path,
        metavar="POLICY",
        help="a fitted policy instead of a router, written by `selective-query fit`",
    )
    add_deployment(parser)
    limits = parser.add_argument_group("budgets, at least one")
    add_budgets(limits, "any budget")
    for name, kind in COST_BUDGETS.items():
        limits.add_argument(option(name), type=float, help=kind.help, metavar="NUMBER")
    limits.add_argument(
        "--min-coverage",
        type=share,
        metavar="SHARE",
        help="minimum share that the base answers; if it is the only budget, the plan "
        "reports the cost of this coverage",
    )
    limits.add_argument(
        "--min-accuracy",
        type=share,
        metavar="SHARE",
        help="minimum accuracy of the pair",
    )
    parser.add_argument(
        "--provenance",
        action="store_true",
        help="print every constant of device, link and cloud with its source",
    )
    parser.add_argument(
        "--picture",
        type=output_path,
        metavar="FILE",
        help="plot how much the plan depends on each assumption (tornado plot)",
    )
    add_seed(parser, "seed of the random halves and the router")
    add_json(parser)


def option(name):
    """Return the option for a budget's name."""
    return f"--{name}".replace("_", "-")


def add_deployment(parser, required=True):
    """Add the options that describe device, link, cloud and their use."""
    where = parser.add_argument_group("deployment")
    for name, type_, default, help_ in (
        ("--device", DEVICE, "STM32F746", "runs the base"),
        ("--link", LINK, "Wi-Fi", "carries queries"),
    ):
        where.add_argument(
            name,
            type=type_,
            default=default,
            metavar="NAME",
            help=f"{help_}; `selective-query list {type_.what}s` shows all (default: "
            "%(default)s)",
        )
    where.add_argument(
        "--set",
        action="append",
        default=[],
        type=_constant,
        metavar="NAME=NUMBER",
        help="your own value of a constant, such as link.throughput_kbps=300, "
        "device.battery_mah=1000 or cloud.price_per_query=0.001; may be repeated",
    )
    where.add_argument(
        "--order",
        choices=ORDERS,
        default="base_first",
        help="the global in the cloud, or on the same device (default: %(default)s)",
    )
    for whom, base in (("base", True), ("global on the same device", False)):
        side = "base" if base else "global"
        time = where.add_mutually_exclusive_group(required=required and base)
        time.add_argument(
            f"--{side}-ms",
            type=float,
            metavar="MS",
            help=f"measured time of the {whom} per input",
        )
        time.add_argument(
            f"--{side}-macs",
            type=float,
            metavar="MACS",
            help=f"or multiply-accumulates of the {side} per input",
        )
    for name, type_, default, metavar, help_ in (
        ("--payload-bytes", float, 3072, "BYTES", "bytes sent per query"),
        ("--timeout-ms", float, 10_000, "MS", "time limit for an attempt to query"),
        ("--retries", int, 1, "N", "further attempts after a failed one"),
    ):
        where.add_argument(
            name,
            type=type_,
            default=default,
            metavar=metavar,
            help=f"{help_} (default: %(default)s)",
        )
    where.add_argument(
        "--inputs-per-day", type=float, metavar="N", help="needed for the battery life"
    )


def _constant(text):
    name, _, value = text.partition("=")
    profile, _, constant = name.partition(".")
    try:
        if profile in ("device", "link", "cloud") and constant:
            return profile, constant, float(value)
    except ValueError:
        pass
    raise argparse.ArgumentTypeError(
        f"{text} is not device.NAME=NUMBER, link.NAME=NUMBER or cloud.NAME=NUMBER"
    )
