"""Where each number of a profile comes from, and how far it can be trusted."""

from dataclasses import dataclass, fields, replace
from numbers import Real

KINDS = ("measured", "published", "assumed")


@dataclass(frozen=True)
class Source:
    """Where a number comes from.

    Parameters
    ----------
    kind : {"measured", "published", "assumed"}
        Measured by the user, published by somebody, or a typical value that nobody
        stands for.
    text : str, default=""
        By whom, where.
    """

    kind: str
    text: str = ""

    def __post_init__(self):
        if self.kind not in KINDS:
            raise ValueError(
                f"kind must be one of {', '.join(KINDS)}. Got {self.kind!r}."
            )

    def __str__(self):
        return f"{self.kind}: {self.text}" if self.text else self.kind


ASSUMED = Source("assumed", "a typical value")
GIVEN = Source("measured", "given by the user")


class Profile:
    """A frozen dataclass of constants whose field ``sources`` says where they are from.

    Constants that ``sources`` does not name are the user's own.
    """

    def source(self, constant):
        """Where one constant comes from."""
        return self.sources.get(constant, GIVEN)

    def constants(self):
        """Names and values of the constants that are known."""
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in ("name", "sources")
            and getattr(self, field.name) is not None
        }

    def provenance(self):
        """A line of text for each constant: name, value, kind, source."""
        lines = [self.name]
        for name, value in self.constants().items():
            lines.append(f"  {name} = {value}  ({self.source(name)})")
        return "\n".join(lines)

    def assumed(self):
        """Names of the constants that nobody stands for."""
        return [n for n in self.constants() if self.source(n).kind == "assumed"]

    def with_(self, **changes):
        """The same with some constants of your own, marked as such.

        Parameters
        ----------
        **changes
            New values; ``sources=`` says where they come from, if not from you.
        """
        kept = {n: s for n, s in self.sources.items() if n not in changes}
        kept.update(changes.pop("sources", {}))
        return replace(self, **changes, sources=kept)

    @classmethod
    def _may_lack(cls, constant):
        return any(f.name == constant and f.default is None for f in fields(cls))

    def _check(self, **bounds):
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is None and self._may_lack(name):
                continue
            numbers = value if isinstance(value, tuple) else (value,)
            for number in numbers:
                is_number = isinstance(number, Real) and not isinstance(number, bool)
                if not is_number or not low <= number <= high:
                    raise ValueError(
                        f"{type(self).__name__}: {name} must be a number in [{low:g}, "
                        f"{high:g}]. Got {value!r}."
                    )
            if isinstance(value, tuple) and value[0] > value[1]:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a range (low, high). Got "
                    f"{value!r}."
                )
