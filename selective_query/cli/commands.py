"""The command `selective-query`: a demo, and routing of saved predictions."""

import argparse
import os
import signal
import sys
from pathlib import Path

import numpy as np

from selective_query import __version__
from selective_query.cli._chains import add_chain
from selective_query.cli._exporting import add_export
from selective_query.cli._files import blamed_on, described_router, halves, load_rule
from selective_query.cli._options import (
    add_budgets,
    add_json,
    add_output,
    add_predictions,
    coverage,
    joined,
    router_name,
)
from selective_query.cli._planning import add_deployment, add_plan, deployment_of
from selective_query.cli._predictions import read_known
from selective_query.cli._printing import fields_of, show, write_decisions
from selective_query.cli._serving import add_servers
from selective_query.evaluation import compare_routers
from selective_query.outcomes import Evidence, Outcomes
from selective_query.persistence import save
from selective_query.policy import RoutingPolicy
from selective_query.routers.registry import list_routers


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
    demo.add_argument(
        "--picture",
        type=Path,
        default=Path("accuracy_coverage.png"),
        help="where the picture goes",
    )
    demo.set_defaults(run=_demo)

    compare = commands.add_parser(
        "compare", help="compare routers on saved predictions"
    )
    add_predictions(compare)
    compare.add_argument(
        "--test",
        nargs="+",
        metavar="FILE",
        help="to judge on, with that of the global where there is one; without it, a "
        "random half of the first file",
    )
    compare.add_argument(
        "--routers",
        nargs="+",
        type=router_name,
        metavar="NAME",
        help=f"of {', '.join(list_routers(bounds=True))}",
    )
    compare.add_argument(
        "--coverages", nargs="+", type=coverage, default=[0.9, 0.8, 0.7],
        help="shares that the base answers",
    )  # fmt: skip
    compare.add_argument("--seed", type=int, default=0, help="of halves and routers")
    add_json(compare)
    compare.set_defaults(run=_compare)

    fit = commands.add_parser("fit", help="fit a routing policy on saved predictions")
    add_predictions(fit)
    add_output(fit, "where the policy goes", required=True, metavar="POLICY")
    fit.add_argument(
        "--router",
        type=router_name,
        default="auto",
        help=f"one of {', '.join(list_routers())}",
    )
    asked = fit.add_mutually_exclusive_group()
    asked.add_argument(
        "--coverage", type=coverage, default=0.9, help="share that the base answers"
    )
    add_budgets(asked, "in place of --coverage")
    fit.add_argument("--confidence", type=float, help="of a certificate")
    fit.add_argument("--calibration", type=float, help="share of rows to hold out")
    fit.add_argument("--seed", type=int, default=0, help="of held-out rows and router")
    add_deployment(fit, required=False)
    add_json(fit)
    fit.set_defaults(run=_fit)

    decide = commands.add_parser("decide", help="apply a policy to new base outputs")
    decide.add_argument("policy", help="file of a policy, of `selective-query fit`")
    add_predictions(decide, "the base's outputs, as for fit")
    add_output(
        decide,
        "write kept (bool) and query_score beside the id or number of each row, as "
        "CSV, parquet or npz by the name's ending, - for CSV on standard output; "
        "without it, print the ids or numbers of the rows to query, one a line",
        metavar="FILE",
    )
    add_json(decide)
    decide.set_defaults(run=_decide)

    evaluate = commands.add_parser(
        "evaluate", help="how well a policy does on new rows"
    )
    evaluate.add_argument("policy", help="file of a policy, of `selective-query fit`")
    add_predictions(evaluate)
    add_json(evaluate)
    evaluate.set_defaults(run=_evaluate)

    add_plan(commands)
    add_chain(commands)
    add_export(commands)
    add_servers(commands)
    return parser


def main(argv=None):
    """Run the command; returns the exit status."""
    args = build_parser().parse_args(argv)
    try:
        args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever reads has left. Python flushes once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 128 + signal.SIGPIPE
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    except (ValueError, TypeError, ImportError, OSError) as error:
        print(f"selective-query: {error}", file=sys.stderr)
        return 2
    return 0


def _demo(args):
    from selective_query.cli._demo import run_demo

    run_demo(args.picture, progress=sys.stderr.isatty())


def _compare(args):
    train = read_known(Outcomes, args.file, args)
    if args.test is not None:
        test = _read_test(args, train.classes)
    else:
        train, test = halves(train, args.file, args.seed)
    found = compare_routers(
        train,
        test,
        args.routers,
        args.coverages,
        random_state=args.seed,
        progress=sys.stderr.isatty(),
    )
    plain = fields_of(found, "curves", "_paired")
    show(args, found, {**plain, "differences": found.differences()})


def _read_test(args, classes):
    file, *of_global = args.test
    if len(of_global) != (args.global_file is not None):
        raise ValueError(
            "--test takes one file, and with --global two, the base's and the global's."
            f" Got {', '.join(args.test)}."
        )
    args = argparse.Namespace(**{**vars(args), "global_file": None})
    if of_global:
        (args.global_file,) = of_global
    return read_known(Outcomes, file, args, classes)


def _fit(args):
    outcomes = read_known(Outcomes, args.file, args)
    asked = args.coverage
    if args.budget:
        asked = joined(args.budget, lambda: deployment_of(args))
    if not any(map(callable, args.budget)) and (args.base_ms or args.base_macs):
        raise ValueError(
            "--base-ms and --base-macs go with a budget of costs, such as --budget "
            "max_latency_ms=200. Add one, or leave them out."
        )
    policy = RoutingPolicy(
        args.router,
        asked,
        confidence=args.confidence,
        calibration=args.calibration,
        random_state=args.seed,
    ).fit(outcomes)
    save(policy, args.output)
    router, point = described_router(policy.router_), policy.operating_point_
    show(
        args,
        f"Router: {router}\n{point}\nWritten to {args.output}",
        {**fields_of(point), "router": router, "output": args.output},
    )


def _decide(args):
    rule = load_rule(args.policy)
    evidence = read_known(Evidence, args.file, args, rule.classes)
    with blamed_on(args.policy):
        score, kept = rule.score(evidence), rule.decide(evidence)
    names = np.arange(len(kept)) if evidence.id is None else evidence.id
    row = "row" if evidence.id is None else args.id or "id"
    decisions = {row: names, "kept": kept, "query_score": score}
    if args.output is not None:
        write_decisions(args.output, decisions)
    elif args.json:
        n_queried, share = int((~kept).sum()), kept.mean() if len(kept) else None
        counts = {"n": len(kept), "n_queried": n_queried, "coverage": share}
        show(args, "", {**counts, "decisions": decisions})
    else:
        sys.stdout.writelines(f"{name}\n" for name in names[~kept])
    share = f"; coverage {kept.mean():.4f}" if len(kept) else ""
    print(f"{(~kept).sum()} of {len(kept)} inputs to query{share}", file=sys.stderr)


def _evaluate(args):
    rule = load_rule(args.policy)
    outcomes = read_known(Outcomes, args.file, args, rule.classes)
    with blamed_on(args.policy):
        report = rule.report(outcomes)
    width = max(map(len, report))
    lines = (f"{name:{width}}  {value:.6g}" for name, value in report.items())
    show(args, "\n".join(lines), dict(report))


if __name__ == "__main__":
    sys.exit(main())
