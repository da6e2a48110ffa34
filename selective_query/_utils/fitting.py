"""Fits that change an estimator when they have succeeded, and not before."""

import copy


def unfitted(estimator):
    """A shallow copy without what an earlier fit has learned, to be fitted instead."""
    copied = copy.copy(estimator)
    for name in [n for n in vars(estimator) if n.endswith("_") and n[0] != "_"]:
        delattr(copied, name)
    return copied


def become(estimator, fitted):
    """Put what the copy has learned in place of what the estimator had."""
    vars(estimator).clear()
    vars(estimator).update(vars(fitted))
    return estimator
