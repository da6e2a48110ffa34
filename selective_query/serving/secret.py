"""Secret: a token that no message, repr or table shows."""

import os

from selective_query._utils.validation import check_instance


class Secret:
    """A token, such as that of an interface, that is never shown.

    Parameters
    ----------
    value : str or None, default=None
        The token itself. It is kept in pickles of the model that holds it.
    env : str or None, default=None
        Or the name of an environment variable that holds it, read for each request: the
        way for models that are saved or sent to other machines.

    Raises
    ------
    TypeError, ValueError
        When not exactly one is given.

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
        self._value, self._env = value, env

    def reveal(self):
        """The token.

        Raises
        ------
        ValueError
            When the environment variable is not set.
        """
        if self._env is None:
            return self._value
        value = os.environ.get(self._env)
        if not value:
            raise ValueError(
                f"The environment variable {self._env} must hold the token, and is not "
                "set. Set it, or give Secret(token)."
            )
        return value

    def __repr__(self):
        return "Secret(***)" if self._env is None else f"Secret(env={self._env!r})"

    def __eq__(self, other):
        return type(other) is Secret and vars(self) == vars(other)

    def __hash__(self):
        return hash((self._value, self._env))
