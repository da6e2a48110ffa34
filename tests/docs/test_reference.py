"""Every public name says all that it takes and returns."""

import importlib
import inspect
from dataclasses import fields, is_dataclass
from functools import cached_property

import pytest

from tests.test_public_api import DOCUMENTED, public_names

pytest.importorskip("numpydoc")
from numpydoc.docscrape import get_doc_object
from numpydoc.validate import Validator, validate

# A parameter is missing, unknown, out of order or without a type; no Returns section.
FAULTS = {"PR01", "PR02", "PR03", "PR04", "RT01"}
PROPERTIES = (property, cached_property)


class Reference(Validator):
    """A docstring as the reference shows it."""

    def __init__(self, obj_name):
        super().__init__(get_doc_object(obj_name, config={"show_class_members": False}))

    # Would only be read for comments that switch a check off.
    source_file_name = source_file_def_line = None

    @property
    def doc_all_parameters(self):
        """The fields of a result, which users do not make, are its attributes."""
        documented = super().doc_all_parameters
        if not is_dataclass(self.obj):
            return documented
        attributes = self._doc_parameters(["Attributes"])
        of_fields = {
            f.name: attributes[f.name] for f in fields(self.obj) if f.name in attributes
        }
        return of_fields | documented

    @property
    def signature_parameters(self):
        """A protocol is not made, and private parameters are not for users."""
        if getattr(self.obj, "_is_protocol", False):
            return ()
        return tuple(n for n in super().signature_parameters if n[0] != "_")


def described(module):
    """Names and objects of a module that users see, methods among them."""
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


@pytest.mark.parametrize("module", DOCUMENTED)
def test_what_is_public_is_documented(module):
    faults = []
    for name, thing in described(module):
        if not inspect.getdoc(thing):
            faults.append(f"{name}: no docstring")
        elif thing.__doc__:
            found = validate(thing, validator_cls=Reference)["errors"]
            faults += [f"{name}: {text}" for code, text in found if code in FAULTS]
    assert not faults, "\n".join(faults)
