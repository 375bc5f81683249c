import pytest
from multidict import CIMultiDict

from notifier.instants import from_text
from notifier.net.retry_after import LONGEST, retry_after

NOW = from_text("2026-11-21T11:00:00Z")
DATE = "Sat, 21 Nov 2026 10:00:00 GMT"  # the peer's clock is an hour behind


def read(**headers: str) -> float | None:
    return retry_after(CIMultiDict({name.replace("_", "-"): value for name, value in headers.items()}), NOW)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 120 ", 120.0),
        ("1.5", 1.5),
        ("86400", LONGEST),
        ("86401", LONGEST),
        ("9" * 250, LONGEST),
    ],
)
def test_seconds(text: str, seconds: float) -> None:
    assert read(retry_after=text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "soon",
        "-1",
        "1e3",
        "nan",
        "inf",
        "0x10",
        "1_0",
        "12 s",
        "9" * 5000,
        "Sat, 99 Nov 2026 10:00:00 GMT",
        "Sat",
    ],
)
def test_garbage_is_ignored(text: str) -> None:
    assert read(retry_after=text, date=DATE) is None


def test_no_header() -> None:
    assert read(date=DATE) is None


def test_a_date_counts_from_the_answers_own_date() -> None:
    assert read(retry_after="Sat, 21 Nov 2026 10:00:20 GMT", date=DATE) == 20.0


def test_without_a_readable_date_it_counts_from_our_clock() -> None:
    assert read(retry_after="Sat, 21 Nov 2026 11:00:20 GMT") == 20.0
    assert read(retry_after="Sat, 21 Nov 2026 11:00:20 GMT", date="yesterday") == 20.0


def test_a_date_that_has_passed_is_now_and_a_far_one_is_a_day() -> None:
    assert read(retry_after="Sat, 21 Nov 2026 09:00:00 GMT", date=DATE) == 0.0
    assert read(retry_after="Sat, 21 Nov 2099 09:00:00 GMT", date=DATE) == LONGEST


def test_the_other_forms_of_a_date() -> None:
    assert read(retry_after="Saturday, 21-Nov-26 10:00:20 GMT", date=DATE) == 20.0
    assert read(retry_after="Sat Nov 21 10:00:20 2026", date=DATE) == 20.0


def test_the_name_compares_without_case() -> None:
    assert read(RETRY_AFTER="3") == 3.0
