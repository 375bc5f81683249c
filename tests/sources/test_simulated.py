"""The simulator writes the documents' forms independently of the adapters: what it meant is what they read."""

import json
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest

from notifier.instants import from_text
from notifier.model import Entry, Schedule, Snapshot
from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Ask
from notifier.simulator.lives import life
from notifier.simulator.lives.model import Life, Moment
from tests.sources.adapters import ADAPTERS

BORN = from_text("2026-11-21T10:00:00Z")
MOSCOW = ZoneInfo("Europe/Moscow")
PATH = {"client": "a2d4", "company": "503", "order": "7"}


def looks(api: str) -> Iterator[tuple[Life, Moment, int, Snapshot]]:
    """Twelve looks at each of forty lives."""
    source = ADAPTERS[api].build(timezone="Europe/Moscow")
    for number in range(40):
        lived = life(7, api, str(1_000 + number), born=BORN)
        for step in range(12):
            now = BORN + (lived.ends - BORN) * step // 11
            ask = Ask(PATH, {"order_id": "7", "show_cancel_text": "true"}, {}, now, MOSCOW)
            moment = lived.moment(now)
            yield lived, moment, now, source.read(json.dumps(APIS[api].render(lived, moment, ask)).encode())


@pytest.mark.parametrize("api", APIS)
def test_the_status(api: str) -> None:
    told = [(moment.status, read.status) for _, moment, _, read in looks(api)]
    assert len({status for status, _ in told}) > 4
    assert all(meant == read for meant, read in told)


@pytest.mark.parametrize(("api", "side"), [("taxi_v1", "end"), ("business_v2", "start")])
def test_when_a_ride_is_due_and_done(api: str, side: str) -> None:
    seen = 0
    for _, moment, _, read in looks(api):
        due = getattr(moment.schedule, side) if moment.schedule else None
        whole = None if due is None else due // 1_000
        got = getattr(read.schedule, side) if read.schedule else None
        assert (None if got is None else got // 1_000) == whole
        seen += whole is not None
        if read.finished_at is not None:
            assert moment.finished_at is not None
            assert read.finished_at // 1_000 == moment.finished_at // 1_000
    assert seen > 50


@pytest.mark.parametrize("api", ["taxi_v1", "business_v2"])
def test_who_drives_whither_and_for_how_much(api: str) -> None:
    for lived, moment, _, read in looks(api):
        name = read.performer.name if read.performer else None
        assert name == (moment.performer.name if moment.performer else None)
        ends = [(lived.route[0].lat, lived.route[0].lon), (lived.route[-1].lat, lived.route[-1].lon)]
        assert [(place.lat, place.lon) for place in (read.route[0], read.route[-1])] == ends
        assert read.person is not None
        assert read.person.id == lived.person.id
        if read.cost:
            assert moment.cost is not None
            assert (read.cost.amount, read.cost.with_vat) == moment.cost
        if read.cancel_rules:
            assert moment.cancel_rules is not None
            assert (read.cancel_rules.can_cancel, read.cancel_rules.state) == moment.cancel_rules


def test_where_the_car_is() -> None:
    seen = 0
    for lived, moment, now, read in looks("progress"):
        place = lived.location(now) if moment.performer else None
        got = (read.location.lat, read.location.lon) if read.location else None
        assert got == (None if place is None else (place.lat, place.lon))
        seen += got is not None
    assert seen > 50


def test_when_a_restaurant_changed_its_status() -> None:
    for _, moment, _, read in looks("restaurant"):
        assert read.updated_at == moment.since


def test_the_entries_of_a_delivery() -> None:
    seen = 0
    for lived, moment, _, read in looks("track_trace"):
        in_seconds = lived.share("entry time") > 0.9  # the form without `timestamp`, some of it in whole seconds
        assert _told(read.entries, "status", False) == sorted((e.at, e.status) for e in moment.status_log)
        assert _told(read.entries, "history", in_seconds) == sorted(
            (e.at // 1_000 if in_seconds else e.at, e.event) for e in moment.history
        )
        seen += len(read.entries)
        if moment.schedule and read.schedule:
            start, end = moment.schedule
            assert start is not None
            assert end is not None
            whole = Schedule(start=start // 1_000, end=end // 1_000)
            assert Schedule(start=(read.schedule.start or 0) // 1_000, end=(read.schedule.end or 0) // 1_000) == whole
    assert seen > 500


def _told(entries: tuple[Entry, ...], kind: str, in_seconds: bool) -> list[tuple[int, str]]:
    return sorted((e.at // 1_000 if in_seconds else e.at, e.value) for e in entries if e.kind == kind)
