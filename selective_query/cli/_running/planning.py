"""Implementation of `selective-query plan`."""

from contextlib import nullcontext

from selective_query.budgets import Coverage, MinAccuracy
from selective_query.budgets._solving.reach import likely_coverage
from selective_query.cli._budgets import COST_BUDGETS, CostBudget, joined
from selective_query.cli._planning import option
from selective_query.cli._running.deployments import deployment_of
from selective_query.cli._running.files import (
    blamed_on,
    described_router,
    halves,
    load_rule,
)
from selective_query.cli._running.predictions import read_known
from selective_query.cli._running.printing import fields_of, show
from selective_query.cli._running.progress import waiting
from selective_query.outcomes import Outcomes
from selective_query.planning import charged, plan
from selective_query.routers.registry import make_router


def _budgets(args):
    budgets = [
        CostBudget(name, getattr(args, name))
        for name in COST_BUDGETS
        if getattr(args, name) is not None
    ]
    budgets += args.budget
    if args.min_coverage is not None:
        budgets.append(Coverage(args.min_coverage))
    if args.min_accuracy is not None:
        budgets.append(MinAccuracy(args.min_accuracy))
    return budgets


def _router_and_rows(args, deployment, budgets):
    """Return a fitted router, and rows that it has not seen."""
    if args.policy is not None:
        rule = load_rule(args.policy)
        return rule.router, read_known(Outcomes, args.file, args, rule.classes)
    outcomes = read_known(Outcomes, args.file, args)
    train, test = halves(outcomes, args.file, args.seed)
    coverage = likely_coverage(joined(budgets, lambda: deployment), train)
    router = make_router(args.router, target_coverage=coverage, random_state=args.seed)
    with waiting(f"Fitting {args.router} on {train.n_rows:,} rows"):
        return router.fit(train), test


def run_plan(args):
    """Fit the router on a random half of the rows, and plan on the other."""
    deployment, budgets = deployment_of(args), _budgets(args)
    if not budgets:
        options = ", ".join(
            map(option, (*COST_BUDGETS, "min_coverage", "min_accuracy", "budget"))
        )
        raise ValueError(f"plan needs at least one budget. Give one of {options}.")
    router, rows = _router_and_rows(args, deployment, budgets)
    with blamed_on(args.policy) if args.policy else nullcontext():
        deployment = charged(deployment, router, rows)
        score = router.query_score(rows.evidence)
    with waiting("Planning"):
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
