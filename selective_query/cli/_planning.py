"""The command `selective-query plan`: saved predictions, a device, a link, budgets."""

import argparse
from contextlib import nullcontext
from pathlib import Path

from selective_query.budgets import Coverage, MinAccuracy
from selective_query.budgets._solving.reach import likely_coverage
from selective_query.cli._files import blamed_on, described_router, halves, load_rule
from selective_query.cli._options import (
    LIMITS,
    add_budgets,
    add_json,
    add_predictions,
    joined,
    limit,
    matched,
    router_name,
)
from selective_query.cli._predictions import read_known
from selective_query.cli._printing import fields_of, show
from selective_query.costs import CLOUD, DEVICES, LINKS, Deployment
from selective_query.outcomes import Outcomes
from selective_query.planning import charged, plan
from selective_query.routers.registry import list_routers, make_router

# A router that decides before the base reads inputs, which no file of predictions has.
ORDERS = ("base_first", "same_device")


def add_plan(commands):
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "plan",
        help="the best operating point on a device, over a link, in a budget",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add_predictions(parser)
    router = parser.add_mutually_exclusive_group()
    router.add_argument(
        "--router",
        type=router_name,
        default="auto",
        help="who ranks the inputs, fitted on a random half of the rows: one of "
        f"{', '.join(list_routers())}",
    )
    router.add_argument(
        "--policy", type=Path, help="or a fitted one, of `selective-query fit`"
    )
    add_deployment(parser)
    limits = parser.add_argument_group("budgets, one at least")
    add_budgets(limits, "any")
    for name, (limited, _) in LIMITS.items():
        limits.add_argument(_option(name), type=float, help=limited)
    limits.add_argument(
        "--min-coverage", type=float, help="share that the base answers; with it alone "
        "the plan says what this coverage costs"
    )  # fmt: skip
    limits.add_argument("--min-accuracy", type=float, help="of the hybrid")
    parser.add_argument("--provenance", action="store_true", help="of all constants")
    parser.add_argument("--picture", type=Path, help="tornado plot of what is assumed")
    parser.add_argument("--seed", type=int, default=0, help="of the halves")
    add_json(parser)
    parser.set_defaults(run=run_plan)


def add_deployment(parser, required=True):
    """Add what says of device, link and cloud what they cost."""
    where = parser.add_argument_group("deployment")
    for name, known, default, help_ in (
        ("--device", DEVICES, "STM32F746", "runs the base"),
        ("--link", LINKS, "Wi-Fi", "carries queries"),
    ):
        where.add_argument(
            name, type=matched(known), choices=known, default=default, help=help_
        )
    where.add_argument(
        "--set", action="append", default=[], type=_constant, metavar="NAME=NUMBER",
        help="a constant of your own, such as link.throughput_kbps=300, "
        "device.battery_mah=1000 or cloud.price_per_query=0.001; once or more",
    )  # fmt: skip
    where.add_argument("--order", choices=ORDERS, default="base_first", help="of work")
    time = where.add_mutually_exclusive_group(required=required)
    time.add_argument("--base-ms", type=float, help="of the base, as measured")
    time.add_argument("--base-macs", type=float, help="or its operations")
    time = where.add_mutually_exclusive_group()
    time.add_argument("--global-ms", type=float, help="of a global on the same device")
    time.add_argument("--global-macs", type=float, help="or its operations")
    where.add_argument("--payload-bytes", type=float, default=3072, help="of a query")
    where.add_argument("--timeout-ms", type=float, default=10_000, help="of an attempt")
    where.add_argument("--retries", type=int, default=1, help="further attempts")
    where.add_argument("--inputs-per-day", type=float, help="for the battery")


def _option(name):
    return f"--{name}".replace("_", "-")


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


def deployment_of(args):
    """The deployment that the options describe."""
    profiles = {
        "device": DEVICES[args.device], "link": LINKS[args.link], "cloud": CLOUD,
    }  # fmt: skip
    for name, constant, value in args.set:
        profile = profiles[name]
        if constant not in profile.constants() and not profile._may_lack(constant):
            raise ValueError(
                f"--set {name}.{constant}: {profile.name} has "
                f"{', '.join(profile.constants())}."
            )
        profiles[name] = profile.with_(**{constant: value})
    return Deployment(
        **profiles,
        order=args.order,
        base_ms=args.base_ms,
        base_macs=args.base_macs,
        global_ms=args.global_ms,
        global_macs=args.global_macs,
        payload_bytes=args.payload_bytes,
        timeout_ms=args.timeout_ms,
        retries=args.retries,
        inputs_per_day=args.inputs_per_day,
    )


def _budgets(args):
    budgets = [
        limit(make, getattr(args, name))
        for name, (_, make) in LIMITS.items()
        if getattr(args, name) is not None
    ]
    budgets += args.budget
    if args.min_coverage is not None:
        budgets.append(Coverage(args.min_coverage))
    if args.min_accuracy is not None:
        budgets.append(MinAccuracy(args.min_accuracy))
    return budgets


def _router_and_rows(args, deployment, budgets):
    """A fitted router, and rows that it has not seen."""
    if args.policy is not None:
        rule = load_rule(args.policy)
        return rule.router, read_known(Outcomes, args.file, args, rule.classes)
    outcomes = read_known(Outcomes, args.file, args)
    train, test = halves(outcomes, args.file, args.seed)
    coverage = likely_coverage(joined(budgets, lambda: deployment), train)
    router = make_router(
        args.router, target_coverage=coverage, random_state=args.seed
    ).fit(train)
    return router, test


def run_plan(args):
    """Fit the router on a random half of the rows, and plan on the other."""
    deployment, budgets = deployment_of(args), _budgets(args)
    if not budgets:
        options = ", ".join(
            map(_option, (*LIMITS, "min_coverage", "min_accuracy", "budget"))
        )
        raise ValueError(f"plan needs at least one budget. Give one of {options}.")
    router, rows = _router_and_rows(args, deployment, budgets)
    with blamed_on(args.policy) if args.policy else nullcontext():
        deployment = charged(deployment, router, rows)
        score = router.query_score(rows.evidence)
    found = plan(rows, score, deployment, *budgets)
    profiles = deployment.device, deployment.link, deployment.cloud
    constants = [p.provenance() for p in profiles] if args.provenance else []
    who = described_router(router)
    text = "\n".join([f"Router: {who}.", str(found), *map(str, constants)])
    moving = [fields_of(s) for s in found.sensitivities]
    show(
        args,
        text,
        {
            **fields_of(found, "deployment"),
            "router": who,
            "costs": found.costs,
            "sensitivities": moving,
            **({"provenance": constants} if constants else {}),
        },
    )
    if args.picture is not None:
        found.plot().figure.savefig(args.picture, bbox_inches="tight")
