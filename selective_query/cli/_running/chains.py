"""Implementation of `selective-query chain`."""

import numpy as np

from selective_query._utils.frames import column_names
from selective_query.cli._running.files import halves
from selective_query.cli._running.predictions import source_of
from selective_query.cli._running.printing import show, write_decisions
from selective_query.cli._running.progress import waiting
from selective_query.outcomes import ChainOutcomes, Evidence
from selective_query.outcomes._tables import numbers_of, read_table
from selective_query.tiers import CascadePolicy, worthwhile_tiers


def chain(args):
    """Fit a chain on a random half of the rows, and evaluate it on the other."""
    table = read_table(source_of(args.file), {args.id})
    outcomes = graded(table, args.models, args.file)
    train, test = halves(outcomes, args.file, args.seed)
    chosen = range(outcomes.n_tiers)
    if not args.keep_all and outcomes.n_tiers > 2:
        with waiting("Choosing among the models"):
            chosen = worthwhile_tiers(
                train, args.budget, router="benefit", random_state=args.seed
            )
    train, test, outcomes = (o.choose(chosen) for o in (train, test, outcomes))
    policy = CascadePolicy(
        "benefit", args.budget, abstain=args.abstain, random_state=args.seed
    )
    with waiting(f"Fitting the chain on {train.n_rows:,} rows"):
        policy.fit(train)
    left_out = [name for name in args.models if name not in test.names]
    found = {**_judged(policy, test), "left_out": left_out}
    show(args, _text(found), found)
    if args.output is not None:
        names = np.array([*outcomes.names, "none"])
        rows = np.arange(outcomes.n_rows) if args.id is None else table[args.id]
        who = {args.id or "row": np.asarray(rows)}
        write_decisions(args.output, {**who, "model": names[policy.decide(outcomes)]})


def _judged(policy, test):
    """Evaluate the chain on held-out rows."""
    tier, last = policy.decide(test), policy.rule_.last_asked(test)
    answered = tier >= 0
    shares = [float(np.mean(tier == j)) for j in range(test.n_tiers)]
    grade = test.utility(last)[answered].mean() if answered.any() else np.nan
    return {
        "models": list(test.names),
        "operating_point": str(policy.operating_point_),
        "n": test.n_rows,
        "answers": dict(zip(test.names, shares, strict=True)),
        "grade_alone": dict(zip(test.names, test.utilities.mean(axis=0), strict=True)),
        "grade": grade,
        "mean_cost": test.spent(last).mean(),
    }


def _text(found):
    lines = [f"Asked in this order: {', '.join(found['models'])}"]
    if found["left_out"]:
        names = ", ".join(found["left_out"])
        lines.append(f"Left out, not worth the cost: {names} (--keep-all asks all)")
    lines += [
        found["operating_point"],
        f"On the other half of the rows ({found['n']}):",
    ]
    alone = found["grade_alone"]
    lines += [
        f"  {name} answers {share:.4f}; its grade alone is {alone[name]:.4f}"
        for name, share in found["answers"].items()
    ]
    if not np.isnan(found["grade"]):
        lines.append(f"  grade on answered inputs {found['grade']:.4f}")
    return "\n".join([*lines, f"  mean cost {found['mean_cost']:.4g}"])


def graded(table, models, path):
    """Read grades, costs and scores of models from a table.

    Parameters
    ----------
    table : Table, or a pyarrow table
    models : sequence of str
    path : path-like
        For the message.

    Returns
    -------
    ChainOutcomes

    Raises
    ------
    ValueError
        If a column is missing, or contains non-numbers.
    """

    def column(name):
        return numbers_of(table, name, path)

    evidence = []
    for name in models:
        score = f"{name}_score"
        known = None
        if score in column_names(table) or name != models[-1]:
            known = Evidence(base_features=column(score)[:, None])
        evidence.append(known)
    return ChainOutcomes.from_utilities(
        np.column_stack([column(name) for name in models]),
        np.column_stack([column(f"{name}_cost") for name in models]),
        evidence=evidence,
        names=models,
    )
