"""Random programs and evidence, to compare other implementations with numpy."""

import numpy as np
from scipy.special import softmax

from selective_query import Evidence
from selective_query.routers import Steps
from selective_query.routers._operations import OPERATIONS

N_CLASSES, N_FEATURES, N_INPUTS = 4, 5, 3
# Larger numbers lose digits in single precision in any implementation.
LARGEST = 200
# Operations and functions that return no negative numbers.
POSITIVE = {"softmax", "normalise", "sigmoid", "relu", "norm2", "agreement"}


def random_evidence(rng, n=64):
    """Return evidence that is exact in single precision."""
    logits = rng.normal(scale=2, size=(n, N_CLASSES))
    parts = {
        "base_proba": softmax(logits, axis=1),
        "base_logits": logits,
        "base_features": rng.normal(size=(n, N_FEATURES)),
        "X": rng.normal(size=(n, N_INPUTS)),
    }
    return Evidence(
        **{name: part.astype("float32").astype(float) for name, part in parts.items()}
    )


def random_program(rng, n_steps=8, must_use=None):
    """Return a program with one output column that uses the operation `must_use`."""
    while True:
        made = _Growing(rng, random_evidence(rng))
        wanted = rng.permutation(
            [must_use or _any_op(rng), *(_any_op(rng) for _ in range(n_steps - 1))]
        )
        for op in wanted:
            made.grow(str(op))
        program = made.ended()
        if must_use in (None, *(step.op for step in program.steps)):
            return program


def rows_that_rounding_moves(program, evidence, rng, tolerance):
    """Return rows whose score changes if the evidence changes in its last digits."""
    score = program.run(evidence)
    moved = np.zeros(evidence.n_rows, dtype=bool)
    for _ in range(4):
        parts = {}
        for name in program.parts():
            part = getattr(evidence, name)
            parts[name] = part * (1 + rng.choice([-1e-6, 1e-6], part.shape))
        shifted = program.run(Evidence.of_checked(evidence.n_rows, **parts))
        moved |= ~np.isclose(score, shifted, rtol=tolerance, atol=tolerance)
    return moved


def _any_op(rng):
    return str(rng.choice([op for op in OPERATIONS if op != "read"]))


class _Growing:
    """Steps under construction, with the array that each computes for some rows."""

    def __init__(self, rng, evidence):
        self.rng, self.steps, self.tables, self.positive = rng, Steps(), [], {0}
        for part in ("base_proba", "base_logits", "base_features", "X"):
            table = getattr(evidence, part)
            self.steps.read(part, table.shape[1])
            self.tables.append(table)

    def grow(self, op):
        """Append an operation on some array, unless its numbers would be too large."""
        n_taken = OPERATIONS[op].n_inputs[0]
        inputs = [int(i) for i in self.rng.integers(len(self.tables), size=n_taken)]
        if op in ("class_effect", "class_roots"):
            inputs = [0]
        taken = [self.tables[i] for i in inputs]
        is_positive = self.positive.issuperset(inputs)
        parameters = self._parameters(op, taken, is_positive)
        if parameters is not None:
            self._append(op, inputs, parameters)

    def _append(self, op, inputs, parameters):
        taken = [self.tables[i] for i in inputs]
        if op == "constant":
            table = np.full((len(self.tables[0]), 1), parameters["value"])
        else:
            with np.errstate(all="ignore"):
                table = OPERATIONS[op].run(*taken, **parameters)
        if np.isfinite(table).all() and np.abs(table).max() < LARGEST:
            place = self.steps.add(op, *inputs, **parameters)
            self.tables.append(table)
            selects = op in ("top", "columns") and inputs[0] in self.positive
            if selects or not POSITIVE.isdisjoint([op, parameters.get("function")]):
                self.positive.add(place)

    def ended(self):
        """Return the program, with a weighted sum of all unused arrays as output."""
        taken = {i for step in self.steps for i in step.inputs}
        left = [i for i in range(4, len(self.tables)) if i not in taken] or [0]
        if len(left) > 1:
            self._append("concatenate", left, {})
            left = [len(self.tables) - 1]
        table = self.tables[left[0]]
        weight = self.rng.normal(size=(table.shape[1], 1))
        weight /= max(1.0, float(np.abs(table @ weight).max()))
        bias = self.rng.normal(size=1)
        self._append("affine", left, {"weight": weight, "bias": bias})
        return self.steps.program("random")

    def _parameters(self, op, taken, is_positive):
        rng = self.rng
        width = taken[0].shape[1] if taken else 0
        if op == "top":
            return {"k": int(rng.integers(1, width + 1))}
        if op == "doubt":
            return {"k": int(rng.integers(1, width + 1))} if is_positive else None
        if op == "columns":
            start = int(rng.integers(width))
            return {"start": start, "stop": int(rng.integers(start, width)) + 1}
        if op == "log":
            return {"floor": float(rng.choice([1e-7, 0.01]))}
        if op == "apply":
            functions = set(OPERATIONS[op].functions)
            functions -= set() if is_positive else {"sqrt"}
            return {"function": str(rng.choice(sorted(functions)))}
        if op == "scale":
            scale = rng.choice([0.5, 1.0, 3.0, np.inf], width)
            return {"centre": rng.normal(size=width), "scale": scale}
        if op == "affine":
            n_made = int(rng.integers(1, 6))
            bias = rng.normal(size=n_made) if rng.random() < 0.7 else None
            return {"weight": rng.normal(size=(width, n_made)), "bias": bias}
        if op == "combine":
            return self._of_two(width, taken[1].shape[1])
        if op == "reduce":
            functions = set(OPERATIONS[op].functions)
            functions -= set() if is_positive else {"entropy"}
            return {"function": str(rng.choice(sorted(functions)))}
        if op == "peak":
            return {"order": float(rng.choice([1, 2, 3, 30]))}
        if op == "log_sum_exp":
            return {"temperature": float(rng.choice([0.5, 1, 4]))}
        if op == "normalise":
            sums = taken[0].sum(axis=1)
            return {} if is_positive and (sums == 0).sum() in (0, len(sums)) else None
        if op == "pairs":
            return {} if width > 1 else None
        if op == "class_effect":
            return {"effects": rng.normal(size=N_CLASSES)}
        if op == "class_roots":
            k = int(rng.integers(1, N_CLASSES + 2))
            return {"effects": rng.normal(size=N_CLASSES), "k": k}
        if op == "kernel":
            near = taken[0][rng.integers(len(taken[0]), size=5)]
            weights = rng.normal(size=5)
            return {"landmarks": near + 0.1, "weights": weights, "width": 1.5}
        if op == "squared_distance":
            shape = (int(rng.integers(1, 4)), width)
            return {"centres": rng.normal(size=shape), "weights": rng.random(shape)}
        if op == "trees":
            return self._trees(width)
        if op == "constant":
            return {"value": float(rng.normal())}
        return {}

    def _of_two(self, one, other):
        functions = ["cross_entropy"] if one == other else []
        if 1 in (one, other) or one == other:
            functions += ["add", "subtract"]
        return {"function": str(self.rng.choice(functions))} if functions else None

    def _trees(self, width):
        """Return full trees with one or several numbers per leaf, and a single leaf."""
        rng, children, roots, depth = self.rng, [], [], int(self.rng.integers(0, 4))
        for levels in (depth, 0, int(rng.integers(0, depth + 1))):
            root, n_inner = len(children), 2**levels - 1
            roots.append(root)
            children += [[root + 2 * i + 1, root + 2 * i + 2] for i in range(n_inner)]
            children += [[len(children) + i] * 2 for i in range(n_inner + 1)]
        is_leaf = np.array([one == other for one, other in children])
        n_columns = int(rng.integers(1, 4))
        return {
            "feature": rng.integers(width, size=len(children)),
            "threshold": np.where(is_leaf, np.inf, rng.normal(size=len(children))),
            "children": np.array(children),
            "value": rng.normal(size=(len(children), n_columns)),
            "root": np.array(roots),
            "depth": depth,
            "offset": rng.normal(size=n_columns),
        }
