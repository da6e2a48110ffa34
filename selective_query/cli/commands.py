"""The command `selective-query`: a demo, and routing of saved predictions."""

import argparse
import sys
from pathlib import Path

import numpy as np

from selective_query import __version__
from selective_query.budgets import (
    All,
    Coverage,
    MaxExcessError,
    MinAccuracy,
    MinSelectiveAccuracy,
    QueryRate,
    as_budget,
)
from selective_query.cli._chains import add_chain
from selective_query.cli._exporting import add_export
from selective_query.cli._files import blamed_on, halves, load_rule
from selective_query.cli._planning import add_plan
from selective_query.cli._serving import add_servers
from selective_query.evaluation import compare_routers
from selective_query.outcomes import Evidence, Outcomes
from selective_query.persistence import save
from selective_query.policy import RoutingPolicy
from selective_query.routers.registry import list_routers

FILE_HELP = (
    "npz file of saved predictions: base_proba (n, classes), global_proba (n, "
    "classes), y (n,); or *_topk_classes, *_topk_proba and n_classes; or "
    "base_utility and global_utility; optional base_logits, base_features, classes, "
    "base_pred, global_pred, sample_weight"
)


def _coverage(text):
    if text == "none":
        return None
    try:
        return as_budget(float(text)).minimum
    except ValueError as error:
        raise argparse.ArgumentTypeError(
            f"{text} is not a share between 0 and 1 (nor 'none')"
        ) from error


BUDGETS = {
    "coverage": Coverage,
    "query_rate": QueryRate,
    "min_accuracy": MinAccuracy,
    "max_excess_error": MaxExcessError,
    "min_selective_accuracy": MinSelectiveAccuracy,
}


def _budget(text):
    name, _, value = text.partition("=")
    if name not in BUDGETS:
        raise argparse.ArgumentTypeError(
            f"{text} is not NAME=NUMBER with a name of {', '.join(BUDGETS)}"
        )
    try:
        return BUDGETS[name](float(value))
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def build_parser():
    """The argument parser of the command."""
    parser = argparse.ArgumentParser(
        prog="selective-query",
        description="Let a cheap model answer most inputs, and ask an expensive one "
        "only where it pays.",
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(dest="command", required=True)

    demo = commands.add_parser("demo", help="a hybrid on handwritten digits")
    demo.add_argument("--picture", type=Path, default=Path("accuracy_coverage.png"))
    demo.set_defaults(run=_demo)

    compare = commands.add_parser(
        "compare", help="compare routers on saved predictions"
    )
    compare.add_argument("file", type=Path, help=FILE_HELP)
    compare.add_argument(
        "--test",
        type=Path,
        help="a second file to judge on; without it, a random half of the first",
    )
    compare.add_argument("--routers", nargs="+", metavar="NAME")
    compare.add_argument(
        "--coverages", nargs="+", type=_coverage, default=[0.9, 0.8, 0.7]
    )
    compare.add_argument("--seed", type=int, default=0)
    compare.set_defaults(run=_compare)

    fit = commands.add_parser("fit", help="fit a routing policy on saved predictions")
    fit.add_argument("file", type=Path, help=FILE_HELP)
    fit.add_argument("-o", "--output", type=Path, required=True, metavar="POLICY")
    fit.add_argument(
        "--router", default="auto", help=f"one of {', '.join(list_routers())}"
    )
    asked = fit.add_mutually_exclusive_group()
    asked.add_argument("--coverage", type=_coverage, default=0.9)
    asked.add_argument(
        "--budget",
        type=_budget,
        action="append",
        metavar="NAME=NUMBER",
        help=f"in place of --coverage, once or more: {', '.join(BUDGETS)}",
    )
    fit.add_argument("--confidence", type=float)
    fit.add_argument("--calibration", type=float, help="share of rows to hold out")
    fit.add_argument("--seed", type=int, default=0)
    fit.set_defaults(run=_fit)

    decide = commands.add_parser("decide", help="apply a policy to new base outputs")
    decide.add_argument("policy", type=Path)
    decide.add_argument("file", type=Path, help="npz file with the base's outputs")
    decide.add_argument(
        "-o",
        "--output",
        type=Path,
        metavar="NPZ",
        help="write kept (bool) and query_score; without it, print the rows "
        "to query, one number a line",
    )
    decide.set_defaults(run=_decide)

    add_plan(commands, FILE_HELP)
    add_chain(commands)
    add_export(commands)
    add_servers(commands)
    return parser


def main(argv=None):
    """Run the command; returns the exit status."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"selective-query: {error}", file=sys.stderr)
        return 2
    return 0


def _demo(args):
    from selective_query.cli._demo import run_demo

    run_demo(args.picture, progress=sys.stderr.isatty())


def _compare(args):
    train = Outcomes.from_file(args.file)
    if args.test is not None:
        test = Outcomes.from_file(args.test)
    else:
        train, test = halves(train, args.file, args.seed)
    comparison = compare_routers(
        train,
        test,
        args.routers,
        args.coverages,
        random_state=args.seed,
        progress=sys.stderr.isatty(),
    )
    print(comparison)


def _fit(args):
    coverage = args.coverage
    if args.budget:
        coverage = All(*args.budget) if len(args.budget) > 1 else args.budget[0]
    policy = RoutingPolicy(
        args.router,
        coverage,
        confidence=args.confidence,
        calibration=args.calibration,
        random_state=args.seed,
    ).fit(Outcomes.from_file(args.file))
    save(policy, args.output)
    print(policy.operating_point_)
    print(f"Written to {args.output}")


def _decide(args):
    rule = load_rule(args.policy)
    evidence = Evidence.from_file(args.file, classes=rule.classes)
    with blamed_on(args.policy):
        score, kept = rule.score(evidence), rule.decide(evidence)
    if args.output is None:
        np.savetxt(sys.stdout, np.flatnonzero(~kept), fmt="%d")
    else:
        np.savez(args.output, kept=kept, query_score=score)
    share = f"; coverage {kept.mean():.4f}" if len(kept) else ""
    print(f"{(~kept).sum()} of {len(kept)} inputs to query{share}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
