"""Names that options take: of routers, devices, links and budgets.

They are looked up when an option is given, not before: help waits for no import.
"""

import argparse
from difflib import get_close_matches
from importlib import import_module


def bare(name):
    """A name without case and punctuation."""
    return "".join(filter(str.isalnum, name)).casefold()


def matched(text, known, what, more=""):
    """The name that a text means, in any case.

    Parameters
    ----------
    text : str
    known : iterable of str
    what : str
        What they name, for the message.
    more : str, default=""
        What else to do.

    Raises
    ------
    ArgumentTypeError
        When it is none of them.
    """
    names = {bare(name): name for name in known}
    if bare(text) in names:
        return names[bare(text)]
    close = get_close_matches(bare(text), names, n=1)
    hint = f" Did you mean {names[close[0]]}?" if close else ""
    raise argparse.ArgumentTypeError(f"{text!r} is no {what}.{hint}{more}")


class Name:
    """The type of an option that takes a name.

    Parameters
    ----------
    what : str
        What it names, as ``selective-query list`` calls them without the s.
    home : str
        ``module:attribute`` within the package: a dict by names, or a function that
        lists them.
    options : dict
        For that function.
    """

    def __init__(self, what, home, **options):
        self.what = what
        self.home = home
        self.options = options

    def known(self):
        """All names."""
        module, _, attribute = self.home.partition(":")
        found = getattr(import_module(f"selective_query.{module}"), attribute)
        return list(found(**self.options) if callable(found) else found)

    def __call__(self, text):
        """The name that a text means."""
        more = f" `selective-query list {self.what}s` shows all."
        return matched(text, self.known(), self.what, more)


ROUTER = Name("router", "routers:list_routers", bounds=True)
DEVICE = Name("device", "costs:DEVICES")
LINK = Name("link", "costs:LINKS")
