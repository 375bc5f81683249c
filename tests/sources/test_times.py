"""All ways of writing a time, and all ways of writing none."""

from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.instants import from_datetime, from_text, to_text
from notifier.model import Schedule
from notifier.sources import times

MOSCOW = ZoneInfo("Europe/Moscow")
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("2019-05-27T14:18:52.000Z", "2019-05-27T14:18:52Z"),
        ("2019-05-27t14:18:52z", "2019-05-27T14:18:52Z"),
        ("2023-02-10T10:54:55+03:00", "2023-02-10T07:54:55Z"),
        ("2023-02-10T10:54:55+0300", "2023-02-10T07:54:55Z"),
        ("2023-02-10T11:14:16.037000+03:00", "2023-02-10T08:14:16.037Z"),
        ("1937-01-01T12:00:27.870000+00:20", "1937-01-01T11:40:27.870Z"),
        ("2016-03-24T21:37:17", "2016-03-24T18:37:17Z"),
        ("2016-03-24 21:37:17", "2016-03-24T18:37:17Z"),
        ("2023-02-10T10:54:55-03:30", "2023-02-10T14:24:55Z"),
        (" 2023-02-10T10:54:55Z ", "2023-02-10T10:54:55Z"),
        ("Mon May 27 2019 17:18:52 GMT+0300 (Moscow Standard Time)", "2019-05-27T14:18:52Z"),
        ("Wed Mar 06 2019 17:16:30 GMT+0300 (Москва, стандартное время)", "2019-03-06T14:16:30Z"),
        ("Wed Mar 06 2019 17:16:30 GMT-0930", "2019-03-07T02:46:30Z"),
        ("Wed Mar 6 2019 17:16:30 GMT", "2019-03-06T17:16:30Z"),
        ("Wed Mar 06 2019 17:16:30", "2019-03-06T14:16:30Z"),
        (1558966732, "2019-05-27T14:18:52Z"),
        (1558966732.123, "2019-05-27T14:18:52.123Z"),
        ("1558966732.5", "2019-05-27T14:18:52.500Z"),
        (0, "1970-01-01T00:00:00Z"),
        (-1.5, "1969-12-31T23:59:58.500Z"),
    ],
)
def test_a_time(written: object, meant: str) -> None:
    assert times.parse(written, MOSCOW) == from_text(meant)


@pytest.mark.parametrize(
    "written",
    ["", " ", "soon", "string", "10:15", "2019-13-45T10:00:00Z", "2019-05-27T25:00:00Z", "2019-05-27T10:00:00+99:00",
     "Mon Abc 27 2019 17:18:52 GMT+0300", "Mon May 99 2019 17:18:52 GMT+0300", "0001-01-01T00:00:00Z",
     "0999-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", 1e300, -1e300, 10**30,
     float("nan"), float("inf"), 1558966732000, True, None, [], {}],
)  # fmt: skip
def test_no_time(written: object) -> None:
    with pytest.raises(ValueError):
        times.parse(written, MOSCOW)


def test_a_local_time_that_occurs_twice_is_the_first() -> None:
    assert times.parse("2026-10-25T02:30:00", BERLIN) == from_text("2026-10-25T00:30:00Z")


def test_a_local_time_that_was_left_out_lies_behind_the_change() -> None:
    assert times.parse("2026-03-29T02:30:00", BERLIN) == from_text("2026-03-29T01:30:00Z")


@given(
    st.datetimes(datetime.fromisoformat("1000-01-02"), datetime.fromisoformat("9999-12-30")),
    st.integers(-14 * 60, 14 * 60),
)
def test_any_moment_is_the_same_with_any_offset(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=UTC).astimezone(timezone(timedelta(minutes=minutes)))
    at = from_datetime(aware)
    assert times.parse(aware.isoformat(), BERLIN) == at
    assert from_text(to_text(at)) == at


@given(st.integers(0, 4_000_000_000_000_000))
def test_a_moment_told_as_a_number_and_as_a_text_is_one(microseconds: int) -> None:
    told = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=microseconds)
    assert times.parse(microseconds / 1_000_000, UTC) == times.parse(told.isoformat(), UTC)


@given(st.text() | st.floats() | st.integers())
def test_whatever_comes_is_an_instant_or_a_value_error(written: object) -> None:
    try:
        at = times.parse(written, BERLIN)
    except ValueError:
        return
    assert from_text(to_text(at)) == at


def test_an_interval_needs_both_its_dates() -> None:
    start, end = from_text("2018-09-06T07:15:00Z"), from_text("2018-09-06T09:45:00Z")
    told = times.parse_interval("2018-09-06T10:15:00+03:00/2018-09-06T12:45:00+03:00", UTC)
    assert told == Schedule(start=start, end=end)
    assert times.parse_interval("2018-09-06T10:15:00/2018-09-06T12:45:00", MOSCOW) == told
    for text in ("10 - 12", "10:00-12:00", "10:15:00 - 12:45:00", "10:00/12:00", "/", "string", "2018-09-06T10:15:00Z",
                 "2018-09-06T10:15:00Z/", "2018-09-06T10:15:00Z/12:45", "a/b/c"):  # fmt: skip
        assert times.parse_interval(text, UTC) is None
