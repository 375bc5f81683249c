"""What a setting or an id may look like. Each check returns the value to use, or raises ValueError saying what to do.

Messages never repeat a value that may be a secret.
"""

import re
from collections.abc import Mapping
from urllib.parse import quote
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.net.checks import address, has_control, header_value, is_loopback, secret, secret_file, token_url

__all__ = [
    "LONGEST_ID",
    "address",
    "auth_scheme",
    "base_url",
    "has_control",
    "header_text",
    "header_value",
    "id_text",
    "id_texts",
    "is_loopback",
    "language",
    "secret",
    "secret_file",
    "token_url",
    "zone",
]

LONGEST_ID = 128
_SCHEME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]*")  # RFC 9110, 5.6.2 (token); empty: the bare token


def base_url(text: str) -> str:
    """An absolute https address (http to loopback), without its last slashes."""
    return address(text).rstrip("/")


def auth_scheme(text: str) -> str:
    """The word before the token in Authorization; empty: the bare token."""
    if not _SCHEME.fullmatch(text):
        raise ValueError("must be one word, as in Bearer, or empty for the bare token")
    return text


def header_text(text: str) -> str:
    """Any id as a header's value: other than ASCII characters percent-encoded, all else as it is."""
    return quote(text, safe="".join(map(chr, range(0x20, 0x7F))))


def language(text: str) -> str:
    """A value of Accept-Language."""
    if not text.strip():
        raise ValueError("is empty: write a language, as in en, or leave it out")
    return header_value(text)


def zone(name: str) -> ZoneInfo:
    """The zone of an IANA name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no IANA time zone: write one as Europe/Moscow or UTC") from None


def id_text(value: object) -> str:
    """An id as text: a string, or an integer in decimal; what it may hold stands in INTERFACE, 'Keys and watches'."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise ValueError("must be a text or an integer: put other values into quotes")
    if isinstance(value, int) and value.bit_length() > 4 * LONGEST_ID:
        raise ValueError(f"must have 1 to {LONGEST_ID} characters")
    text = str(value)
    if not 1 <= len(text) <= LONGEST_ID:
        raise ValueError(f"must have 1 to {LONGEST_ID} characters")
    if has_control(text):
        raise ValueError("must not have a control character: give the id alone")
    if "/" in text or "\\" in text or text in (".", ".."):
        raise ValueError("must not be . or .. and not have / or \\: give the id alone, not a path or an address")
    return text


def id_texts(values: Mapping[str, object]) -> dict[str, str]:
    """Every value as id text; ValueError names the ones that are none."""
    texts, problems = {}, []
    for name, value in values.items():
        try:
            texts[name] = id_text(value)
        except ValueError as error:
            problems.append(f"{name} {error}")
    if problems:
        raise ValueError("; ".join(problems))
    return texts
