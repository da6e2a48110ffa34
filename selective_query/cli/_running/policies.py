"""Implementation of `selective-query fit`, `decide` and `evaluate`."""

import sys

import numpy as np

from selective_query.cli._budgets import joined
from selective_query.cli._running.deployments import deployment_of
from selective_query.cli._running.files import blamed_on, described_router, load_rule
from selective_query.cli._running.predictions import read_known
from selective_query.cli._running.printing import fields_of, show, write_decisions
from selective_query.cli._running.progress import waiting
from selective_query.outcomes import Evidence, Outcomes
from selective_query.persistence import save
from selective_query.policy import RoutingPolicy


def fit(args):
    """Fit a policy, print its operating point and save it."""
    if str(args.output) == "-":
        raise ValueError("A policy is a binary file. Give -o the name of one.")
    outcomes = read_known(Outcomes, args.file, args)
    asked = args.coverage
    if args.budget:
        asked = joined(args.budget, lambda: deployment_of(args))
    if not any(map(callable, args.budget)) and (args.base_ms or args.base_macs):
        raise ValueError(
            "--base-ms and --base-macs need a budget of costs, such as --budget "
            "max_latency_ms=200. Add one, or leave them out."
        )
    policy = RoutingPolicy(
        args.router,
        asked,
        confidence=args.confidence,
        calibration=args.calibration,
        random_state=args.seed,
    )
    with waiting(f"Fitting {args.router} on {outcomes.n_rows:,} rows"):
        policy.fit(outcomes)
    save(policy, args.output)
    summary = "\n".join(str(outcomes).splitlines()[:2])
    router, point = described_router(policy.router_), policy.operating_point_
    show(
        args,
        f"{summary}\nRouter: {router}\n{point}\nWritten to {args.output}",
        {**fields_of(point), "router": router, "output": args.output},
    )


def decide(args):
    """Write or print the decisions about rows."""
    rule = load_rule(args.policy)
    evidence = read_known(Evidence, args.file, args, rule.classes)
    with blamed_on(args.policy):
        score, kept = rule.score(evidence), rule.decide(evidence)
    names = np.arange(len(kept)) if evidence.id is None else evidence.id
    row = "row" if evidence.id is None else args.id or "id"
    decisions = {row: names, "kept": kept, "query_score": score}
    if args.output is not None:
        write_decisions(args.output, decisions)
    if args.json and str(args.output) != "-":
        n_queried, share = int((~kept).sum()), kept.mean() if len(kept) else None
        found = {"n": len(kept), "n_queried": n_queried, "coverage": share}
        written = {"output": args.output}
        told = {"decisions": decisions} if args.output is None else written
        show(args, "", {**found, **told})
    elif args.output is None:
        sys.stdout.writelines(f"{name}\n" for name in names[~kept])
    share = f"; coverage {kept.mean():.4f}" if len(kept) else ""
    print(f"{(~kept).sum()} of {len(kept)} inputs to query{share}", file=sys.stderr)


def evaluate(args):
    """Evaluate a policy on rows and print the report."""
    rule = load_rule(args.policy)
    outcomes = read_known(Outcomes, args.file, args, rule.classes)
    with blamed_on(args.policy), waiting(f"Evaluating {outcomes.n_rows:,} rows"):
        report = rule.report(outcomes)
    width = max(map(len, report))
    known = {name: value for name, value in report.items() if not np.isnan(value)}
    lines = (f"{name:{width}}  {value:.6g}" for name, value in known.items())
    show(args, "\n".join(lines), dict(report))
