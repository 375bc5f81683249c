"""Instants as text: RFC 3339 in UTC with milliseconds, the form of everything that leaves the house. Pure."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from notifier.model import Instant

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_PLAIN_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 (the same moment; its text needs no zone cut off)


@lru_cache(maxsize=1024)  # one moment is told several times in an event
def to_text(at: Instant) -> str:
    """1795258800000 -> '2026-11-21T11:00:00.000Z'."""
    return (_PLAIN_EPOCH + timedelta(milliseconds=at)).isoformat(timespec="milliseconds") + "Z"


def optional_text(at: Instant | None) -> str | None:
    return None if at is None else to_text(at)


def from_datetime(moment: datetime) -> Instant:
    """An aware datetime, to the millisecond (cut, not rounded)."""
    return (moment - _EPOCH) // _MILLISECOND


def from_text(text: str) -> Instant:
    """RFC 3339 with an offset; ValueError for anything else."""
    if len(text) == 24 and text[16] == ":" and text[19] == "." and text[23] == "Z":  # as we write it ourselves
        seconds, milliseconds = text[17:19], text[20:23]
        if seconds.isdecimal() and milliseconds.isdecimal() and text.isascii() and seconds < "60":
            return _minute(text[:16]) + int(seconds) * 1000 + int(milliseconds)
    return _any(text)


@lru_cache(maxsize=1024)  # many moments are of the same minute
def _minute(text: str) -> Instant:
    return _any(f"{text}Z")


def _any(text: str) -> Instant:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write it as 2026-11-21T10:00:00Z")
    return from_datetime(moment)
