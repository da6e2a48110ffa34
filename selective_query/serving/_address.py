"""The address of a model: where to ask, and what must not be in it."""

from urllib.parse import urlsplit

from selective_query._utils.validation import check_instance
from selective_query.serving.secret import Secret

LOOPBACK = "127.0.0.1", "::1", "localhost"


def checked_url(url, token):
    """The address without a slash at its end.

    Raises
    ------
    TypeError, ValueError
        When it is no address of a model, holds a password, or a token would travel
        where others can read it. A message never shows what may be secret.
    """
    check_token(token)
    check_instance(url, "url", str)
    try:
        parts = urlsplit(url)
        host, path = parts.hostname, parts.path.rstrip("/").split("/")
        _ = parts.port
    except ValueError:
        raise ValueError("url is no address of the web.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("url must begin with http:// or https:// and name a host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "url must be without user, password, query and fragment, which would be "
            "shown in messages. Give token=Secret(...) instead."
        )
    if "models" not in path or path[path.index("models") - 1] != "v2" or not path[-1]:
        raise ValueError(
            "url must be that of a model, ending in /v2/models/NAME, or with "
            f"/versions/VERSION behind. Got {url!r}."
        )
    if path.index("models") not in (len(path) - 2, len(path) - 4):
        raise ValueError(
            f"url must end in /v2/models/NAME or .../versions/VERSION. Got {url!r}."
        )
    if token is not None and parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("A token would travel in the clear. Give a url of https://.")
    return url.rstrip("/")


def check_token(token):
    """Raise for a token that would be shown by whoever holds it.

    Raises
    ------
    TypeError
    """
    if token is not None and not isinstance(token, Secret):
        raise TypeError(
            "token must be a Secret, so that nothing shows it: token=Secret(...), or "
            f"Secret(env='NAME'). Got {type(token).__name__}."
        )
