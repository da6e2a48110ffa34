"""The cost of one routing decision on the device, counted rather than measured."""

from dataclasses import dataclass

import numpy as np

FLOAT_BYTES = 4


@dataclass(frozen=True)
class DecisionCost:
    """Cost of one decision, with numbers in single precision.

    It includes the router's own operations, stored numbers and scratch memory. It
    excludes the base, its outputs and their memory, the program code, and the
    threshold. On a processor without a floating-point unit, or without a table for
    logarithms and exponentials, an operation takes many cycles: measure there.

    Parameters
    ----------
    macs : int
        Multiply-accumulates; a separate comparison, addition, division, root, logarithm
        or exponential counts as one.
    flash_bytes : int
        Stored numbers, 4 bytes each.
    ram_bytes : int
        Scratch memory in addition to the base's outputs.

    Examples
    --------
    >>> from selective_query import Evidence
    >>> from selective_query.routers import MarginRouter
    >>> MarginRouter().decision_cost(Evidence(base_proba=[[0.5, 0.3, 0.2]]))
    DecisionCost(macs=7, flash_bytes=0, ram_bytes=12)
    """

    macs: int
    flash_bytes: int
    ram_bytes: int

    def __add__(self, other):
        return DecisionCost(
            self.macs + other.macs,
            self.flash_bytes + other.flash_bytes,
            self.ram_bytes + other.ram_bytes,
        )


def cost_of(macs, *, stored=0, scratch=1):
    """The cost, from counts of operations, stored numbers and scratch numbers."""
    return DecisionCost(
        int(macs), FLOAT_BYTES * int(stored), FLOAT_BYTES * int(scratch)
    )


def stored_cost(router):
    """Cost of everything a fitted router stores, with each number used once."""
    stored = sum(
        _n_numbers(value, set())
        for name, value in vars(router).items()
        if name.endswith("_") and not name.startswith("_")
    )
    return cost_of(stored, stored=stored, scratch=0)


def reading_cost(evidence):
    """Cost of using each output of the base once."""
    parts = evidence.base_proba, evidence.base_logits, evidence.base_features
    return cost_of(sum(p.shape[1] for p in parts if p is not None), scratch=0)


def _n_numbers(value, seen):
    """Numbers in a nested object, in units of 4 bytes."""
    if isinstance(value, np.ndarray):
        if value.dtype.names:
            return -(-value.nbytes // FLOAT_BYTES)
        if value.dtype.kind == "O":
            return sum(_n_numbers(item, seen) for item in value.ravel())
        return value.size
    if isinstance(value, (float, np.floating)):
        return 1
    if isinstance(value, (int, np.generic)):
        return 0  # a size or count, compiled into the program
    if value is None or isinstance(value, (str, bytes, type)) or id(value) in seen:
        return 0
    seen.add(id(value))
    if isinstance(value, dict):
        return sum(_n_numbers(item, seen) for item in value.values())
    if isinstance(value, (list, tuple)):
        return sum(_n_numbers(item, seen) for item in value)
    try:
        state = vars(value)
    except TypeError:
        # Compiled trees keep their arrays in an internal state.
        state = value.__getstate__() if hasattr(value, "__getstate__") else {}
    if not isinstance(state, dict):
        return _n_numbers(state, seen)
    return sum(_n_numbers(item, seen) for item in state.values())
