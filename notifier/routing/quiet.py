"""Quiet hours in a time zone. Pure: a `tzinfo` is the zone's offsets as a function; finding it by its name is not.

Both edges of daylight saving time are read so that nobody is woken. A time of day that comes twice counts from its
first to its second time: quiet hours begin with the first and end with the second. One that is skipped counts as the
moment of the jump, when the clocks show it to be over.
"""

from datetime import UTC, date, datetime, time, timedelta, tzinfo

from notifier.instants import from_datetime
from notifier.model import Instant
from notifier.routing.limits import QuietHours

_DAY = timedelta(days=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def quiet_until(hours: QuietHours, zone: tzinfo, now: Instant) -> Instant | None:
    """When the quiet hours that it is now will end; None while it is none."""
    today = _local(now, zone).date()
    ends = []
    # The day before: they began yesterday. Two days before: a whole day may have been skipped (Samoa, 2011).
    for day in (today - 2 * _DAY, today - _DAY, today):
        if day.weekday() not in hours.days:
            continue
        begin, _ = _instants(day, hours.start, zone)
        _, end = _instants(day if hours.start < hours.end else day + _DAY, hours.end, zone)
        if begin <= now < end:
            ends.append(end)
    return max(ends, default=None)


def _instants(day: date, minutes: int, zone: tzinfo) -> tuple[Instant, Instant]:
    """The first and the last moment at which the clocks show this time of that day."""
    shown = datetime.combine(day, time(minutes // 60, minutes % 60))
    first, second = (from_datetime(shown.replace(tzinfo=zone, fold=fold)) for fold in (0, 1))
    if first <= second:
        return first, second
    # Skipped (PEP 495: then fold 0 is read with the offset before the jump, fold 1 with the one after). The jump lies
    # between the two: the first moment at which the clocks show this time or a later one.
    before, after = second - 1, first
    while after - before > 1:
        middle = (before + after) // 2
        if _local(middle, zone).replace(tzinfo=None) >= shown:
            after = middle
        else:
            before = middle
    return after, after


def _local(at: Instant, zone: tzinfo) -> datetime:
    return (_EPOCH + timedelta(milliseconds=at)).astimezone(zone)
