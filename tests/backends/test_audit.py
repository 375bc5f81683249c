"""The audit: silent about a sound stream, and finds each kind of harm when it is planted."""

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from notifier.backends.audit import Audit
from notifier.backends.partition import shard_of
from notifier.envelope import seal
from notifier.model import CloudEvent, EventType
from tests.test_envelope import WATCH, an_event

PARTITIONS = 12
STATUSES = ("searching", "driving", "waiting", "transporting", "complete")


def timeline() -> list[CloudEvent]:
    """tracked, then status changes that chain."""
    made = [_event(EventType.TRACKED, 1, None, "new")]
    for number, status in enumerate(STATUSES, 2):
        before = "new" if number == 2 else STATUSES[number - 3]
        made.append(_event(EventType.STATUS_CHANGED, number, {"status": before}, status))
    return made


def _event(type: EventType, sequence: int, before: Any, status: str) -> CloudEvent:
    after = {"status": status, "phase": "assigned"} if type is EventType.TRACKED else {"status": status}
    return seal(
        an_event(type, sequence=sequence, before=before, after=after, status=status), WATCH, personal_data=False
    )


def audited(events: list[CloudEvent], partition: int | None = None, cut: bool = False) -> Audit:
    audit = Audit(partitions=PARTITIONS)
    here = shard_of(WATCH.key, PARTITIONS) if partition is None else partition
    if cut:
        audit.cut(here)
    for offset, event in enumerate(events):
        audit.event(here, offset, event.key, event.attributes["type"], event.data)
    audit.finish()
    return audit


def found(audit: Audit) -> list[tuple[str, int]]:
    return [(finding.kind, finding.sequence) for finding in audit.findings]


def test_a_sound_stream_is_sound() -> None:
    audit = audited(timeline())
    assert found(audit) == []
    assert (audit.events, audit.orders) == (6, 1)


def _gap(events: list[CloudEvent]) -> None:
    del events[3]


def _twice(events: list[CloudEvent]) -> None:
    events.insert(5, events[2])


def _swapped(events: list[CloudEvent]) -> None:
    events[2], events[3] = events[3], events[2]


def _forked(events: list[CloudEvent]) -> None:
    events.insert(4, _event(EventType.STATUS_CHANGED, 4, {"status": "driving"}, "cancelled"))


def _broken_chain(events: list[CloudEvent]) -> None:
    events[4] = _event(EventType.STATUS_CHANGED, 5, {"status": "somewhere"}, "transporting")


def _first_gone(events: list[CloudEvent]) -> None:
    del events[0]


@pytest.mark.parametrize(
    ("harm", "expected"),
    [
        (_gap, [("lost", 4)]),
        (_twice, [("doubled", 3)]),
        (_swapped, [("reordered", 3)]),
        (_forked, [("forked", 4)]),
        (_broken_chain, [("forked", 5)]),
        (_first_gone, [("lost", 1)]),
    ],
)
def test_each_harm_is_found_when_planted(
    harm: Callable[[list[CloudEvent]], None], expected: list[tuple[str, int]]
) -> None:
    events = timeline()
    harm(events)
    assert found(audited(events)) == expected


def test_another_partition_is_misplaced() -> None:
    there = (shard_of(WATCH.key, PARTITIONS) + 1) % PARTITIONS
    assert {kind for kind, _ in found(audited(timeline(), there))} == {"misplaced"}


def test_a_life_whose_beginning_is_past_its_retention_is_sound() -> None:
    assert found(audited(timeline()[3:], cut=True)) == []
    assert found(audited([*timeline()[3:4], *timeline()[5:]], cut=True)) == [("lost", 5)]


@pytest.mark.parametrize(("sequence", "expected"), [(6, []), (7, ["lost"]), (5, ["forked"])])
def test_the_stored_state_agrees_with_the_events(sequence: int, expected: list[str]) -> None:
    audit = audited(timeline())
    audit.mark()
    life = orjson.loads(timeline()[0].data)["order"]["life"]
    audit.state(shard_of(WATCH.key, PARTITIONS), WATCH.key, life, sequence, "shards[1]@5")
    assert [finding.kind for finding in audit.findings] == expected


def test_events_that_came_after_the_state_was_read_are_no_harm() -> None:
    audit = audited(timeline()[:4])
    audit.mark()
    here = shard_of(WATCH.key, PARTITIONS)
    for offset, event in enumerate(timeline()[4:], 4):
        audit.event(here, offset, event.key, event.attributes["type"], event.data)
    audit.state(here, WATCH.key, orjson.loads(timeline()[0].data)["order"]["life"], 4, "shards[1]@5")
    assert audit.finish() == []


def test_a_state_without_any_event_is_a_loss_unless_they_may_be_past_their_retention() -> None:
    audit = Audit(partitions=PARTITIONS)
    audit.cut(2)
    audit.state(1, "trips/a", 5, 3, "shards[1]@0")
    audit.state(2, "trips/b", 5, 3, "shards[2]@0")
    audit.state(1, "trips/c", 5, 0, "shards[1]@1")
    assert [(finding.kind, finding.key) for finding in audit.findings] == [("lost", "trips/a")]


def test_rubbish_is_unreadable_and_ends_nothing() -> None:
    audit = Audit(partitions=PARTITIONS)
    audit.event(0, 0, None, "", b"<html>")
    event = timeline()[0]
    audit.event(shard_of(WATCH.key, PARTITIONS), 0, event.key, event.attributes["type"], event.data)
    assert [finding.kind for finding in audit.finish()] == ["unreadable"]
