"""Secret: a token that never appears in messages, reprs or tables."""

import os

from selective_query._utils.validation import check_instance


class Secret:
    """A token, such as an API key, that is never shown.

    Parameters
    ----------
    value : str or None, default=None
        The token itself. Pickles of a model that holds it contain it.
    env : str or None, default=None
        Alternatively, the name of an environment variable with the token, read at each
        request. Use this for models that are saved or sent to other machines.

    Raises
    ------
    TypeError, ValueError
        Unless exactly one is given, and the token is one line of visible ASCII.

    Examples
    --------
    >>> from selective_query.serving import Secret
    >>> Secret("abc")
    Secret(***)
    >>> Secret(env="MY_TOKEN")
    Secret(env='MY_TOKEN')
    """

    def __init__(self, value=None, *, env=None):
        if (value is None) == (env is None):
            raise ValueError("Secret takes either the token, or env=, not both.")
        if value is not None and not (isinstance(value, str) and value):
            raise TypeError(
                f"Secret takes a token as text. Got {type(value).__name__}."
            )
        if env is not None:
            check_instance(env, "env", str)
        if value is not None:
            _check_line(value, "Secret takes a token that is")
        self._value, self._env = value, env

    def reveal(self):
        """Return the token.

        Returns
        -------
        str

        Raises
        ------
        ValueError
            If the environment variable is not set, or its value is not a valid token.
        """
        if self._env is None:
            return self._value
        value = os.environ.get(self._env)
        if not value:
            raise ValueError(
                f"The environment variable {self._env} must hold the token, and is not "
                "set. Set it, or give Secret(token)."
            )
        _check_line(value, f"The environment variable {self._env} must hold")
        return value

    def __repr__(self):
        return "Secret(***)" if self._env is None else f"Secret(env={self._env!r})"

    def __eq__(self, other):
        return type(other) is Secret and vars(self) == vars(other)

    def __hash__(self):
        return hash((self._value, self._env))


def _check_line(value, must):
    # A client refuses invalid headers with a message that shows them.
    if not (value.isascii() and value.isprintable() and value == value.strip()):
        raise ValueError(
            f"{must} one line of visible ASCII, without surrounding whitespace. "
            "Remove it, for example with .strip()."
        )
