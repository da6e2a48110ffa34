"""The inputs of an artefact: one matrix, the columns of a data frame, or texts.

This module runs without scikit-learn and pandas.
"""

from dataclasses import asdict, dataclass

import numpy as np

MATRIX, FRAME, TEXT = "matrix", "frame", "text"
X = "X"


@dataclass(frozen=True)
class Inputs:
    """Names, types and shapes of the inputs of a graph.

    Parameters
    ----------
    kind : {"matrix", "frame", "text"}
        One numeric tensor ``X``; one tensor of shape (n_samples, 1) per column of a
        data frame; or one text per row.
    dtypes : tuple of (str, str)
        Name and NumPy dtype of each input; ``"str"`` for text.
    shape : tuple of int
        Shape of one row of a matrix; empty otherwise.
    names : tuple of (str or int) or None
        Columns of a data frame, one per input, or in the order of the matrix.
    allow_nan : bool
        Whether NaN is allowed.
    """

    kind: str
    dtypes: tuple[tuple[str, str], ...]
    shape: tuple[int, ...] = ()
    names: tuple[str | int, ...] | None = None
    allow_nan: bool = False

    def declared(self):
        """Return name, type and shape of each input."""
        shape = [None, *self.shape] if self.kind == MATRIX else [None, 1]
        return [(name, dtype, shape) for name, dtype in self.dtypes]

    def to_dict(self):
        """Return the inputs as plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data):
        """Restore what `to_dict` wrote, before or after a round trip through JSON.

        Raises
        ------
        ValueError
            If the data are damaged.
        """
        try:
            names = data["names"]
            return cls(
                data["kind"],
                tuple((str(name), str(dtype)) for name, dtype in data["dtypes"]),
                tuple(map(int, data["shape"])),
                None if names is None else tuple(names),
                bool(data["allow_nan"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(
                f"The artefact's description of its inputs is damaged ({error!r}). "
                "Export it again."
            ) from None

    def tensors(self, X):
        """Convert rows to the input tensors of the graph.

        Raises
        ------
        ValueError
            If columns are missing, shapes differ, or a number is missing, infinite
            or out of range for single precision.
        """
        if self.kind == FRAME:
            return self._columns(X)
        ((name, dtype),) = self.dtypes
        if self.kind == TEXT:
            return {name: _texts(X, name)[:, None]}
        return {name: self._matrix(X, np.dtype(dtype))}

    def _columns(self, X):
        if not hasattr(X, "columns"):
            raise ValueError(
                f"X must be a data frame with the columns {self._listed()}. Got "
                f"{type(X).__name__}."
            )
        self._refuse_absent(X, self.names)
        made = {}
        for column, (name, dtype) in zip(self.names, self.dtypes, strict=True):
            if dtype == "str":
                values = _texts(X[column], name)
            else:
                values = self._numbers(X[column], np.dtype(dtype), name)
            made[name] = values[:, None]
        return made

    def _matrix(self, X, dtype):
        if hasattr(X, "columns") and self.names is not None:
            self._refuse_absent(X, self.names)
            X = X[list(self.names)]
        X = self._numbers(X.toarray() if hasattr(X, "toarray") else X, dtype, "X")
        if X.shape[1:] != self.shape:
            raise ValueError(
                f"X must be of shape {('n_samples', *self.shape)}. Got {X.shape}. Give "
                "the columns of fit."
            )
        return X

    def _numbers(self, values, dtype, name):
        if np.iscomplexobj(values):
            raise ValueError(f"{name} must hold real numbers. Got complex ones.")
        try:
            with np.errstate(over="ignore"):
                made = np.ascontiguousarray(values, dtype=dtype)
        except (TypeError, ValueError) as error:
            raise ValueError(f"{name} must hold numbers ({error}).") from None
        if dtype.kind == "f":
            fine = ~np.isinf(made) if self.allow_nan else np.isfinite(made)
            if not fine.all():
                raise ValueError(
                    f"{name} must be finite in single precision, first in row "
                    f"{int(np.argwhere(~fine)[0, 0])}. Drop such rows, or repair them."
                )
        elif np.asarray(values).dtype.kind not in "iub":
            raise ValueError(
                f"{name} must hold whole numbers, as in fit. Got dtype "
                f"{np.asarray(values).dtype}."
            )
        return made

    def _refuse_absent(self, X, names):
        known = set(X.columns)
        absent = [name for name in names if name not in known]
        if absent:
            raise ValueError(
                f"X lacks columns: {absent[:10]}. It must have {self._listed()}."
            )

    def _listed(self):
        return ", ".join(map(str, self.names[:20])) + ", ..." * (len(self.names) > 20)


def _texts(values, name):
    made = np.array(values, dtype=object)
    strange = [value for value in made.ravel() if not isinstance(value, str)]
    if made.ndim != 1 or strange:
        got = f"shape {made.shape}" if made.ndim != 1 else repr(strange[0])
        raise ValueError(f"{name} must hold one text for each row. Got {got}.")
    return made
