"""Where a webhook may be sent, as far as its text tells; the address is checked when it is connected to. Pure."""

import re
from urllib.parse import urlsplit

from yarl import URL

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")


def target(url: str) -> str:
    """`url` as it is requested: percent-encoded, without its fragment.

    ValueError for what is not http or https, or holds a user, a password, white space or a control character.
    """
    if _FORBIDDEN.search(url):
        raise ValueError("holds white space, a backslash or a control character: percent-encode it")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or not host or port == 0 or parts.scheme not in ("http", "https"):
        raise ValueError("is not a web address: write it as https://example.org/path")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user or password: the signature says who sends")
    plain = url.partition("#")[0]
    # What is ASCII goes out as it was given: another spelling of it may be another resource to its receiver.
    return plain if plain.isascii() else str(URL(plain))
