"""Sums over rows from which a report follows, and which can be added up."""

from dataclasses import astuple, dataclass

import numpy as np
from sklearn.utils import Bunch, _safe_indexing


@dataclass(frozen=True)
class Tally:
    """How many rows, of what weight, and how much of that each side got right.

    Without weights all are whole numbers, so that no order of adding them up changes
    the figures of the report.
    """

    n: int = 0
    n_queried: int = 0
    weight: float = 0.0
    kept: float = 0.0
    queried: float = 0.0
    base_right: float = 0.0
    base_right_on_kept: float = 0.0
    global_right: float = 0.0
    global_right_on_queried: float = 0.0

    def __add__(self, other):
        pairs = zip(astuple(self), astuple(other), strict=True)
        return Tally(*(a + b for a, b in pairs))

    @classmethod
    def of(cls, model, chunk, query_all=False):
        """The sums of a chunk.

        Parameters
        ----------
        model : HybridClassifier or AbstainingClassifier
            Fitted.
        chunk : Chunk
            With y.
        query_all : bool, default=False
            Whether the global is asked about every row.

        Returns
        -------
        Tally
        """
        X, base, kept, y, _ = model._evaluation(chunk.X, chunk.y, None)
        weight = chunk.sample_weight
        weight = np.ones(len(kept)) if weight is None else weight
        base_right = model.classes_[base.label] == y
        global_right = np.zeros(len(kept), dtype=bool)
        asked = np.arange(len(kept)) if query_all else np.flatnonzero(~kept)
        if len(asked) and has_global(model):
            answers = model._ask_global(_safe_indexing(X, asked))
            global_right[asked] = model.classes_[answers.label] == y[asked]
        return cls(
            n=len(kept),
            n_queried=int((~kept).sum()),
            weight=float(weight.sum()),
            kept=float(kept @ weight),
            queried=float(~kept @ weight),
            base_right=float(base_right @ weight),
            base_right_on_kept=float((base_right & kept) @ weight),
            global_right=float(global_right @ weight),
            global_right_on_queried=float((global_right & ~kept) @ weight),
        )

    def report(self, *, abstains, query_all=False):
        """The figures of ``model.report``.

        Parameters
        ----------
        abstains : bool
            True without a global: the accuracy is then that on what is answered.
        query_all : bool, default=False

        Returns
        -------
        Bunch
        """
        on_kept = _share(self.base_right_on_kept, self.kept)
        right = self.base_right_on_kept + self.global_right_on_queried
        return Bunch(
            accuracy=on_kept if abstains else _share(right, self.weight),
            coverage=_share(self.kept, self.weight),
            n=self.n,
            n_queried=self.n_queried,
            base_accuracy=_share(self.base_right, self.weight),
            global_accuracy=_share(self.global_right, self.weight)
            if query_all and not abstains
            else np.nan,
            base_accuracy_on_kept=on_kept,
            global_accuracy_on_queried=np.nan
            if abstains
            else _share(self.global_right_on_queried, self.queried),
        )


def has_global(model):
    """Whether queries go to a global, and are not abstentions."""
    return hasattr(model, "global_estimator_")


def _share(part, whole):
    return part / whole if whole else np.nan
