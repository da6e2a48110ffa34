"""Names that options accept: routers, devices, links and budgets.

They are looked up only when an option is given, so that help needs no slow imports.
"""

import argparse
from difflib import get_close_matches
from importlib import import_module


def bare(name):
    """Normalise a name: drop case and punctuation."""
    return "".join(filter(str.isalnum, name)).casefold()


def matched(text, known, what, more=""):
    """Return the known name that a text matches.

    Parameters
    ----------
    text : str
    known : iterable of str
    what : str
        Kind of name, for the message.
    more : str, default=""
        Further advice for the message.

    Raises
    ------
    ArgumentTypeError
        If it matches none of them.
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
        Kind of name; its plural is the argument of ``selective-query list``.
    home : str
        ``module:attribute`` in the package: a dict keyed by name, or a function that
        returns the names.
    options : dict
        Arguments of that function.
    """

    def __init__(self, what, home, **options):
        self.what = what
        self.home = home
        self.options = options

    def known(self):
        """Return all names."""
        module, _, attribute = self.home.partition(":")
        found = getattr(import_module(f"selective_query.{module}"), attribute)
        return list(found(**self.options) if callable(found) else found)

    def __call__(self, text):
        """Return the name that a text matches."""
        more = f" `selective-query list {self.what}s` shows all."
        return matched(text, self.known(), self.what, more)


ROUTER = Name("router", "routers:list_routers", bounds=True)
DEVICE = Name("device", "costs:DEVICES")
LINK = Name("link", "costs:LINKS")
