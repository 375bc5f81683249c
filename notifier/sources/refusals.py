"""What a refusal says, in few words without personal data or secrets, for `why` and the logs.

Documented are `[{code, description}]` and `{reason}` (restaurant, responses 400, 401, 404, 500) and the two codes of
403 (business v2, 'Response codes'); `{code, message}` and OAuth's `{error, error_description}` are what such APIs use.
"""

import re
from collections.abc import Iterator, Mapping

import orjson

LONGEST = 200
_TELLING = ("code", "error", "reason", "message", "description", "error_description", "detail", "title")
_MOST = 3  # errors of a list, levels of nesting
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_PRIVATE = re.compile(
    r"""(?ix)
    \S+@\S+                                                        # an email address
    | \b(?:bearer|oauth|basic)\s+(?!tokens?\b|auth)\S+             # a secret after its scheme
    | \b(?:token|secret|password|key)["']?\s*[:=]\s*\S+            # a secret after its name
    | \+?\d[\d\s().,-]{5,}\d                                       # a phone
    | (?<![\w.=+/-]) (?=[\w.=+/-]*\d)(?=[\w.=+/-]*[a-z]) [\w.=+/-]{12,}   # letters and digits mixed: a token, an id
    | (?-i: (?<![\w.=+/-]) (?=[\w.=+/-]*[a-z])(?=[\w.=+/-]*[A-Z]) [\w.=+/-]{24,} )
    """
)


def describe(body: bytes, advice: Mapping[str, str] | None = None) -> str:
    """The other side's words; empty when there are none. `advice` by code says what the operator can do."""
    for code, advised in (advice or {}).items():
        if code.encode() in body:
            return clean(f"{code}: {advised}")
    try:
        return clean(": ".join(dict.fromkeys(_words(orjson.loads(body), _MOST))))
    except orjson.JSONDecodeError:
        start = body.lstrip()[: 2 * LONGEST]
        return "" if not start or start[:1] in b"<{[" else clean(start.decode("utf-8", "replace"))


def clean(text: str) -> str:
    """One line of at most 200 characters, without what looks like a phone, an address or a secret."""
    text = _CONTROL.sub(" ", text[: 10 * LONGEST])
    text = " ".join(_PRIVATE.sub("…", text).split())
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _words(value: object, depth: int) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, int) and not isinstance(value, bool):
        yield str(value)
    elif isinstance(value, list) and depth:
        for item in value[:_MOST]:
            yield from _words(item, depth - 1)
    elif isinstance(value, dict) and depth:
        for name in (*_TELLING, "errors"):
            yield from _words(value.get(name), depth - 1)
