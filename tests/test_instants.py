"""Instants as text, there and back."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.instants import from_text, optional_text, to_text


def test_utc_with_milliseconds() -> None:
    assert to_text(1_795_258_800_000) == "2026-11-21T11:00:00.000Z"
    assert to_text(-5) == "1969-12-31T23:59:59.995Z"
    assert optional_text(None) is None


@given(st.integers(-62_135_596_800_000, 253_402_300_799_999))
def test_there_and_back(at: int) -> None:
    assert from_text(to_text(at)) == at
    assert datetime.fromisoformat(to_text(at)).tzinfo == UTC


def test_offsets_are_read_and_their_absence_is_an_error() -> None:
    assert from_text("2026-11-21T14:00:00.0009+03:00") == 1_795_258_800_000
    with pytest.raises(ValueError, match="no time zone"):
        from_text("2026-11-21T14:00:00")
