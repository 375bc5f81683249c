"""Names of HTTP headers that a configuration may set."""

import re

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2 (token)


def check_name(name: str, ours: re.Pattern[str]) -> None:
    """ValueError where it is no name, or one that the program sets itself (`ours`)."""
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name[:60]!r} is not the name of a header: use letters, digits and -")
    if ours.fullmatch(name):
        raise ValueError(f"{name} is set by the program: leave it out")
