"""The URL of a remote model: its form, and what it must not contain."""

from urllib.parse import urlsplit

from selective_query._utils.validation import check_instance
from selective_query.serving.secret import Secret

LOOPBACK = "127.0.0.1", "::1", "localhost"


def checked_url(url, token):
    """Return the URL without its trailing slash.

    Raises
    ------
    TypeError, ValueError
        When the URL is not that of a model, contains a password, or would send the
        token unencrypted. Messages never show anything that may be secret.
    """
    check_token(token)
    check_instance(url, "url", str)
    try:
        parts = urlsplit(url)
        host, path = parts.hostname, parts.path.rstrip("/").split("/")
        _ = parts.port
    except ValueError:
        raise ValueError("url is not a valid web address.") from None
    if parts.scheme not in ("http", "https") or not host:
        raise ValueError("url must begin with http:// or https:// and name a host.")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError(
            "url must be without user, password, query and fragment, which would be "
            "shown in messages. Give token=Secret(...) instead."
        )
    if "models" not in path or path[path.index("models") - 1] != "v2" or not path[-1]:
        raise ValueError(
            "url must be that of a model and end in /v2/models/NAME, optionally "
            f"followed by /versions/VERSION. Got {url!r}."
        )
    if path.index("models") not in (len(path) - 2, len(path) - 4):
        raise ValueError(
            f"url must end in /v2/models/NAME or .../versions/VERSION. Got {url!r}."
        )
    if token is not None and parts.scheme == "http" and host not in LOOPBACK:
        raise ValueError("The token would be sent unencrypted. Give an https:// url.")
    return url.rstrip("/")


def check_token(token):
    """Refuse a token that is not wrapped in a `Secret`.

    Raises
    ------
    TypeError
    """
    if token is not None and not isinstance(token, Secret):
        raise TypeError(
            "token must be a Secret, so that nothing shows it: token=Secret(...), or "
            f"Secret(env='NAME'). Got {type(token).__name__}."
        )
