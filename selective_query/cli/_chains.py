"""The command `selective-query chain`: several graded models within one budget."""

from pathlib import Path

import numpy as np

from selective_query._utils.frames import column_names
from selective_query.budgets import MaxTierCost, MinAccuracy
from selective_query.cli._files import halves
from selective_query.cli._options import budget_type
from selective_query.cli._predictions import source_of
from selective_query.outcomes import ChainOutcomes, Evidence
from selective_query.outcomes._tables import numbers_of, read_table, write_table
from selective_query.tiers import CascadePolicy, worthwhile_tiers

TABLE_HELP = (
    "CSV or parquet file, or - for standard input, with a row for each input and, for "
    "each model NAME, a column NAME of grades in [0, 1]; NAME_cost, what asking it "
    "costs; and for models that may pass an input on NAME_score, by which its answer "
    "is judged"
)
BUDGETS = {"max_cost": MaxTierCost, "min_accuracy": MinAccuracy}


def add_chain(commands):
    """Add the command to those of a parser."""
    chain = commands.add_parser(
        "chain", help="who answers at which cost, by saved grades of several models"
    )
    chain.add_argument("file", help=TABLE_HELP)
    chain.add_argument(
        "--models", nargs="+", required=True, metavar="NAME", help="in order of asking"
    )
    chain.add_argument(
        "--budget",
        type=budget_type(BUDGETS),
        required=True,
        metavar="NAME=NUMBER",
        help=", ".join(BUDGETS),
    )
    chain.add_argument("--abstain", type=float, help="share without an answer")
    chain.add_argument(
        "--keep-all", action="store_true", help="leave out no model, even if it costs"
    )
    chain.add_argument("--seed", type=int, default=0, help="of halves and routers")
    chain.add_argument(
        "-o", "--output", type=Path, metavar="TABLE", help="write row and model chosen"
    )
    chain.set_defaults(run=_chain)


def _chain(args):
    outcomes = read_grades(args.file, args.models)
    train, test = halves(outcomes, args.file, args.seed)
    chosen = range(outcomes.n_tiers)
    if not args.keep_all and outcomes.n_tiers > 2:
        chosen = worthwhile_tiers(
            train, args.budget, router="benefit", random_state=args.seed
        )
    train, test, outcomes = (o.choose(chosen) for o in (train, test, outcomes))
    policy = CascadePolicy(
        "benefit", args.budget, abstain=args.abstain, random_state=args.seed
    ).fit(train)
    print(f"Asked in this order: {', '.join(outcomes.names)}")
    print(policy.operating_point_)
    tier, last = policy.decide(test), policy.last_asked(test)
    answered = tier >= 0
    print(f"On the other half of the rows ({test.n_rows}):")
    for j, name in enumerate(test.names):
        print(f"  {name} answers {np.mean(tier == j):.4f}, alone it grades "
              f"{test.utilities[:, j].mean():.4f}")  # fmt: skip
    if answered.any():
        print(f"  grade of what is answered {test.utility(last)[answered].mean():.4f}")
    print(f"  mean cost {test.spent(last).mean():.4g}")
    if args.output is not None:
        names = np.array([*outcomes.names, "none"])
        who = {
            "row": np.arange(outcomes.n_rows),
            "model": names[policy.decide(outcomes)],
        }
        write_table(args.output, who)


def read_grades(path, models):
    """Grades, costs and scores of models, from a table.

    Parameters
    ----------
    path : path-like
        CSV or parquet.
    models : sequence of str

    Returns
    -------
    ChainOutcomes

    Raises
    ------
    ValueError
        When a column is missing, or holds what is no number.
    ImportError
        When it is a parquet file and pyarrow is not installed.
    """
    table = read_table(source_of(path))

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
