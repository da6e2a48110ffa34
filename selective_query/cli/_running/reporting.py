"""Implementation of `selective-query report`."""

import sys

from selective_query.cli._running.deployments import deployment_of
from selective_query.cli._running.files import blamed_on, load_rule
from selective_query.cli._running.predictions import read_known
from selective_query.cli._running.printing import show
from selective_query.cli._running.progress import waiting
from selective_query.outcomes import Outcomes


def report(args):
    """Print the report of a policy on rows, or write it as HTML."""
    timed = args.base_ms is not None or args.base_macs is not None
    if args.value is not None and not timed:
        raise ValueError(
            "--value is weighed against costs. Give the time of the base, --base-ms or "
            "--base-macs, or leave it out."
        )
    deployment = deployment_of(args) if timed else None
    rule = load_rule(args.policy)
    outcomes = read_known(Outcomes, args.file, args, rule.classes)
    with blamed_on(args.policy), waiting(f"Evaluating {outcomes.n_rows:,} rows"):
        found = rule.report(outcomes, deployment=deployment, value=args.value)
        data = found.to_dict() if args.json else None
        text = "" if args.json else str(found)
        page = None if args.output is None else found.to_html()
    if str(args.output) == "-":
        sys.stdout.write(page)
        return
    if page is not None:
        args.output.write_text(page, encoding="utf-8")
        text = f"{found.verdict}\nWritten to {args.output}"
    show(args, text, data)
