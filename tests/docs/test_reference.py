"""Every public name documents its parameters, in order and with types, and returns."""

import importlib
import inspect
from dataclasses import fields, is_dataclass
from functools import cached_property

import pytest

from tests.test_public_api import DOCUMENTED, public_names

pytest.importorskip("numpydoc")
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

# Parameters missing, unknown, out of order or without a type; no Returns section.
FAULTS = {"PR01", "PR02", "PR03", "PR04", "RT01"}
PROPERTIES = (property, cached_property)
# The command, which --help and the guide document.
MODULES = [module for module in DOCUMENTED if module != "selective_query.cli"]


class Reference(Validator):
    """A docstring, to be compared with its object."""

    # Sources would be searched for comments that disable a check.
    source_file_name = source_file_def_line = None

    def __init__(self, obj_name):
        super().__init__(get_doc_object(obj_name, config={"show_class_members": False}))

    @property
    def doc_all_parameters(self):
        """Parameters; for result classes, the fields documented as attributes."""
        documented = super().doc_all_parameters
        if not is_dataclass(self.obj):
            return documented
        read = self._doc_parameters(["Attributes"])
        names = {field.name for field in fields(self.obj)}
        return {n: text for n, text in read.items() if n in names} | documented

    @property
    def signature_parameters(self):
        """Parameters of the signature; none for protocols, and no private ones."""
        if getattr(self.obj, "_is_protocol", False):
            return ()
        return tuple(n for n in super().signature_parameters if n[0] != "_")


def described(module):
    """Public functions, classes and their members, by name."""
    found = importlib.import_module(module)
    for name in public_names(found):
        thing = getattr(found, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            yield name, thing
        if inspect.isclass(thing):
            yield from ((f"{name}.{n}", member) for n, member in members(thing))


def members(cls):
    """Public methods and properties that this project wrote, by name."""
    for name in dir(cls):
        owner = next(c for c in cls.__mro__ if name in vars(c))
        member = getattr(cls, name)
        if (
            name[0] != "_"
            and owner.__module__.startswith("selective_query")
            and (inspect.isroutine(member) or isinstance(member, PROPERTIES))
        ):
            yield name, getattr(member, "__func__", member)


def faults_of(thing):
    """What its docstring lacks; one that is inherited is judged where it stands."""
    if not inspect.getdoc(thing):
        return ["no docstring"]
    if not thing.__doc__:
        return []
    errors = validate(thing, validator_cls=Reference)["errors"]
    return [text for code, text in errors if code in FAULTS]


@pytest.mark.parametrize("module", MODULES)
def test_what_is_public_is_documented(module):
    faults = [
        f"{name}: {text}"
        for name, thing in described(module)
        for text in faults_of(thing)
    ]
    assert not faults, "\n".join(faults)


def order(first, second):
    """Return something.

    Parameters
    ----------
    second : int
    first
    """
    return first, second


def test_faults_are_found():
    assert faults_of(lambda: None) == ["no docstring"]
    found = " ".join(faults_of(order))
    assert "Wrong parameters order" in found
    assert '"first" has no type' in found
    assert "No Returns section" in found
