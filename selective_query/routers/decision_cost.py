"""What one routing decision costs the device, counted rather than measured."""

from dataclasses import dataclass

import numpy as np

from selective_query.routers._evidence_columns import MAX_LOGIT_COLUMNS, N_TOP

FLOAT_BYTES = 4
# Reports of what fit did, which no decision reads.
NOT_DEPLOYED = (
    "_history_", "selection_", "kept_measurement_", "multiplier_", "alpha_",
    "smoothing_", "layout_", "shrinkage_",
)  # fmt: skip


@dataclass(frozen=True)
class DecisionCost:
    """What one decision costs, with numbers in single precision.

    Counted are the router's own operations, stored numbers and scratch memory. Not
    counted are the base, its outputs and their memory, the program itself, and the
    threshold. On a processor without a floating-point unit, or without a table for
    logarithms and exponentials, an operation takes many cycles: measure there.

    Parameters
    ----------
    macs : int
        Multiply-accumulates; a comparison, addition, division, root, logarithm or
        exponential on its own counts as one.
    flash_bytes : int
        Stored numbers, 4 bytes each.
    ram_bytes : int
        Scratch memory beyond what the base leaves behind.

    Examples
    --------
    >>> from selective_query.routers import MaxProbabilityRouter
    >>> MaxProbabilityRouter().decision_cost(n_classes=10)
    DecisionCost(macs=10, flash_bytes=0, ram_bytes=4)
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
    """The cost of so many operations, stored numbers and numbers of scratch memory."""
    return DecisionCost(
        int(macs), FLOAT_BYTES * int(stored), FLOAT_BYTES * int(scratch)
    )


def columns_cost(n_classes, n_features=0, *, has_logits=False):
    """Cost of turning one row of evidence into the columns of a learned router.

    Top probabilities by a running top five, their roots, the entropy, and centred
    log-probabilities where there are no logits and few enough classes.
    """
    if not n_classes:
        return cost_of(0, scratch=n_features)
    top = min(N_TOP, n_classes)
    n_made = n_classes if n_classes <= MAX_LOGIT_COLUMNS and not has_logits else 0
    macs = top * n_classes + (top - 1) + 2 * n_classes + 3 * n_made
    return cost_of(macs, scratch=top + 1 + n_made + n_features)


def learned_cost(router, n_classes, n_features=0):
    """Cost of a fitted router, each number that it stores being used once."""
    total = DecisionCost(0, 0, 0)
    layout = dict(getattr(router, "layout_", ()))
    if layout:
        total += columns_cost(
            layout.get("base_proba", 0),
            layout.get("base_features", 0) + layout.get("X", 0),
            has_logits="base_logits" in layout,
        )
    for name, value in _learned(router):
        if hasattr(value, "decision_cost"):
            total += value.decision_cost(n_classes, n_features)
            continue
        stored = _n_numbers(value, set())
        used = min(stored, 1) if name.startswith("class_") else stored
        total += cost_of(used, stored=stored, scratch=0)
    return total


def _learned(router):
    for name, value in vars(router).items():
        learned = name.endswith("_") and not name.startswith("_")
        if learned and not name.endswith(NOT_DEPLOYED):
            yield name, value


def _n_numbers(value, seen):
    """Numbers in whatever holds them, in units of 4 bytes."""
    if isinstance(value, np.ndarray):
        if value.dtype.names:
            return -(-value.nbytes // FLOAT_BYTES)
        if value.dtype.kind == "O":
            return sum(_n_numbers(item, seen) for item in value.ravel())
        return value.size
    if isinstance(value, (float, np.floating)):
        return 1
    if isinstance(value, (int, np.generic)):
        return 0  # a size or a count, part of the program
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
        # Compiled trees keep their arrays in a state of their own.
        state = value.__getstate__() if hasattr(value, "__getstate__") else {}
    if not isinstance(state, dict):
        return _n_numbers(state, seen)
    return sum(_n_numbers(item, seen) for item in state.values())
