"""Implementation of `selective-query compare`."""

import argparse
import sys

from selective_query.cli._running.files import halves
from selective_query.cli._running.predictions import read_known
from selective_query.cli._running.printing import fields_of, show
from selective_query.evaluation import compare_routers
from selective_query.outcomes import Outcomes


def compare(args):
    """Fit routers on one file, and evaluate them on another or on half of it."""
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
