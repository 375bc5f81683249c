"""Reading a request: keys in paths, parameters, JSON bodies. What is wrong is told all at once."""

import asyncio
import json
import math
import re
from collections.abc import Collection
from typing import Any
from urllib.parse import unquote

import orjson
from aiohttp import web

from notifier.api.problems import ApiError, not_found
from notifier.errors import InputError, Problem
from notifier.instants import from_text
from notifier.model import Instant

MAX_BODY = 256 * 1024
PATIENCE = 30.0  # seconds that a body may take to arrive
MAX_LIMIT = 1000
DEFAULT_LIMIT = 100

_LIMIT = re.compile(r"[0-9]{1,9}")
_UNFIT = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def path_segments(request: web.Request, prefix: str) -> list[str]:
    """What follows `prefix` in the path, split before it is decoded: an id may hold any character but a slash."""
    segments = request.rel_url.raw_path.removeprefix(prefix).split("/")
    try:
        decoded = [unquote(segment, errors="strict") for segment in segments]
        "".join(decoded).encode()
    except UnicodeError:
        raise not_found("No key has bytes that are not UTF-8.") from None
    if any(not segment or "/" in segment for segment in decoded):
        raise not_found("A key is <source>/<order id> or <source>/<account>/<order id>.")
    return decoded


class Parameters:
    """The query of a request. Read all, then call `check`: InputError with everything that was wrong."""

    def __init__(self, request: web.Request) -> None:
        self._query = request.query
        self._problems: list[Problem] = []

    def check(self) -> None:
        if self._problems:
            raise InputError(self._problems)

    def text(self, name: str) -> str | None:
        """None when it is not given, or empty."""
        value = self._query.get(name) or None
        if value is not None and _UNFIT.search(value):
            self._wrong(name, "holds a control character or bytes that are not UTF-8")
            return None
        return value

    def one_of(self, name: str, choices: Collection[str]) -> str | None:
        value = self.text(name)
        if value is not None and value not in choices:
            self._wrong(name, f"must be one of {', '.join(choices)}")
        return value

    def limit(self) -> int:
        text = self._query.get("limit", str(DEFAULT_LIMIT))
        if _LIMIT.fullmatch(text) and 1 <= int(text) <= MAX_LIMIT:
            return int(text)
        self._wrong("limit", f"must be a number from 1 to {MAX_LIMIT}")
        return DEFAULT_LIMIT

    def instant(self, name: str) -> Instant | None:
        text = self.text(name)
        if text is None:
            return None
        try:
            return from_text(text.replace(" ", "+"))  # an unescaped plus of an offset arrives as a space
        except (ValueError, OverflowError):
            self._wrong(name, "must be a time with its zone, as in 2026-11-21T10:00:00Z")
            return None

    def _wrong(self, name: str, message: str) -> None:
        self._problems.append(Problem(name, message))


async def json_body(request: web.Request) -> Any:
    """The body, parsed strictly. ApiError: 415, 413, 408, 400."""
    if request.content_type != "application/json" or "Content-Type" not in request.headers:
        raise ApiError(415, "Send the body as JSON, with the header Content-Type: application/json.")
    if request.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise ApiError(415, "Send the body without a Content-Encoding.")
    if (request.content_length or 0) > MAX_BODY:
        raise ApiError(413, "The body is larger than 256 KiB.")
    try:
        async with asyncio.timeout(PATIENCE):
            return parse_json(await request.read())
    except TimeoutError:
        raise ApiError(408, "The body did not arrive in time.", headers={"Connection": "close"}) from None


def parse_json(raw: bytes) -> Any:
    """JSON that every reader understands alike (RFC 7493): UTF-8, no doubled names. ApiError 400.

    orjson is strict about texts and depth, but keeps the last of doubled names and rounds big integers, which ids may
    be; so the second parser gives the value.
    """
    try:
        orjson.loads(raw)
        return json.loads(raw, object_pairs_hook=_unique, parse_float=_finite)
    except RecursionError:
        raise ApiError(400, "The body is nested too deeply.") from None
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"The body is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.") from None
    except ValueError as error:
        raise ApiError(400, f"The body is not JSON that can be read safely: {error}.") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return found


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError("a number is too large")
    return value
