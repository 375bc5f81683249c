"""Quiet hours by the clocks on the wall, at both edges of daylight saving time, in zones of every offset."""

from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from notifier.instants import from_text, to_text
from notifier.model import Instant
from notifier.routing.limits import QuietHours
from notifier.routing.quiet import quiet_until

NIGHT = QuietHours(start=22 * 60, end=7 * 60)
NOON = QuietHours(start=12 * 60, end=13 * 60)
MOSCOW = ZoneInfo("Europe/Moscow")


def hours(start: str, end: str, *days: int) -> QuietHours:
    minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (start, end)]
    return QuietHours(start=minutes[0], end=minutes[1], days=frozenset(days or range(7)))


def ends(quiet: QuietHours, zone: str, now: str) -> str | None:
    until = quiet_until(quiet, ZoneInfo(zone), from_text(now))
    return None if until is None else to_text(until).removesuffix(":00.000Z")


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-11-21T18:59:59.999Z", None),
        ("2026-11-21T19:00:00Z", "2026-11-22T04:00"),  # 22:00 in Moscow, Saturday
        ("2026-11-21T23:00:00Z", "2026-11-22T04:00"),
        ("2026-11-22T03:59:59.999Z", "2026-11-22T04:00"),
        ("2026-11-22T04:00:00Z", None),
    ],
)
def test_over_midnight(now: str, until: str | None) -> None:
    assert ends(NIGHT, "Europe/Moscow", now) == until


def test_within_one_day() -> None:
    assert ends(NOON, "UTC", "2026-11-21T12:30:00Z") == "2026-11-21T13:00"
    assert ends(NOON, "UTC", "2026-11-21T13:00:00Z") is None
    assert ends(NOON, "UTC", "2026-11-21T11:59:59Z") is None


@pytest.mark.parametrize(
    ("zone", "now", "until"),
    [
        ("Asia/Kolkata", "2026-11-21T16:30:00Z", "2026-11-22T01:30"),  # +05:30
        ("Asia/Kolkata", "2026-11-21T16:29:59Z", None),
        ("Asia/Kathmandu", "2026-11-21T16:15:00Z", "2026-11-22T01:15"),  # +05:45
        ("Asia/Kathmandu", "2026-11-21T16:14:59Z", None),
        ("Australia/Eucla", "2026-11-21T13:15:00Z", "2026-11-21T22:15"),  # +08:45
        ("America/St_Johns", "2026-11-22T01:30:00Z", "2026-11-22T10:30"),  # -03:30
        ("Pacific/Chatham", "2026-11-21T08:15:00Z", "2026-11-21T17:15"),  # +13:45
        ("Pacific/Marquesas", "2026-11-22T07:30:00Z", "2026-11-22T16:30"),  # -09:30
    ],
)
def test_zones_with_parts_of_an_hour(zone: str, now: str, until: str | None) -> None:
    assert ends(NIGHT, zone, now) == until


def test_days_are_those_on_which_they_begin() -> None:
    weekend = hours("22:00", "07:00", 4, 5)  # Friday and Saturday; 2026-11-20 is a Friday
    assert ends(weekend, "UTC", "2026-11-19T23:00:00Z") is None
    assert ends(weekend, "UTC", "2026-11-20T03:00:00Z") is None  # began on Thursday
    assert ends(weekend, "UTC", "2026-11-20T22:00:00Z") == "2026-11-21T07:00"
    assert ends(weekend, "UTC", "2026-11-22T06:59:00Z") == "2026-11-22T07:00"  # began on Saturday
    assert ends(weekend, "UTC", "2026-11-22T22:00:00Z") is None


# Berlin 2026: 29 March 02:00 → 03:00 (01:00Z), 25 October 03:00 → 02:00 (01:00Z)


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        # The clocks jump over the end: it is over when they show it to be.
        (hours("22:00", "02:30"), "2026-03-29T00:59:59Z", "2026-03-29T01:00"),
        (hours("22:00", "02:30"), "2026-03-29T01:00:00Z", None),
        # Over the beginning: it begins at the jump.
        (hours("02:30", "06:00"), "2026-03-29T00:59:59Z", None),
        (hours("02:30", "06:00"), "2026-03-29T01:00:00Z", "2026-03-29T04:00"),
        # Over both: none that night.
        (hours("02:10", "02:50"), "2026-03-29T01:00:00Z", None),
        (hours("02:10", "02:50"), "2026-03-29T00:59:59Z", None),
        # An ordinary night that is an hour shorter.
        (NIGHT, "2026-03-28T21:00:00Z", "2026-03-29T05:00"),
    ],
)
def test_the_night_that_lacks_an_hour(quiet: QuietHours, now: str, until: str | None) -> None:
    assert ends(quiet, "Europe/Berlin", now) == until


@pytest.mark.parametrize(
    ("quiet", "now", "until"),
    [
        # 02:30 comes twice: quiet hours end with the second one, and begin with the first.
        (hours("22:00", "02:30"), "2026-10-25T00:45:00Z", "2026-10-25T01:30"),
        (hours("22:00", "02:30"), "2026-10-25T01:29:59Z", "2026-10-25T01:30"),
        (hours("22:00", "02:30"), "2026-10-25T01:30:00Z", None),
        (hours("02:30", "06:00"), "2026-10-25T00:29:59Z", None),
        (hours("02:30", "06:00"), "2026-10-25T00:30:00Z", "2026-10-25T05:00"),
        (hours("02:10", "02:50"), "2026-10-25T00:55:00Z", "2026-10-25T01:50"),
        # An ordinary night that is an hour longer.
        (NIGHT, "2026-10-24T20:00:00Z", "2026-10-25T06:00"),
        (NIGHT, "2026-10-25T05:59:59Z", "2026-10-25T06:00"),
    ],
)
def test_the_night_with_an_hour_twice(quiet: QuietHours, now: str, until: str | None) -> None:
    assert ends(quiet, "Europe/Berlin", now) == until


def test_lord_howe_moves_by_half_an_hour() -> None:
    # 4 October 2026: 02:00 → 02:30 (15:30Z the day before)
    assert ends(hours("22:00", "02:15"), "Australia/Lord_Howe", "2026-10-03T15:29:59Z") == "2026-10-03T15:30"
    assert ends(hours("22:00", "02:15"), "Australia/Lord_Howe", "2026-10-03T15:30:00Z") is None


def test_samoa_left_a_day_out() -> None:
    # There was no 30 December 2011 in Apia: after the 29th (until 10:00Z) it was the 31st, and still night.
    assert ends(NIGHT, "Pacific/Apia", "2011-12-30T09:30:00Z") == "2011-12-30T10:00"
    assert ends(NIGHT, "Pacific/Apia", "2011-12-30T10:00:00Z") == "2011-12-30T17:00"
    assert ends(NIGHT, "Pacific/Apia", "2011-12-30T17:00:00Z") is None


ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca", "UTC"]


def clocks(at: Instant, zone: tzinfo) -> datetime:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).astimezone(zone)


@given(
    st.sampled_from(ZONES),
    st.integers(1_767_225_600_000, 1_830_297_600_000),  # 2026 and 2027
    st.integers(0, 1439),
    st.integers(0, 1439),
)
@example("Europe/Berlin", from_text("2026-10-25T01:10:00Z"), 22 * 60, 150)
@example("Europe/Berlin", from_text("2026-03-29T01:00:00Z"), 22 * 60, 150)
def test_whenever_the_clocks_show_quiet_hours_it_is_quiet(name: str, now: Instant, start: int, end: int) -> None:
    if start == end:
        return
    zone, quiet = ZoneInfo(name), QuietHours(start=start, end=end)
    until = quiet_until(quiet, zone, now)
    shown = clocks(now, zone)
    minute = shown.hour * 60 + shown.minute
    within = start <= minute < end if start < end else minute >= start or minute < end
    if within:
        assert until is not None
    if until is not None:
        assert now < until <= now + 26 * 3_600_000
        after = clocks(until, zone)
        jumped = clocks(until - 1, zone).utcoffset() != after.utcoffset()
        assert jumped or (after.hour * 60 + after.minute, after.second, after.microsecond) == (end, 0, 0)
