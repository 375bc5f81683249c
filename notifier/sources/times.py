"""Every way in which the order APIs write a time, as an Instant. ValueError for anything else.

ISO 8601 with `Z`, `+03:00`, `+0300`, `+00:20`, with fractions or without an offset (taxi v1, `due_date`; restaurant,
`updatedAt`), epoch seconds as a number (track & trace, `timestamp`), and what JavaScript prints (track & trace, `time`:
`Mon May 27 2019 17:18:52 GMT+0300 (Moscow Standard Time)`). To the millisecond, cut and not rounded, so that one moment
told in two ways stays one.
"""

import math
import re
from datetime import UTC, datetime, tzinfo

from notifier.instants import from_datetime
from notifier.model import Instant, Schedule

EARLIEST = from_datetime(datetime(1000, 1, 1, tzinfo=UTC))
LATEST = from_datetime(datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC))
"""Between them every instant has a text of four-digit years."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
_JAVASCRIPT = re.compile(
    r"[A-Z][a-z]{2} (?P<month>[A-Z][a-z]{2}) (?P<day>[0-9]{1,2}) (?P<year>[0-9]{4})"
    r" (?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
    r"(?: (?:GMT|UTC)(?P<offset>[+-][0-9]{2}:?[0-9]{2})?(?: \(.*\))?)?"
)
_EPOCH = re.compile(r"[0-9]{9,12}(?:\.[0-9]+)?")  # seconds that came as text; a date in digits has 8


def parse(value: object, zone: tzinfo) -> Instant:
    """A time in any of the forms; `zone` is for those without an offset."""
    if isinstance(value, str):
        return parse_text(value, zone)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("neither a text nor a number")
    return from_seconds(value)


def from_seconds(seconds: float) -> Instant:
    """Epoch seconds. A float holds today's microseconds, so they are restored before the milliseconds are cut."""
    if not math.isfinite(seconds) or abs(seconds) > LATEST:
        raise ValueError("not a time between the years 1000 and 9999")
    return _bounded(round(seconds * 1_000_000) // 1_000)


def parse_text(text: str, zone: tzinfo) -> Instant:
    """A local time that occurs twice is the first of the two; one that a change of clocks left out counts by the
    offset before the change, so it lies as far behind the change as it was written to."""
    text = text.strip()
    if text[4:5] != "-":  # nearly all have a year first
        if _EPOCH.fullmatch(text):
            return from_seconds(float(text))
        if match := _JAVASCRIPT.fullmatch(text):
            text = _iso(match)
    try:
        moment = datetime.fromisoformat(text.upper())  # RFC 3339 allows t and z, too
    except ValueError:
        raise ValueError("not a time in ISO 8601, epoch seconds or JavaScript's form") from None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=zone, fold=0)
    return _bounded(from_datetime(moment))


def parse_interval(text: str, zone: tzinfo) -> Schedule | None:
    """`a/b`, both with a date (track & trace, `time_interval`). None for the other documented forms, `T - T` and `T-T`,
    and for any other text: a time of day without its date is not a schedule."""
    start, slash, end = text.partition("/")
    if not slash:
        return None
    try:
        return Schedule(start=parse_text(start, zone), end=parse_text(end, zone))
    except ValueError:
        return None


def _iso(match: re.Match[str]) -> str:
    """JavaScript's text in ISO 8601; without an offset after GMT it is UTC, without GMT it is local."""
    month = _MONTHS.get(match["month"], 0)
    offset = match["offset"] or ("Z" if "GMT" in match[0] or "UTC" in match[0] else "")
    return f"{match['year']}-{month:02}-{int(match['day']):02}T{match['time']}{offset}"


def _bounded(at: Instant) -> Instant:
    if not EARLIEST <= at <= LATEST:
        raise ValueError("not a time between the years 1000 and 9999")
    return at
