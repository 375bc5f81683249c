"""Track & trace, the restaurant, and any JSON API: the true events, in order."""

import asyncio
import time

from tests.outside.bodies import Body, example, iso, item, log, restaurant, track
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, Shown
from tests.outside.receiver import Receiver
from tests.outside.telling import check_chain, lines
from tests.outside.waiting import until

Scenario = tuple[list[Shown], list[str]]

CREATED = [item("ORDER_CREATED", 0)]
NEW = [log("new", 0)]
CONFIRMED = [*NEW, log("confirmed", 60)]
BEGIN = track("confirmed", CONFIRMED, CREATED)

PARCELS: dict[str, Scenario] = {
    "1": (  # the whole way; ARRIVAL and finished found in one answer
        [
            track("new", NEW, CREATED),
            track("confirmed", CONFIRMED, [*CREATED, item("STATUS_UPDATE", 60, source={"initiator": "app"})]),
            track("confirmed", CONFIRMED, [*CREATED, item("STATUS_UPDATE", 60), item("ORDER_BECAME_NEXT", 120)]),
            track(
                "finished",
                [*CONFIRMED, log("finished", 240)],
                [
                    *CREATED,
                    item("STATUS_UPDATE", 60),
                    item("ORDER_BECAME_NEXT", 120),
                    item("ARRIVAL", 180, position={"lat": 55.7, "lon": 37.6, "time": "x"}),
                    item("STATUS_UPDATE", 240),
                ],
            ),
        ],
        [
            "tracked new/created",
            "status new>confirmed",
            "phase created>accepted",
            "history STATUS_UPDATE=confirmed",
            "history ORDER_BECAME_NEXT",
            "phase accepted>assigned",
            "history ARRIVAL",
            "phase assigned>arrived",
            "status confirmed>finished",
            "phase arrived>completed",
            "history STATUS_UPDATE=finished",
        ],
    ),
    "2": (  # an entry that comes late, without and with a phase of its own that no longer counts
        [
            track("confirmed", CONFIRMED, [*CREATED, item("ARRIVAL", 200)]),
            track("confirmed", CONFIRMED, [*CREATED, item("ARRIVAL", 200), item("START", 100)]),
            track(
                "confirmed",
                CONFIRMED,
                [*CREATED, item("ARRIVAL", 200), item("START", 100), item("ORDER_BECAME_NEXT", 150)],
            ),
        ],
        ["tracked confirmed/arrived", "history START late", "history ORDER_BECAME_NEXT late"],
    ),
    "3": (  # late, and still the last that carries a phase
        [
            track("confirmed", CONFIRMED, [*CREATED, item("START", 200)]),
            track("confirmed", CONFIRMED, [*CREATED, item("START", 200), item("ARRIVAL", 100)]),
        ],
        ["tracked confirmed/accepted", "history ARRIVAL late", "phase accepted>arrived late"],
    ),
    "4": (  # an answer that lacks what was seen is stale: dropped whole
        [
            track("confirmed", CONFIRMED, [*CREATED, item("ARRIVAL", 200)]),
            track("cancelled", NEW, CREATED),
            track("confirmed", CONFIRMED, [*CREATED, item("ARRIVAL", 200), item("ORDER_VISIT", 210)]),
        ],
        ["tracked confirmed/arrived", "history ORDER_VISIT"],
    ),
    "5": (  # the status before its log entry is one event
        [
            track("new", NEW, CREATED),
            track("confirmed", NEW, CREATED),
            track("confirmed", CONFIRMED, CREATED),
            track("confirmed", CONFIRMED, [*CREATED, item("STATUS_UPDATE", 60)]),
        ],
        ["tracked new/created", "status new>confirmed", "phase created>accepted", "history STATUS_UPDATE=confirmed"],
    ),
    "6": (  # an undocumented entry, each told, reported once
        [
            BEGIN,
            track("confirmed", CONFIRMED, [*CREATED, item("TELEPORT", 70)]),
            track("confirmed", CONFIRMED, [*CREATED, item("TELEPORT", 70), item("TELEPORT", 80)]),
        ],
        ["tracked confirmed/accepted", "history TELEPORT", "violated unknown_entry=TELEPORT", "history TELEPORT"],
    ),
    "7": (  # reopened, postponed
        [
            track("finished", [*CONFIRMED, log("finished", 240)], CREATED),
            track("confirmed", [*CONFIRMED, log("finished", 240), log("confirmed", 300)], CREATED),
            track(
                "postponed", [*CONFIRMED, log("finished", 240), log("confirmed", 300), log("postponed", 310)], CREATED
            ),
        ],
        [
            "tracked finished/completed",
            "status finished>confirmed",
            "phase completed>accepted",
            "status confirmed>postponed",
            "phase accepted>postponed",
        ],
    ),
    "8": (  # equal entries are counted, unsorted lists are read by time, `timestamp` wins over `time`
        [
            BEGIN,
            track(
                "confirmed",
                list(reversed(CONFIRMED)),
                [
                    item("ARRIVAL", 200),
                    {
                        "event": "ORDER_BECAME_NEXT",
                        "timestamp": item("x", 100)["timestamp"],
                        "time": "2030-01-01T00:00:00Z",
                    },
                    *CREATED,
                    item("ARRIVAL", 200),
                ],
            ),
        ],
        [
            "tracked confirmed/accepted",
            "history ORDER_BECAME_NEXT",
            "phase accepted>assigned",
            "history ARRIVAL",
            "phase assigned>arrived",
            "history ARRIVAL",
        ],
    ),
    "9": (  # all that happened between two looks, status log before history at equal times
        [
            track("new", NEW, CREATED),
            track(
                "partially_finished",
                [
                    *CONFIRMED,
                    log("confirmed", 70),
                    log("postponed", 80),
                    log("confirmed", 90),
                    log("partially_finished", 200),
                ],
                [*CREATED, item("ARRIVAL", 200), item("DEPARTURE", 210)],
            ),
        ],
        [
            "tracked new/created",
            "status new>confirmed",
            "phase created>accepted",
            "status confirmed>postponed",
            "phase accepted>postponed",
            "status postponed>confirmed",
            "phase postponed>accepted",
            "status confirmed>partially_finished",
            "phase accepted>partially_completed",
            "history ARRIVAL",
            "history DEPARTURE",
        ],
    ),
    "10": (  # an empty log: history carries its phase all the same
        [track("confirmed", [], CREATED), track("confirmed", [], [*CREATED, item("ARRIVAL", 10)])],
        ["tracked confirmed/accepted", "history ARRIVAL", "phase accepted>arrived"],
    ),
    "11": (  # undocumented status
        [BEGIN, track("teleported", CONFIRMED, CREATED), BEGIN],
        [
            "tracked confirmed/accepted",
            "status confirmed>teleported",
            "violated unknown_status=teleported",
            "status teleported>confirmed",
        ],
    ),
    "12": (  # the document's own words are no known status
        [example("track_trace")],
        ["tracked string/unknown", "violated unknown_status=string"],
    ),
}


async def test_parcels(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook, kind="track_trace", name="parcels"))
    await program.start()

    async def play(name: str, shown: list[Shown]) -> None:
        api.show(name, shown[0])
        await program.watch("parcels", name)
        await api.seen(name)
        await api.play(name, *shown[1:])

    await asyncio.gather(*(play(name, shown) for name, (shown, _) in PARCELS.items()))
    got = {name: await program.events(f"parcels/{name}") for name in PARCELS}
    assert {name: lines(events) for name, events in got.items()} == {name: told for name, (_, told) in PARCELS.items()}
    for name, events in got.items():
        check_chain(events, key := f"parcels/{name}")
        await until(lambda key=key, events=events: len(hook.of(key)) >= len(events))
        assert [each.data for each in hook.of(key)] == [event["data"] for event in events]
    arrival = got["1"][6]
    assert arrival["time"] == "2026-11-21T10:03:00.000Z"
    assert arrival["data"]["occurred"] == {"at": "2026-11-21T10:03:00.000Z", "not_before": None, "not_after": None}
    update = got["1"][3]["data"]
    assert update["after"]["status"] == "confirmed"
    assert update["after"]["initiator"] == "app"
    assert update["after"]["at"] == "2026-11-21T10:01:00.000Z"
    unlogged = got["5"][1]["data"]["occurred"]
    assert unlogged["at"] is None
    assert unlogged["not_before"]
    order = await program.order("parcels/1")
    assert order["snapshot"]["number"] == "A-7"
    assert order["snapshot"]["person"] == {"id": "C-1", "name": "Anna Personal", "phone": "+79990001122"}
    assert [each["event"] for each in order["snapshot"]["history"]] == [
        "ORDER_CREATED", "STATUS_UPDATE", "ORDER_BECAME_NEXT", "ARRIVAL", "STATUS_UPDATE",
    ]  # fmt: skip
    assert [each["status"] for each in order["snapshot"]["status_log"]] == ["new", "confirmed", "finished"]
    assert {asked.headers["Authorization"] for asked in api.asked} == {"OAuth t0ken"}
    assert {asked.path for asked in api.by_order["1"]} == {"/api/v1/companies/5/orders/1"}


async def test_backlog_is_told_late_when_asked_for(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, kind="track_trace", name="parcels", events={"backlog": True}))
    await program.start()
    api.show("1", track("confirmed", CONFIRMED, [*CREATED, item("ARRIVAL", 200)]))
    await program.watch("parcels", "1")
    await api.seen("1")
    events = await program.events("parcels/1")
    told = lines(events)
    assert told[0] == "tracked confirmed/arrived"
    assert [each for each in told if each.startswith("history")] == [
        "history ORDER_CREATED late",
        "history ARRIVAL late",
    ]
    assert all(each.endswith(" late") for each in told[1:])
    assert not [each for each in told if each.startswith("phase")]
    check_chain(events[:1], "parcels/1")


def meal(status: str, at: float | None = None) -> Body:
    return restaurant(status, None if at is None else iso(at), "a comment")


async def test_meals(api: OrderApi, hook: Receiver, programs: Start) -> None:
    now = time.time() - 3600
    scenarios: dict[str, Scenario] = {
        "whole": (
            [meal("NEW", now), meal("COOKING", now + 60), meal("DELIVERED", now + 600)],
            [
                "tracked NEW/created",
                "status NEW>ACCEPTED_BY_RESTAURANT inferred",
                "phase created>accepted inferred",
                "status ACCEPTED_BY_RESTAURANT>COOKING",
                "phase accepted>preparing",
                "status COOKING>READY inferred",
                "phase preparing>ready inferred",
                "status READY>TAKEN_BY_COURIER inferred",
                "phase ready>in_progress inferred",
                "status TAKEN_BY_COURIER>DELIVERED",
                "phase in_progress>completed",
            ],
        ),
        "stale": (
            [meal("COOKING", now + 60), meal("NEW", now), meal("CANCELLED", now + 59.999), meal("READY", now + 61)],
            ["tracked COOKING/preparing", "status COOKING>READY", "phase preparing>ready"],
        ),
        "backwards": (
            [meal("READY"), meal("COOKING"), meal("CANCELLED")],
            [
                "tracked READY/ready",
                "status READY>COOKING",
                "phase ready>preparing",
                "violated illegal_transition=COOKING",
                "status COOKING>CANCELLED",
                "phase preparing>cancelled",
            ],
        ),
        "after-the-end": (
            [meal("DELIVERED"), meal("CANCELLED")],
            [
                "tracked DELIVERED/completed",
                "status DELIVERED>CANCELLED",
                "phase completed>cancelled",
                "violated illegal_transition=CANCELLED",
            ],
        ),
        "example": ([example("restaurant")], ["tracked NEW/created"]),
        "unknown": (
            [meal("COOKING"), meal("BURNT"), meal("READY")],
            [
                "tracked COOKING/preparing",
                "status COOKING>BURNT",
                "violated unknown_status=BURNT",
                "status BURNT>READY",
                "phase preparing>ready",
            ],
        ),
    }
    program = programs(config(api, hook, kind="restaurant", name="meals"))
    await program.start()

    async def play(name: str, shown: list[Shown]) -> None:
        api.show(name, shown[0])
        await program.watch("meals", name)
        await api.seen(name)
        await api.play(name, *shown[1:])

    await asyncio.gather(*(play(name, shown) for name, (shown, _) in scenarios.items()))
    got = {name: await program.events(f"meals/{name}") for name in scenarios}
    assert {name: lines(events) for name, events in got.items()} == {
        name: told for name, (_, told) in scenarios.items()
    }
    for name, events in got.items():
        check_chain(events, f"meals/{name}")
    cooking = got["whole"][3]
    assert cooking["time"][:19] == iso(now + 60)[:19]
    assert cooking["data"]["occurred"]["at"] == cooking["time"]
    inferred = got["whole"][1]["data"]["occurred"]
    assert inferred["at"] is None
    assert inferred["not_before"] < inferred["not_after"]
    example_order = await program.order("meals/example")
    assert example_order["snapshot"]["updated_at"] == "1937-01-01T11:40:27.870Z"
    assert example_order["snapshot"]["comment"] == "New order"
    assert {asked.headers["Authorization"] for asked in api.asked} == {"Bearer t0ken"}


async def test_any_json_api(api: OrderApi, programs: Start) -> None:
    program = programs(
        config(
            api,
            None,
            kind="json",
            name="shop",
            source={
                "url": "/v1/o/{order_id}?shop={shop}",
                "account": {"shop": "s1"},
                "headers": {"X-Extra": "yes"},
                "status": "state",
                "updated_at": "changed",
                "schedule": {"start": "slot.from", "end": "slot.to"},
                "cost": "price",
                "performer": {"name": "courier.name", "phone": "courier.phone", "vehicle": "courier.car"},
                "history": {"items": "steps", "event": "what", "at": "when"},
                "phases": {"placed": "created", "out": "in_progress", "done": "completed", "door": "arrived"},
            },
            events={"personal_data": True},
        )
    )
    await program.start()
    first: Body = {"state": "placed", "changed": "2026-11-21T10:00:00Z", "price": "10.50"}
    second: Body = {
        "state": "out",
        "changed": "2026-11-21T10:05:00Z",
        "price": 10.5,
        "courier": {"name": "Ann", "car": "Bike"},
        "slot": {"from": "2026-11-21T11:00:00Z"},
        "steps": [{"what": "packed", "when": "2026-11-21T10:04:00Z"}],
    }
    third: Body = second | {"state": "done", "changed": "2026-11-21T10:06:00Z"}
    api.show("o 1%", first)
    await program.watch("shop", "o 1%")
    await api.seen("o 1%")
    await api.play("o 1%", second, third)
    events = await program.events("shop/o%201%25")
    told = lines(events)
    assert told[0] == "tracked placed/created"
    assert "status placed>out" in told
    assert "phase created>in_progress" in told
    assert "history packed" in told
    assert told[-2:] == ["status out>done", "phase in_progress>completed"]
    assert "cost_changed" not in told  # the text 10.50 is the number 10.5
    assert {asked.path for asked in api.asked} == {"/v1/o/o%201%25?shop=s1"}
    assert {asked.headers["X-Extra"] for asked in api.asked} == {"yes"}
    assert {asked.headers["Authorization"] for asked in api.asked} == {"Bearer t0ken"}
