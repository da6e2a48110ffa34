"""The command `selective-query plan`: saved predictions, a device, a link, budgets."""

from argparse import ArgumentDefaultsHelpFormatter
from pathlib import Path

import numpy as np
from sklearn.model_selection import train_test_split

from selective_query.budgets import (
    BatteryLife,
    MaxEnergy,
    MaxLatency,
    MaxPrice,
    MinAccuracy,
)
from selective_query.costs import CLOUD, DEVICES, LINKS, Deployment
from selective_query.outcomes import Outcomes
from selective_query.planning import plan
from selective_query.routers.registry import make_router

# Option, and the budget that its number stands for.
LIMITS = {
    "battery_days": BatteryLife,
    "latency_ms": MaxLatency,
    "p95_latency_ms": lambda ms, costs: MaxLatency(ms, costs, "p95"),
    "energy_mj": MaxEnergy,
    "price": MaxPrice,
}


def add_plan(commands, file_help):
    """Add the command to a parser's subcommands."""
    parser = commands.add_parser(
        "plan",
        help="the best operating point on a device, over a link, in a budget",
        formatter_class=ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("file", type=Path, help=file_help)
    parser.add_argument(
        "--device", choices=DEVICES, default="STM32F746", help="runs the base"
    )
    parser.add_argument(
        "--link", choices=LINKS, default="Wi-Fi", help="carries queries"
    )
    time = parser.add_mutually_exclusive_group(required=True)
    time.add_argument("--base-ms", type=float, help="of the base, as measured")
    time.add_argument("--base-macs", type=float, help="or its operations")
    parser.add_argument("--payload-bytes", type=float, default=3072, help="of a query")
    parser.add_argument("--inputs-per-day", type=float, help="for the battery")
    parser.add_argument(
        "--price-per-query", type=float, default=0.0, help="of the cloud"
    )
    parser.add_argument("--router", default="auto", help="who ranks the inputs")
    limits = parser.add_argument_group("budgets, one at least")
    for name in LIMITS:
        limits.add_argument(f"--max-{name}".replace("_", "-").replace(
            "max-battery", "min-battery"), dest=name, type=float)  # fmt: skip
    limits.add_argument("--min-accuracy", type=float)
    parser.add_argument("--provenance", action="store_true", help="of all constants")
    parser.add_argument("--picture", type=Path, help="tornado plot of what is assumed")
    parser.add_argument("--seed", type=int, default=0, help="of the halves")
    parser.set_defaults(run=run_plan)


def _limit(make, number):
    return lambda costs: make(number, costs)


def run_plan(args):
    """Fit the router on a random half of the rows, and plan on the other."""
    deployment = Deployment(
        device=DEVICES[args.device],
        base_ms=args.base_ms,
        base_macs=args.base_macs,
        link=LINKS[args.link],
        cloud=CLOUD.with_(price_per_query=args.price_per_query),
        payload_bytes=args.payload_bytes,
        inputs_per_day=args.inputs_per_day,
    )
    budgets = [
        _limit(make, getattr(args, name))
        for name, make in LIMITS.items()
        if getattr(args, name) is not None
    ]
    if args.min_accuracy is not None:
        budgets.append(MinAccuracy(args.min_accuracy))
    outcomes = Outcomes.from_file(args.file)
    halves = train_test_split(
        np.arange(outcomes.n_rows), test_size=0.5, random_state=args.seed
    )
    train, test = (outcomes.take(np.sort(half)) for half in halves)
    router = make_router(args.router, target_coverage=0.8, random_state=args.seed)
    score = router.fit(train).query_score(test.evidence)
    found = plan(test, score, deployment, *budgets)
    print(found)
    if args.provenance:
        for profile in (deployment.device, deployment.link, deployment.cloud):
            print(profile.provenance())
    if args.picture is not None:
        found.plot().figure.savefig(args.picture, bbox_inches="tight")
