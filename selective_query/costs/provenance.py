"""Sources of the constants of a profile."""

from dataclasses import MISSING, dataclass, fields, replace

from selective_query._utils.numbers import LARGEST, as_python, is_number
from selective_query._utils.validation import check_choice, check_instance

KINDS = ("measured", "published", "given", "assumed")


@dataclass(frozen=True)
class Source:
    """The source of a constant.

    Parameters
    ----------
    kind : {"measured", "published", "given", "assumed"}
        Measured, published, given by the user without a source, or a typical value
        without a source.
    text : str, default=""
        Reference or explanation.
    """

    kind: str
    text: str = ""

    def __post_init__(self):
        check_choice(self.kind, "kind", KINDS)
        check_instance(self.text, "text", str)

    def __str__(self):
        return f"{self.kind}: {self.text}" if self.text else self.kind


ASSUMED = Source("assumed", "a typical value")
DEFAULT = Source("assumed", "the default")
GIVEN = Source("given", "by the user")


class Profile:
    """Base class of frozen dataclasses of constants with a field ``sources``.

    Constants not listed in ``sources`` are the user's own; those left at their default
    are assumed.
    """

    _NAMES = ("name", "core", "sources")

    def source(self, constant):
        """Return the source of a constant.

        Parameters
        ----------
        constant : str
            Its name.

        Returns
        -------
        Source
        """
        if constant in self.sources:
            return self.sources[constant]
        is_default = getattr(self, constant) == self._defaults().get(constant)
        return DEFAULT if is_default else GIVEN

    @classmethod
    def _defaults(cls):
        return {f.name: f.default for f in fields(cls) if f.default is not MISSING}

    def constants(self):
        """Return the constants that are not None.

        Returns
        -------
        dict of str to value
        """
        return {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in self._NAMES and getattr(self, field.name) is not None
        }

    def provenance(self):
        """Return a line of text per constant: name, value, kind and source.

        Returns
        -------
        str
        """
        lines = [self.name]
        for name, value in self.constants().items():
            lines.append(f"  {name} = {value}  ({self.source(name)})")
        return "\n".join(lines)

    def assumed(self):
        """Return the names of the assumed constants.

        Returns
        -------
        list of str
        """
        return [n for n in self.constants() if self.source(n).kind == "assumed"]

    def with_(self, **changes):
        """Return a copy with your own values of some constants, marked as given.

        Parameters
        ----------
        **changes : float, tuple or str
            New values; ``sources=`` gives their sources, if not yourself.

        Returns
        -------
        Device, Link or Cloud
            Same class as this one.
        """
        stated = changes.pop("sources", {})
        given = dict.fromkeys(changes.keys() - set(self._NAMES), GIVEN)
        kept = self.sources | given | stated
        return replace(self, **changes, sources=kept)

    def _check_sources(self, known):
        check_instance(self.name, f"{type(self).__name__}: name", str)
        check_instance(self.sources, f"{type(self).__name__}: sources", dict)
        for name, source in self.sources.items():
            if name not in known:
                raise ValueError(
                    f"{type(self).__name__}: sources may name {', '.join(known)}. Got "
                    f"{name!r}."
                )
            if not isinstance(source, Source):
                raise TypeError(
                    f"{type(self).__name__}: sources[{name!r}] must be a Source, such "
                    f"as Source('measured', 'by whom'). Got {source!r}."
                )

    @classmethod
    def _ranges(cls):
        return {f.name for f in fields(cls) if f.type is tuple}

    @classmethod
    def _may_lack(cls, constant):
        return any(f.name == constant and f.default is None for f in fields(cls))

    def _check(self, **bounds):
        self._check_sources(bounds)
        for name, (low, high) in bounds.items():
            value = getattr(self, name)
            if value is None and self._may_lack(name):
                continue
            is_range = isinstance(value, tuple) and name in self._ranges()
            numbers = tuple(map(as_python, value if is_range else (value,)))
            for number in numbers:
                if not is_number(number) or not low <= number <= min(high, LARGEST):
                    raise ValueError(
                        f"{type(self).__name__}: {name} must be a number in [{low:g}, "
                        f"{high:g}]. Got {value!r}."
                    )
            if is_range and value[0] > value[1]:
                raise ValueError(
                    f"{type(self).__name__}: {name} must be a range (low, high). Got "
                    f"{value!r}."
                )
            object.__setattr__(self, name, numbers if is_range else numbers[0])
