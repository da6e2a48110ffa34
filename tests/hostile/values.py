"""Values that a caller may pass by mistake, for each kind of parameter.

From a valid value, a kind generates values that must be refused by name, values that
must give the same answer, and values that may be refused or answered, but must not end
in an error from deep inside.
"""

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pandas as pd
from scipy import sparse

NUMERIC_NONSENSE = [
    "text",
    b"bytes",
    1j,
    object(),
    {"a": 1},
    {1, 2},
    pd.NA,
    pd.NaT,
    np.datetime64("2024-01-01"),
    np.timedelta64(3, "s"),
    pd.Timestamp("2024-01-01"),
    lambda: 0.5,
    float,
]


@dataclass(frozen=True)
class Rows:
    """One number for each row."""

    low: float = -np.inf
    high: float = np.inf
    infinite: bool = False
    optional: bool = False
    one_a_row: bool = True

    def refused(self, valid, rng):
        n = len(valid)
        row = int(rng.integers(n))

        def with_(value, dtype=object):
            changed = np.asarray(valid).astype(dtype)
            changed[row] = value
            return changed

        days = np.arange(n).astype("datetime64[D]")
        yield from (with_(v) for v in (None, "0.5", 1j, pd.NA, [1], days[0], np.nan))
        yield with_(np.nan, float)
        yield with_(np.nan, float).tolist()
        yield pd.Series(with_(np.nan, float))
        yield pd.Series(valid, dtype="Float64").mask(np.arange(n) == row)
        yield from (days, days - days[0], valid.astype(complex), valid.astype(str))
        yield valid.astype("S8")
        yield np.ma.array(valid, mask=np.arange(n) == row)
        yield np.ma.masked_all(n)
        yield from (valid[:, None], np.stack([valid, valid]), np.empty((n, 0)))
        if self.one_a_row:
            yield from (valid[:-1], [*valid, 0.5], float(valid[0]), [])
        yield [[0.5], [0.5, 1]]
        yield from (sparse.csr_array(valid[None]), sparse.csr_matrix(valid[:, None]))
        yield pd.DataFrame({"a": valid, "b": valid})
        yield (v for v in valid)
        yield np.zeros(n, dtype=[("a", float)])
        yield from NUMERIC_NONSENSE
        if not self.optional:
            yield None
        for bound, beyond in ((self.low, -1), (self.high, 1)):
            if np.isfinite(bound):
                yield with_(bound + beyond * 0.25, float)
                yield with_(beyond * 1e308, float)
        if not self.infinite:
            yield with_(np.inf, float)

    def same(self, valid, rng):
        twice = np.repeat(valid, 2)
        yield from (valid.tolist(), tuple(valid), valid.astype(np.float32))
        yield from (pd.Series(valid, index=valid), pd.Series(valid, dtype="Float64"))
        yield from (valid.astype(object), valid.astype(">f8"), twice[::2])
        yield from (np.ma.array(valid), np.ma.array(valid, mask=np.zeros(len(valid))))
        yield [Fraction(v) for v in valid]
        fixed = valid.copy()
        fixed.flags.writeable = False
        yield fixed

    def odd(self, valid, rng):
        yield from (np.zeros_like(valid), np.ones(len(valid), dtype=bool))
        yield from (np.ones(len(valid), dtype=np.uint8), rng.permutation(valid))
        yield from (
            np.clip(valid, -1, 1) * 1e308,
            valid * 1e-320,
            valid.astype(np.float16),
        )
        if self.infinite:
            yield from (np.full(len(valid), s * np.inf) for s in (-1, 1))
            yield np.where(valid > np.median(valid), np.inf, -np.inf)


@dataclass(frozen=True)
class Weights(Rows):
    """One weight for each row; none by default."""

    low: float = 0.0
    optional: bool = True
    may_vanish: bool = False

    def refused(self, valid, rng):
        yield from super().refused(valid, rng)
        n = len(valid)
        yield from (np.full(n, v) for v in (1e308, 1e-320, -1.0, np.inf, np.nan))
        if not self.may_vanish:
            yield np.zeros(n)
        yield np.where(np.arange(n) == rng.integers(n), -1e-300, 1.0)

    def odd(self, valid, rng):
        yield np.arange(len(valid)) == rng.integers(len(valid))
        yield from (valid * 10.0 ** rng.integers(-40, 40) for _ in range(3))
        yield valid * 10.0 ** rng.integers(-320, 1, len(valid))


@dataclass(frozen=True)
class Labels:
    """One label for each row: whole numbers."""

    optional: bool = False
    any_kind: bool = False
    whole: bool = False

    def refused(self, valid, rng):
        n = len(valid)
        row = int(rng.integers(n))
        for missing in (None, np.nan, pd.NA, pd.NaT, "text", 1j):
            changed = valid.astype(object)
            changed[row] = missing
            yield changed
        yield np.where(np.arange(n) == row, np.nan, valid)
        yield np.ma.array(valid, mask=np.arange(n) == row)
        if not self.any_kind:
            yield from (valid.astype(t) for t in (str, "S4", "M8[D]", "m8[s]"))
        yield valid.astype(complex)
        yield from (valid[:-1], np.stack([valid, valid], axis=1), 3, "text", object())
        yield from (sparse.csr_array(valid[None]), (v for v in valid), {"a": 1})
        if not self.optional:
            yield None

    def same(self, valid, rng):
        yield from (valid.tolist(), tuple(valid), pd.Series(valid, index=valid))
        yield from (valid.astype(np.int8), np.ma.array(valid))
        if not self.whole:
            yield from (valid.astype(t) for t in (float, object))
            yield pd.Series(valid, dtype="Int64")

    def odd(self, valid, rng):
        yield from (np.zeros_like(valid), valid[:, None], valid + 100)


@dataclass(frozen=True)
class Table:
    """Rows of numbers: distributions, or any."""

    distribution: bool = True
    whole: bool = False
    optional: bool = True

    def refused(self, valid, rng):
        n = len(valid)
        row = int(rng.integers(n))
        for dtype, wrong in ((float, np.nan), (object, None), (object, "0.5")):
            changed = np.asarray(valid).astype(dtype)
            changed[row, 0] = wrong
            yield changed
        yield np.ma.array(valid, mask=np.arange(n)[:, None] == np.full(2, row))
        yield from (valid.astype(str), valid.astype(complex), valid.astype("m8[s]"))
        yield from (valid[:-1], valid[:, 0], valid[None], 0.5, [[0.5, 0.5], [1.0]])
        yield from (sparse.csr_array(valid), (v for v in valid), *NUMERIC_NONSENSE)
        if self.distribution:
            yield from (valid + 0.1, valid * [[2, -1]], valid[:, :1], np.log(valid + 1))

    def same(self, valid, rng):
        yield from (valid.tolist(), np.asfortranarray(valid), np.ma.array(valid))
        if not self.whole:
            yield from (valid.astype(t) for t in (np.float32, object, ">f8"))

    def odd(self, valid, rng):
        yield from (valid[::-1], np.round(valid), np.zeros_like(valid))


@dataclass(frozen=True)
class Number:
    """One number in [low, high], or in the open interval."""

    low: float = -np.inf
    high: float = np.inf
    between: bool = False
    infinite: bool = False
    optional: bool = False
    many: bool = False  # an array is also valid

    def refused(self, valid, rng):
        yield from (np.nan, "0.5", np.ma.masked, np.array(["0.5"]), *NUMERIC_NONSENSE)
        yield from ([[0.5], [0.5, 1]], [None], sparse.csr_array([[0.5]]))
        if not self.many:
            yield from ([0.5], (0.5, 1), np.array([0.5, 0.5]), pd.Series([0.5]), True)
        if not self.optional:
            yield None
        for bound, beyond in ((self.low, -1), (self.high, 1)):
            if np.isfinite(bound):
                yield from (bound + beyond * v for v in (1e-9, 0.25, 3))
                yield beyond * 10**400
                yield from ([bound] if self.between else [])
                yield beyond * np.inf
        if not self.infinite:
            yield from (np.inf, -np.inf, 10**400)

    def same(self, valid, rng):
        if valid is not None:
            yield from (np.float64(valid), np.float32(valid), Fraction(valid))
            if valid == int(valid) and valid < 2**15:
                yield from (np.int16(valid), int(valid))

    def odd(self, valid, rng):
        yield from (np.array(valid), 5e-324, 1e-300, 1e300)


@dataclass(frozen=True)
class Whole:
    """An integer with a minimum."""

    least: int = 0
    optional: bool = False

    def refused(self, valid, rng):
        yield from (np.nan, np.inf, 2.5, "3", True, [3], np.array([3, 3]))
        yield from (self.least - 1, -(10**30), *NUMERIC_NONSENSE)
        if not self.optional:
            yield None

    def same(self, valid, rng):
        yield from (np.int64(valid), np.int16(valid))

    def odd(self, valid, rng):
        yield self.least


@dataclass(frozen=True)
class Seed:
    """A random_state."""

    def refused(self, valid, rng):
        yield from (-1, 2**40, 1.5, np.nan, "text", object(), {"a": 1})

    def same(self, valid, rng):
        if valid is not None:
            yield from (np.int64(valid), np.random.RandomState(valid))

    def odd(self, valid, rng):
        yield from (None, 0)


@dataclass(frozen=True)
class Choice:
    """One of a list of strings or objects; or any string."""

    words: bool = True

    def refused(self, valid, rng):
        yield from (3, np.nan, object(), ["a"], {"a": 1}, np.arange(3), b"")
        if self.words:
            yield "nonsense"

    def same(self, valid, rng):
        yield from [np.str_(valid)] if isinstance(valid, str) else []

    def odd(self, valid, rng):
        yield from ()


@dataclass(frozen=True)
class Instance:
    """An object of some class, or a mapping or list of a certain structure."""

    optional: bool = False

    def refused(self, valid, rng):
        yield from ("nonsense", 3, np.nan, object(), [1, "a"], np.arange(3), int)
        if not self.optional:
            yield None

    def same(self, valid, rng):
        yield valid

    def odd(self, valid, rng):
        yield from ()
