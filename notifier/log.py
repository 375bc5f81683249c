"""Logs: JSON lines or readable ones to stderr, the standard library's loggers included, secrets masked.

What a command prints is its result and goes to stdout; logs never do.
"""

import json
import logging
import re
import sys
from collections import OrderedDict
from collections.abc import Hashable, Mapping, MutableMapping
from typing import Any, Literal

import orjson
import structlog
from structlog.typing import EventDict, Processor

from notifier.unseen import escaped

LEVELS: Mapping[str, int] = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

MASK = "…"

_SECRET_KEY = re.compile(
    r"(?i)(?:^|[_-])(?:token|secret|password|passwd|authorization|cookie|credential|signature)s?$|api[_-]?key"
)
_SECRETS = (
    (re.compile(r"\b(Bearer|OAuth|Basic)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE), rf"\1 {MASK}"),
    (re.compile(r"\bwhs([ek])c?_[A-Za-z0-9+/=]+"), rf"whs\1{MASK}"),
    (re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"), MASK),
    (
        re.compile(
            r"(?i)\b((?:access_|refresh_)?token|(?:client_|api_)?secret|password|api_?key)([\"']?\s*[=:]\s*[\"']?)[^\s\"',;&}]+"
        ),
        rf"\1\2{MASK}",
    ),
    (re.compile(r"[A-Za-z0-9._%+-]+@(?=[A-Za-z0-9-]+\.[A-Za-z])"), f"{MASK}@"),
    (re.compile(r"\+[1-9][0-9]{8,14}\b"), f"+{MASK}"),
)


class _Stderr:
    """Whatever `sys.stderr` is at the time. A line that cannot be written must not end the service."""

    def write(self, text: str) -> int:
        try:
            return sys.stderr.write(text)
        except (OSError, ValueError):  # a closed pipe or file: there is nowhere left to tell it
            return len(text)

    def flush(self) -> None:
        try:
            sys.stderr.flush()
        except (OSError, ValueError):  # as above
            return


def set_up(level: str = "info", format: Literal["json", "console"] = "json") -> None:
    """From now on every logger of the process, structlog's and the standard library's, writes so to stderr."""
    lowest = LEVELS[level]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        structlog.processors.format_exc_info,
        redact,
    ]
    render = _renderer(format)
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(lowest),
        logger_factory=structlog.WriteLoggerFactory(file=_Stderr()),  # type: ignore[arg-type]
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(_Stderr())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[_logger_name, *shared],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(lowest, logging.INFO))  # at debug, other libraries' details would drown ours
    logging.captureWarnings(True)


def _renderer(format: Literal["json", "console"]) -> Processor:
    if format == "console":
        return structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    return structlog.processors.JSONRenderer(serializer=_json)


def _json(event: Mapping[str, Any], **_: Any) -> str:
    try:
        return escaped(orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode())
    except TypeError:  # a whole number beyond 64 bits, half a surrogate pair: rare, and no reason to lose the line
        return json.dumps(event, default=str, skipkeys=True)


def _logger_name(_: Any, __: str, event: EventDict) -> EventDict:
    record = event.get("_record")
    if record is not None:
        event["logger"] = record.name
    return event


def redact(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The last line of defence: what looks like a secret or an address is masked, wherever it stands."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: str, value: Any) -> Any:
    if isinstance(value, str):
        if _SECRET_KEY.search(key):
            return MASK
        return mask(value)
    if isinstance(value, Mapping):
        return {name: _masked(str(name), below) for name, below in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(key, below) for below in value]
    if isinstance(value, BaseException | bytes):
        return mask(str(value))
    return value


def mask(text: str) -> str:
    """The text without anything that looks like a secret, an email address or a phone number."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class Repeats:
    """Which of many equal lines are written: the first, then one a minute with the number of those left out.

    if (left_out := repeats.ok((source, reason), clock.monotonic())) is not None:
        log.warning("look_failed", reason=reason, repeated=left_out)
    """

    def __init__(self, every: float = 60.0, most: int = 10_000) -> None:
        self._every = every
        self._most = most
        self._seen: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()

    def ok(self, key: Hashable, now: float) -> int | None:
        """None: leave the line out; else how many were left out since the last. `now` in seconds, monotonic."""
        at, left_out = self._seen.get(key, (None, 0))
        if at is not None and now - at < self._every:
            self._seen[key] = (at, left_out + 1)
            return None
        self._seen[key] = (now, 0)
        self._seen.move_to_end(key)
        if len(self._seen) > self._most:  # keys come from outside, memory does not
            self._seen.popitem(last=False)
        return left_out
