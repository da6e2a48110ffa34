"""The command `selective-query chain`: several graded models within one budget."""

import argparse
import csv
from pathlib import Path

import numpy as np

from selective_query.budgets import MaxTierCost, MinAccuracy
from selective_query.cli._files import halves
from selective_query.outcomes import ChainOutcomes, Evidence
from selective_query.tiers import CascadePolicy, worthwhile_tiers

TABLE_HELP = (
    "CSV or parquet file with a row for each input and, for each model NAME, a column "
    "NAME of grades in [0, 1]; NAME_cost, what asking it costs; and for models that "
    "may pass an input on NAME_score, by which its answer is judged"
)
BUDGETS = {"max_cost": MaxTierCost, "min_accuracy": MinAccuracy}


def add_chain(commands):
    """Add the command to those of a parser."""
    chain = commands.add_parser(
        "chain", help="who answers at which cost, by saved grades of several models"
    )
    chain.add_argument("file", type=Path, help=TABLE_HELP)
    chain.add_argument(
        "--models", nargs="+", required=True, metavar="NAME", help="in order of asking"
    )
    chain.add_argument(
        "--budget",
        type=_budget,
        required=True,
        metavar="NAME=NUMBER",
        help=", ".join(BUDGETS),
    )
    chain.add_argument("--abstain", type=float, help="share without an answer")
    chain.add_argument(
        "--keep-all", action="store_true", help="leave out no model, even if it costs"
    )
    chain.add_argument("--seed", type=int, default=0)
    chain.add_argument(
        "-o", "--output", type=Path, metavar="CSV", help="write row and model chosen"
    )
    chain.set_defaults(run=_chain)


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
        with open(args.output, "w", newline="") as file:
            rows = csv.writer(file)
            rows.writerow(["row", "model"])
            rows.writerows(enumerate(names[policy.decide(outcomes)]))


def read_grades(path, models):
    """Grades, costs and scores of models, from a table.

    Parameters
    ----------
    path : path-like
        CSV, or parquet where pandas can read it.
    models : sequence of str

    Returns
    -------
    ChainOutcomes

    Raises
    ------
    ValueError
        When a column is missing, or holds what is no number.
    ImportError
        When a parquet file is given and pandas, or what it reads parquet with, is not
        installed.
    """
    columns = _columns(path)

    def column(name):
        if name not in columns:
            raise ValueError(
                f"{path} has no column {name!r}. It has {', '.join(columns)}."
            )
        try:
            return np.asarray(columns[name], dtype=float)
        except ValueError as error:
            raise ValueError(f"{path}: column {name!r} must hold numbers ({error}).") \
                from error  # fmt: skip

    evidence = []
    for name in models:
        score = f"{name}_score"
        known = None
        if score in columns or name != models[-1]:
            known = Evidence(base_features=column(score)[:, None])
        evidence.append(known)
    return ChainOutcomes.from_utilities(
        np.column_stack([column(name) for name in models]),
        np.column_stack([column(f"{name}_cost") for name in models]),
        evidence=evidence,
        names=models,
    )


def _columns(path):
    if Path(path).suffix == ".parquet":
        try:
            from pandas import read_parquet

            return dict(read_parquet(path))
        except ImportError as error:
            raise ImportError(
                f"{path} needs pandas and pyarrow to be read: pip install pandas "
                "pyarrow. Or give a CSV file."
            ) from error
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    if not rows:
        raise ValueError(f"{path} holds no rows below its header.")
    return {name: [row[name] for row in rows] for name in rows[0]}
