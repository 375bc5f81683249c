"""Addresses of recipients: what a person or a service gave, checked and brought into one form.

Strict on purpose: an address is accepted only when no mail server, gateway or URL parser can read it as another one.
Every function returns the normalised value, or raises ValueError with what to do.
"""

import re
from functools import lru_cache
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from notifier.addresses import email as email
from notifier.addresses import phone as phone

MAX_URL = 2048

_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")  # BCP 47, without its private use
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_HOST = re.compile(r"[\w.~-]+|[0-9A-Fa-f:.]+(?:%25[\w.~-]+)?")


def clean(text: str) -> str:
    """No control characters, line separators or halves of surrogate pairs."""
    if match := _UNPRINTABLE.search(text):
        raise ValueError(f"holds the character U+{ord(match[0]):04X}: remove it")
    return text


def webhook(text: str) -> str:
    advice = "is not a web address: write it as https://example.org/path"
    clean(text)
    if len(text) > MAX_URL:
        raise ValueError(f"is longer than {MAX_URL} characters")
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        raise ValueError(advice) from None
    if parts.scheme.lower() not in ("http", "https") or not parts.hostname or port == 0:
        raise ValueError(advice)
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password: use the webhook's signature instead")
    if "\\" in text or any(character.isspace() for character in text) or _HOST.fullmatch(parts.hostname) is None:
        raise ValueError(advice)
    return text


def locale(text: str) -> str:
    if _LOCALE.fullmatch(text) is None:
        raise ValueError("is not a language tag: write it as en or pt-BR")
    return text


@lru_cache(maxsize=1024)
def timezone(text: str) -> str:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is not a time zone: write its IANA name, as in Europe/Moscow") from None
    return text
