"""The campaign: exactly the expected messages: their set, their order for each recipient and order, none stale."""

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace

from notifier import log
from notifier.app import App
from notifier.backends.base import DeliveryQuery, EventQuery, Query
from notifier.config.load import load
from notifier.instants import from_text
from notifier.model import DIGEST, Delivery
from notifier.simulator.world import World as Simulated
from notifier.testing.backend import MemoryBackend
from notifier.testing.virtual import START, VirtualClock, run
from tests.telling.oracle import CONFIG, EXPIRES, wanted
from tests.telling.ways import Failing, Hook, Mail, Text
from tests.world.world import APIS, Simulation

ORDERS = 1_000
SPEED = 12.0
LASTS = 1_200  # virtual seconds: every life is over long before
BUSY = "busy@example.org"  # follows many orders: the cap holds it back


def recipients(number: int) -> list[dict[str, Any]]:
    """One or two people an order, with this or that address; some addresses are bad."""
    who: dict[str, Any] = {"email": f"a{number}@example.org", "locale": "ru" if number % 2 else "en"}
    if number % 3:
        who["phone"] = f"+7912{number:07d}"
    if number % 5 == 0:
        who["webhook"] = f"https://people.example.org/{number}"
    if number % 97 == 0:
        who["webhook"] = "https://people.example.org/gone"
    if number % 4 == 0:
        who["timezone"] = "Europe/Moscow"  # where quiet hours begin soon
    others = []
    if number % 7 == 0:
        others.append({"email": f"b{number}@nobody.example"})
    if number % 25 == 0:
        others.append({"email": BUSY})
    return [who, *others]


class Told:
    """What the program says that it did: the events and deliveries of each order."""

    def __init__(self) -> None:
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.deliveries: dict[str, list[Delivery]] = {}


async def pages(app: App, query: Query[Any]) -> list[Any]:
    found: list[Any] = []
    while True:
        page = await app.backend.view.find(query)
        found += page.items
        if page.next is None:
            return found
        query = replace(query, cursor=page.next)


async def campaign(folder: Path) -> tuple[Told, dict[str, list[dict[str, Any]]], Mapping[str, Failing]]:
    chance, clock = random.Random(4), VirtualClock()
    simulated = Simulated(4, clock=clock.now, sleep=asyncio.sleep, speed=SPEED)
    log.set_up("error", "json")
    ways: dict[str, Failing] = {"hook": Hook(chance), "mail": Mail(chance), "text": Text(chance)}
    (folder / "notifier.yaml").write_text(CONFIG)
    config = load(folder / "notifier.yaml")
    fetches = dict.fromkeys(config.sources, Simulation(simulated))
    app = App(config, clock=clock, backend=MemoryBackend(shards=3, clock=clock), fetches=fetches, sinks=ways)
    await app.start()
    followed: dict[str, list[dict[str, Any]]] = {}
    for number in range(ORDERS):
        source = list(APIS)[number % len(APIS)]
        order = str(9_000 + number) if source == "parcels" else f"{source}{number}"
        watch, _ = await app.desk.put({"source": source, "ids": {"order_id": order}, "recipients": recipients(number)})
        followed[watch.key] = recipients(number)
        await asyncio.sleep(0.1)
    await asyncio.sleep(LASTS)
    told = Told()
    for key in followed:
        events = await pages(app, EventQuery(key=key, limit=1000))
        told.events[key] = [orjson.loads(event.data) | {"type": event.type} for event in events]
        deliveries: list[Delivery] = await pages(app, DeliveryQuery(key=key, limit=1000))
        told.deliveries[key] = sorted(deliveries, key=lambda it: it.event.sequence)
    await app.stop(5)
    return told, followed, ways


@pytest.mark.long
@pytest.mark.timeout(400)
def test_exactly_the_expected_messages(tmp_path: Path) -> None:
    async def main() -> None:
        told, followed, ways = await campaign(tmp_path)
        assert ways["hook"].kinds == {"fine", "lost", "hangs", "busy", "throttled", "fails", "breaks", "gone"}
        assert ways["mail"].kinds == {"fine", "lost", "hangs", "fails", "breaks", "refuses"}
        assert ways["text"].kinds == {"fine", "lost", "refuses", "fails", "throttled", "breaks"}
        everything = [each for deliveries in told.deliveries.values() for each in deliveries]
        assert [each for each in everything if each.open] == []
        for key, people in followed.items():
            check_set(told.events[key], told.deliveries[key], people)
            check_stale(told.events[key], told.deliveries[key])
        for name, way in ways.items():
            check_accepted(way, [each for each in everything if each.sink == name])
            check_order(way, [each for each in everything if each.sink == name])
        assert len(everything) > 20 * ORDERS
        check_limits(everything, ways["mail"])
        check_quiet(everything, ways["mail"])

    run(main)


def check_set(
    events: Sequence[Mapping[str, Any]], deliveries: Sequence[Delivery], people: Sequence[Mapping[str, Any]]
) -> None:
    """Each delivery that must exist does, and no other."""
    expected: defaultdict[tuple[Any, ...], bool] = defaultdict(bool)
    for sequence, sink, to, template, sent in wanted(events, people):
        expected[sequence, sink, to, template] |= sent
    made = {(it.event.sequence, it.sink, it.to, it.template): it.state != "skipped" for it in deliveries}
    assert made == expected
    for it in deliveries:
        assert it.state in ("delivered", "dead", "expired", "skipped")
        if it.state == "dead":
            assert it.reason in _DEAD[it.sink], it
        if it.state == "expired":
            assert (it.sink, it.template) in {("text", "driver_arrived"), ("mail", "driver_arrived")}, it


_DEAD = {
    "hook": {"endpoint_disabled", "retries_exhausted"},
    "mail": {"no such user", "retries_exhausted"},
    "text": {"no such user", "outcome_unknown", "retries_exhausted"},
}


def check_stale(events: Sequence[Mapping[str, Any]], deliveries: Sequence[Delivery]) -> None:
    """An arrival is told only while it is true, and never late; what was dropped was dropped for that."""
    phases = [(from_text(event["observed_at"]), event["phase"], event["phase_certain"]) for event in events]

    def phase(at: int) -> list[str]:
        """The phases that the program may have known at that time: what a look brings counts once it is committed."""
        before = [name for seen, name, certain in phases if seen <= at - 200 and certain]
        return [*before[-1:], *(name for seen, name, certain in phases if at - 200 < seen <= at and certain)]

    for it in deliveries:
        if it.template != "driver_arrived":
            continue
        deadline = from_text(it.event.attributes["time"]) + EXPIRES
        if it.state == "delivered":
            last = it.attempts[-1]
            assert last.at < deadline
            if it.sink == "text":
                assert "arrived" in phase(last.at), (phase(last.at), it)
        if it.state == "expired":
            assert it.finished_at is not None
            if it.reason == "overtaken":
                assert it.sink == "text"
                assert set(phase(it.finished_at)) - {"arrived"}
            else:
                assert (it.reason, it.finished_at >= deadline) == ("expired", True)


def check_accepted(way: Failing, deliveries: Sequence[Delivery]) -> None:
    """What reached somebody is what is said to have been delivered; a repeat only where the answer was lost."""
    said = Counter(it.message or it.id for it in deliveries if it.state == "delivered")
    heard: defaultdict[str, list[bool]] = defaultdict(list)
    bodies: defaultdict[str, set[tuple[str, str, str]]] = defaultdict(set)
    for it in way.accepted:
        heard[it.message.id].append(it.told)
        bodies[it.message.id].add((it.message.subject, it.message.text, it.message.html))
    assert {id for id, answers in heard.items() if any(answers)} == set(said)
    for id, answers in heard.items():
        assert sum(answers) <= 1, id
        assert not any(answers[:-1]), id  # nothing comes after an answer that was heard
        assert len(bodies[id]) == 1
        if way.at_most_once:
            assert len(answers) == 1
    if not way.people:
        assert set(said.values()) == {1}


def check_order(way: Failing, deliveries: Sequence[Delivery]) -> None:
    """For each recipient and order what a rule sends is accepted in order, in groups and digests, too."""
    by_message: defaultdict[str, list[Delivery]] = defaultdict(list)
    for it in deliveries:
        by_message[it.message or it.id].append(it)
    lanes: defaultdict[tuple[str | None, str, str | None], list[int]] = defaultdict(list)
    for accepted in way.accepted:
        if accepted.told:
            for it in by_message[accepted.message.id]:
                lanes[it.to, it.key, it.template].append(it.event.sequence)
    for lane, sequences in lanes.items():
        assert sequences == sorted(sequences), lane


def check_limits(deliveries: Sequence[Delivery], mail: Failing) -> None:
    """Groups and digests did occur, the cap was kept, and nobody was woken."""
    joined = Counter(it.message for it in deliveries if it.message and it.state == "delivered")
    assert max(joined.values()) > 1
    accepted = sorted(it.at for it in mail.accepted if it.told and it.message.to == BUSY)
    assert accepted
    within = max(sum(at <= other < at + 60_000 for other in accepted) for at in accepted)
    assert within <= 30 + 1
    digests = [it for it in deliveries if it.group == DIGEST and it.state == "delivered"]
    assert digests
    assert any(len(it.attempts) > 1 for it in digests), "one that failed was tried again"


def check_quiet(deliveries: Sequence[Delivery], mail: Failing) -> None:
    """In Moscow it is night from 14:05 to 14:09 of that day: only what is critical comes through, the rest after it."""
    critical = {it.message or it.id for it in deliveries if it.template == "driver_arrived"}
    moscow = {f"a{number}@example.org" for number in range(0, ORDERS, 4)}
    night = range(START + 5 * 60_000, START + 9 * 60_000)
    asleep = [it for it in mail.accepted if it.message.to in moscow and it.at in night]
    assert asleep
    assert {it.message.id for it in asleep} <= critical
    waited = [it for it in deliveries if it.to in moscow and it.created_at in night and it.template == "finished"]
    assert waited
    assert all(it.attempts[0].at >= night.stop for it in waited if it.attempts)
