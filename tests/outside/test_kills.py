"""kill -9 at any moment: no event lost, none doubled, a repeat only with the same id and the same bytes."""

import asyncio
import random
import time
from collections import defaultdict

import pytest

from tests.outside.bodies import Body, business, item, log, track
from tests.outside.configs import config, source
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.receiver import Received, Receiver
from tests.outside.telling import check_chain, short
from tests.outside.waiting import until

RIDES = 40
PARCELS = 12
KILLS = 25

WAY = ("search", "driving", "waiting", "transporting", "complete")


def rides_body(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


def parcel_bodies(chance: random.Random) -> list[Body]:
    """A parcel's answers: one entry more in each."""
    events = ["ORDER_BECAME_NEXT", "START", "ARRIVAL", "ORDER_VISIT", "DEPARTURE"]
    statuses, history = [log("new", 0)], [item("ORDER_CREATED", 0)]
    bodies = [track("new", list(statuses), list(history))]
    statuses.append(log("confirmed", 60))
    bodies.append(track("confirmed", list(statuses), list(history)))
    for number, event in enumerate(events):
        history.append(item(event, 100 + number * 10))
        bodies.append(track("confirmed", list(statuses), list(history)))
    statuses.append(log("finished", 300))
    bodies.append(track("finished", list(statuses), list(history)))
    return bodies


def check_repeats(received: list[Received]) -> int:
    """One id: one event, one body. How many were sent again although they had been accepted."""
    by_id: defaultdict[str, list[Received]] = defaultdict(list)
    for each in received:
        by_id[each.id].append(each)
    for repeats in by_id.values():
        assert len({each.body for each in repeats}) == 1
    accepted = [sum(each.status == 204 for each in repeats) for repeats in by_id.values()]
    return sum(accepted) - sum(map(bool, accepted))


@pytest.mark.long
async def test_kill_at_random_moments(api: OrderApi, hook: Receiver, programs: Start) -> None:
    seed = 20_261_121
    chance = random.Random(seed)
    receiving = random.Random(seed)

    async def answer(_: Received) -> tuple[int, dict[str, str]]:
        await asyncio.sleep(receiving.uniform(0, 0.05))
        return (500 if receiving.random() < 0.05 else 204), {}

    hook.answer = answer
    settings = config(api, hook, source={"poll": {"default": "50ms"}}, sink={"breaker": 0})
    settings["sources"]["parcels"] = source("track_trace", api, poll={"default": "50ms"})
    program = programs(settings)
    await program.start()
    begin = time.time()
    keys = {}
    for number in range(RIDES):
        name = f"ride{number}"
        at = begin + chance.uniform(0, 8)
        order = api.show(name, rides_body("search"))
        for status in WAY[1:]:
            at += chance.uniform(0.3, 6)
            order.script.append((at, rides_body(status)))
        keys[f"trips/{name}"] = ["search", *WAY[1:]]
    for number in range(PARCELS):
        name = str(1000 + number)
        at = begin + chance.uniform(0, 8)
        bodies = parcel_bodies(chance)
        order = api.show(name, bodies[0])
        for body in bodies[1:]:
            at += chance.uniform(0.1, 4)
            order.script.append((at, body))
        keys[f"parcels/{name}"] = ["new", "confirmed", "finished"]
    for key in keys:
        await program.watch(*key.split("/"))
    for _ in range(KILLS):
        await asyncio.sleep(chance.uniform(0, 0.35))
        await program.kill()
        await program.start()
    last = max(at for order in api.orders.values() for at, _ in order.script)
    await asyncio.sleep(max(0.0, last - time.time()))
    await api.seen("ride0", 4)

    async def settled() -> bool:
        orders = await program.items("/v1/orders")
        return len(orders) == len(keys) and all(order["phase"] == "completed" for order in orders)

    await until(settled)
    expected = {key: await program.events(key) for key in keys}
    total = sum(map(len, expected.values()))
    await until(lambda: len(hook.accepted()) >= total, lambda: f"{len(hook.accepted())} of {total}")
    for key, events in expected.items():
        check_chain(events, key)
        chain = [
            event["data"]["after"]["status"]
            for event in events
            if short(event["type"]) in ("tracked", "status_changed")
        ]
        assert chain == keys[key][keys[key].index(chain[0]) :], key
        assert short(events[0]["type"]) == "tracked"
        assert [short(event["type"]) for event in events].count("tracked") == 1
        assert not [event for event in events if short(event["type"]) in ("contract_violated", "lost", "stalled")]
        if key.startswith("parcels/"):
            told = [event["data"]["after"]["event"] for event in events if short(event["type"]) == "history_added"]
            assert told == ["ORDER_BECAME_NEXT", "START", "ARRIVAL", "ORDER_VISIT", "DEPARTURE"][-len(told) :]
            assert not [event for event in events if event["data"]["inferred"] or event["data"]["late"]]
        told_now = [each.data for each in hook.of(key)]
        assert told_now == [event["data"] for event in events], key
    assert len(hook.accepted()) == total
    repeats = check_repeats(hook.received)
    assert repeats <= KILLS * len(keys)  # at most one for each lane and kill
    dead = await program.items("/v1/deliveries?state=dead")
    assert dead == []


async def test_a_watch_acknowledged_is_a_watch_kept(api: OrderApi, programs: Start) -> None:
    """Killed while watches are being added: every 201 is there afterwards."""
    program = programs(config(api, None))
    await program.start()
    kept: set[str] = set()
    numbers = iter(range(10_000))

    async def add() -> None:
        while True:
            name = f"w{next(numbers)}"
            try:
                kept.add((await program.watch("trips", name))["key"])
            except OSError:
                return

    for _ in range(3):
        adding = [asyncio.create_task(add()) for _ in range(4)]
        await asyncio.sleep(0.3)
        await program.kill()
        await asyncio.wait(adding)
        for task in adding:
            assert task.exception() is None or "Server disconnected" in str(task.exception())
        await program.start()
        watches = {watch["key"] for watch in await program.items("/v1/watches", limit=100)}
        assert kept <= watches
    assert len(kept) > 20


async def test_sigterm_is_a_clean_stop(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """Within shutdown_grace, though an order API hangs and a receiver is slow; nothing is lost by it."""

    async def slow(_: Received) -> tuple[int, dict[str, str]]:
        await asyncio.sleep(60)
        return 204, {}

    async def hanging(request: object) -> object:
        await asyncio.sleep(60)
        raise AssertionError

    hook.answer = slow
    settings = config(
        api, hook, shutdown_grace="3s", source={"timeout": "30s", "retry_for": "60s"}, sink={"timeout": "30s"}
    )
    program = programs(settings)
    await program.start()
    api.show("o", rides_body("search"))
    api.show("hangs", hanging)  # type: ignore[arg-type]
    await program.watch("trips", "o")
    await program.watch("trips", "hangs")
    await until(lambda: hook.received)
    await until(lambda: api.count("hangs") >= 1)
    code, seconds = await program.stop()
    assert code == 0, program.log()
    assert seconds < 3.5
    hook.answer = lambda _: (204, {})
    await program.start()
    await until(lambda: hook.of("trips/o"))
    assert len({each.id for each in hook.received}) == 1
    check_repeats(hook.received)


async def test_a_second_process_on_the_file_is_refused(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    second = programs(config(api, None, backend=program.config["backend"]))
    began = time.monotonic()
    process = await second.spawn()
    code = await asyncio.wait_for(process.wait(), 15)
    assert code == 1
    assert time.monotonic() - began < 5
    assert "notifier.db" in second.log()
    assert (await program.get("/readyz")).status == 200
    await program.kill()
    await second.start()  # a killed process holds nothing


async def test_a_corrupt_file_is_refused_and_left_alone(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    file = program.folder / "var" / "notifier.db"
    file.parent.mkdir()
    file.write_bytes(b"this is no database, but somebody's only copy of something" * 100)
    before = file.read_bytes()
    process = await program.spawn()
    assert await asyncio.wait_for(process.wait(), 15) == 1
    assert "notifier.db" in program.log()
    assert "Traceback" not in program.log()
    assert file.read_bytes() == before
    assert sorted(path.name for path in file.parent.iterdir() if path.name.endswith(("-wal", "-shm"))) == []
