"""What the other side said, fit to be shown: short, printable, without secrets and whole addresses. Pure."""

import re
from base64 import b64encode
from collections.abc import Iterable

from notifier.masks import masked

LONGEST = 200
HIDDEN = "***"

_EMAIL = re.compile(r"[^\s<>@,;:\"'()\[\]]+@[^\s<>@,;:\"'()\[\]]+")
_PHONE = re.compile(r"(?<![\w.:-])(?:\+\d(?:[ ()-]{0,2}\d){6,14}|\d{9,15})(?![\w:-])")


def shown(said: str, secrets: Iterable[str] = ()) -> str:
    """`<anna@example.org>: no such user` -> `<a***@example.org>: no such user`.

    `secrets` are hidden as they stand, and as Base64 where a dialogue carries them so. At most `LONGEST` characters.
    """
    text = " ".join("".join(each if each.isprintable() else " " for each in said).split())
    for secret in sorted(_forms(secrets), key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _EMAIL.sub(lambda match: masked(match[0]) or HIDDEN, text)
    text = _PHONE.sub(lambda match: _phone(match[0]), text)
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def _forms(secrets: Iterable[str]) -> set[str]:
    forms: set[str] = set()
    for secret in filter(None, secrets):
        encoded = b64encode(secret.encode(errors="replace")).decode()
        forms |= {secret, encoded, encoded.rstrip("=")}
    return forms


def _phone(text: str) -> str:
    """As lists and `why` show it, with or without its plus."""
    return (masked("+" + re.sub(r"\D", "", text)) or HIDDEN).removeprefix("" if text.startswith("+") else "+")
