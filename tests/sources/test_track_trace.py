"""Entries, schedule and point of a delivery in less common answers."""

import json
from typing import Any

import pytest

from notifier.errors import LookFailed
from notifier.model import Place, Schedule, Snapshot
from tests.sources.adapters import ADAPTERS

SOURCE = ADAPTERS["track_trace"].build()


def read(**order: Any) -> Snapshot:
    return SOURCE.read(json.dumps({"status": "confirmed", **order}).encode())


def test_equal_entries_are_numbered() -> None:
    item = {"event": "ARRIVAL", "timestamp": 5}
    entries = read(history=[item, {"event": "ARRIVAL", "timestamp": 4}, item, item]).entries
    assert [(entry.at, entry.nth) for entry in entries] == [(4_000, 0), (5_000, 0), (5_000, 1), (5_000, 2)]


def test_the_order_of_the_list_does_not_matter() -> None:
    history = [{"event": name, "timestamp": at} for name, at in (("START", 9), ("ORDER_CREATED", 1), ("ARRIVAL", 5))]
    assert read(history=history).entries == read(history=history[::-1]).entries


def test_status_log_comes_before_history_at_equal_times() -> None:
    entries = read(
        history=[{"event": "STATUS_UPDATE", "time": "1970-01-01T00:00:05Z"}],
        status_log=[{"status": "confirmed", "timestamp": 5.0}],
    ).entries
    assert [entry.kind for entry in entries] == ["status", "history"]
    assert entries[0].at == entries[1].at == 5_000


@pytest.mark.parametrize(
    "told", [{}, {"timestamp": None, "time": None}, {"time": ""}, {"time": "soon"}, {"timestamp": True}]
)
def test_an_entry_without_a_time_is_unreadable(told: dict[str, object]) -> None:
    with pytest.raises(LookFailed, match=r"unreadable: history\[0\]"):
        read(history=[{"event": "ARRIVAL", **told}])


def test_a_timestamp_of_zero_wins_over_time() -> None:
    assert read(history=[{"event": "START", "timestamp": 0, "time": "2019-05-27T14:18:52Z"}]).entries[0].at == 0


def test_a_point_refined_by_half_is_not_refined() -> None:
    point = {"lat": 1, "lon": 2, "address": "a"}
    assert read(**point, refined_lat=3).route == (Place(lat=1, lon=2, address="a"),)
    assert read(**point, refined_lat=3, refined_lon=4).route == (Place(lat=3, lon=4, address="a"),)
    assert read(address="a").route == (Place(address="a"),)
    assert read(lat=95, lon=2).route == ()


@pytest.mark.parametrize("window", [None, {}, {"start": None, "end": None}, {"start": "", "end": ""}])
def test_an_interval_counts_where_the_window_tells_nothing(window: object) -> None:
    interval = "1970-01-01T00:00:01Z/1970-01-01T00:00:02Z"
    assert read(time_window=window, time_interval=interval).schedule == Schedule(start=1_000, end=2_000)


def test_half_a_window_is_a_schedule() -> None:
    told = read(time_window={"start": "1970-01-01T00:00:01Z"}, time_interval="10 - 12")
    assert told.schedule == Schedule(start=1_000)


@pytest.mark.parametrize(
    "wrong", [{"time_interval": 5.5}, {"time_window": "10-12"}, {"history": {}}, {"status_log": "x"}]
)
def test_wrong_types_are_unreadable(wrong: dict[str, object]) -> None:
    with pytest.raises(LookFailed, match="unreadable"):
        read(**wrong)
