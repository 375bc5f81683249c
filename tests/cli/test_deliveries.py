"""`notifier deliveries` and `why`: what was held back, until when and why, and every attempt."""

from typing import Any

import orjson

from notifier.cli.orders import story
from tests.cli.conftest import Command
from tests.cli.scripted import Answer, serving

SENT = {
    "id": "d1",
    "state": "delivered",
    "key": "trips/1",
    "sequence": 2,
    "type": "notifier.order.status_changed.v1",
    "rule": "r",
    "sink": "mail",
    "to": "a***@example.org",
    "attempts": [
        {"at": "2026-11-21T10:00:00.000Z", "status": 451, "reason": "deferred", "ms": 120},
        {"at": "2026-11-21T10:05:00.000Z", "status": 250, "reason": None, "ms": 90},
    ],
    "next_attempt_at": None,
    "reason": None,
    "message": "m7",
}
HELD = SENT | {
    "id": "d2",
    "state": "pending",
    "attempts": [],
    "next_attempt_at": "2026-11-22T04:00:00.000Z",
    "reason": "quiet_hours",
    "message": None,
}

EVENT = {
    "time": "2026-11-21T10:00:00.000Z",
    "sequence": 2,
    "type": "notifier.order.status_changed.v1",
    "before": None,
    "after": {"status": "waiting"},
    "inferred": False,
    "late": False,
}


def test_one_row_for_each_attempt(command: Command) -> None:
    with serving(Answer(200, orjson.dumps({"items": [SENT, HELD], "next": None}))) as service:
        result = command("deliveries", "--attempts", "--url", service.url)
    assert result.exit_code == 0
    header, *rows = (line.split("\t") for line in result.stdout.splitlines())
    assert header == ["id", "key", "type", "sink", "to", "at", "status", "ms", "reason"]
    assert all(row[:5] == ["d1", "trips/1", "status_changed", "mail", "a***@example.org"] for row in rows)
    assert [row[5:] for row in rows] == [
        ["2026-11-21T10:00:00.000Z", "451", "120", "deferred"],
        ["2026-11-21T10:05:00.000Z", "250", "90", ""],
    ]


def test_the_list_says_until_when_and_why(command: Command) -> None:
    with serving(Answer(200, orjson.dumps({"items": [HELD], "next": None}))) as service:
        result = command("deliveries", "--url", service.url)
    _, row = result.stdout.splitlines()
    assert row.split("\t")[-2:] == ["2026-11-22T04:00:00.000Z", "quiet_hours"]


def test_why_tells_every_attempt_and_what_is_held_back() -> None:
    told = {
        "key": "trips/1",
        "status": "waiting",
        "phase": "arrived",
        "polled": {"last_ok_at": None, "next_poll_at": None, "last_error": None, "looks": []},
        "events": [EVENT | {"deliveries": [SENT, HELD]}],
        "held_back": [HELD],
    }
    lines = [line.strip() for line in story(told)]
    assert (
        "rule r, sink mail to a***@example.org: pending (quiet_hours), 0 attempts, "
        "next attempt 2026-11-22T04:00:00.000Z" in lines
    )
    assert (
        "#2 status_changed: rule r, sink mail to a***@example.org: pending (quiet_hours), 0 attempts, "
        "next attempt 2026-11-22T04:00:00.000Z" in lines
    )
    assert "rule r, sink mail to a***@example.org: delivered, 2 attempts, in message m7" in lines
    at = lines.index("2026-11-21T10:00:00.000Z  451 deferred, 120 ms")
    assert lines[at + 1] == "2026-11-21T10:05:00.000Z  250, 90 ms"


def test_why_tells_how_a_look_goes_that_has_not_ended() -> None:
    began, ended = "2026-11-21T10:00:00.000Z", "2026-11-21T10:00:30.000Z"
    look = {"began": began, "ended": None, "outcome": "connection", "detail": "not connected: Connection refused"}
    polled = {"last_ok_at": None, "next_poll_at": began, "last_error": "connection", "failures": 0, "looks": [look]}
    order = {"key": "trips/1", "status": None, "phase": "unknown"}
    told: dict[str, Any] = {**order, "polled": polled, "events": [], "held_back": []}
    lines = [line.strip() for line in story(told)]
    assert "failing: connection, in the look under way" in lines
    assert f"{began}  connection (not connected: Connection refused), being tried again" in lines
    polled |= {"failures": 1, "looks": [look | {"ended": ended}]}
    lines = [line.strip() for line in story(told)]
    assert "failing: connection, 1 time in a row" in lines
    assert f"{began}  connection (not connected: Connection refused)" in lines
    polled |= {"failures": 0, "last_error": "unknown_source", "looks": []}
    assert "failing: unknown_source" in [line.strip() for line in story(told)]


def test_what_was_taken_without_a_code_is_not_unanswered() -> None:
    """A console or a topic has no status to show."""
    attempt = {"at": "2026-11-21T10:00:00.000Z", "status": None, "reason": None, "ms": 13}
    sent = {**SENT, "sink": "out", "to": None, "attempts": [attempt], "message": None}
    polled: dict[str, Any] = {"last_ok_at": None, "next_poll_at": None, "last_error": None, "looks": []}
    order = {"key": "trips/1", "status": "waiting", "phase": "arrived"}
    told: dict[str, Any] = {**order, "polled": polled, "events": [EVENT | {"deliveries": [sent]}], "held_back": []}
    assert "2026-11-21T10:00:00.000Z  taken, 13 ms" in [line.strip() for line in story(told)]
