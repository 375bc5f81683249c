"""Taxi orders: the true events, in order, whatever the polls could and could not see."""

import asyncio
from datetime import datetime

from aiohttp import web

from tests.outside.bodies import Body, business, driver, example, progress, taxi
from tests.outside.configs import config, source
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, Shown
from tests.outside.receiver import Receiver
from tests.outside.telling import check_chain, line, lines
from tests.outside.waiting import until

Scenario = tuple[list[Shown], list[str]]


def ride(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


def once(first: Body, then: Body) -> Shown:
    """`first` in one answer only, as a stale replica would."""
    bodies = iter([first])

    async def answer(_: web.Request) -> web.StreamResponse:
        return web.json_response(next(bodies, then))

    return answer


RIDES: dict[str, Scenario] = {
    "the-whole-way": (
        [ride(status) for status in ("scheduling", "scheduled", "driving", "waiting", "transporting", "complete")],
        [
            "tracked scheduling/created",
            "status scheduling>scheduled",
            "phase created>scheduled",
            "status scheduled>driving",
            "phase scheduled>assigned",
            "status driving>waiting",
            "phase assigned>arrived",
            "status waiting>transporting",
            "phase arrived>in_progress",
            "status transporting>complete",
            "phase in_progress>completed",
        ],
    ),
    "steps-between-search-and-transporting": (
        [ride("search"), ride("transporting")],
        [
            "tracked search/searching",
            "status search>driving inferred",
            "phase searching>assigned inferred",
            "status driving>waiting inferred",
            "phase assigned>arrived inferred",
            "status waiting>transporting",
            "phase arrived>in_progress",
        ],
    ),
    "steps-between-driving-and-complete": (
        [ride("driving"), ride("complete")],
        [
            "tracked driving/assigned",
            "status driving>waiting inferred",
            "phase assigned>arrived inferred",
            "status waiting>transporting inferred",
            "phase arrived>in_progress inferred",
            "status transporting>complete",
            "phase in_progress>completed",
        ],
    ),
    "only-steps-on-every-path": (  # by scheduled or by search: neither is certain
        [ride("scheduling"), ride("waiting")],
        [
            "tracked scheduling/created",
            "status scheduling>driving inferred",
            "phase created>assigned inferred",
            "status driving>waiting",
            "phase assigned>arrived",
        ],
    ),
    "finished-is-complete": (
        [ride("transporting"), ride("finished")],
        ["tracked transporting/in_progress", "status transporting>finished", "phase in_progress>completed"],
    ),
    "cancelled-infers-nothing": (
        [ride("search"), ride("cancelled")],
        ["tracked search/searching", "status search>cancelled", "phase searching>cancelled"],
    ),
    "failed-infers-nothing": (
        [ride("scheduled"), ride("failed")],
        ["tracked scheduled/scheduled", "status scheduled>failed", "phase scheduled>failed"],
    ),
    "expired-is-not-a-phase": (
        [ride("waiting"), ride("expired"), ride("waiting"), ride("transporting")],
        [
            "tracked waiting/arrived",
            "status waiting>expired",
            "status expired>waiting",
            "status waiting>transporting",
            "phase arrived>in_progress",
        ],
    ),
    "first-seen-expired": (
        [ride("expired"), ride("driving")],
        ["tracked expired/unknown", "status expired>driving", "phase unknown>assigned"],
    ),
    "an-undocumented-status-twice": (
        [ride("driving"), ride("teleporting"), ride("waiting"), ride("teleporting"), ride("waiting")],
        [
            "tracked driving/assigned",
            "status driving>teleporting",
            "violated unknown_status=teleporting",
            "status teleporting>waiting",
            "phase assigned>arrived",
            "status waiting>teleporting",
            "status teleporting>waiting",
        ],
    ),
    "first-seen-undocumented": (
        [ride("teleporting"), ride("driving")],
        [
            "tracked teleporting/unknown",
            "violated unknown_status=teleporting",
            "status teleporting>driving",
            "phase unknown>assigned",
        ],
    ),
    "an-illegal-step-seen-once": (
        [ride("waiting"), once(ride("driving"), ride("waiting")), ride("transporting")],
        ["tracked waiting/arrived", "status waiting>transporting", "phase arrived>in_progress"],
    ),
    "an-illegal-step-seen-twice": (
        [ride("transporting"), ride("driving"), ride("waiting")],
        [
            "tracked transporting/in_progress",
            "status transporting>driving",
            "phase in_progress>assigned",
            "violated illegal_transition=driving",
            "status driving>waiting",
            "phase assigned>arrived",
        ],
    ),
    "back-from-the-end": (
        [ride("complete"), ride("transporting")],
        [
            "tracked complete/completed",
            "status complete>transporting",
            "phase completed>in_progress",
            "violated illegal_transition=transporting",
        ],
    ),
    "the-driver-gives-up": (
        [ride("scheduled"), ride("search"), ride("driving"), ride("search"), ride("driving")],
        [
            "tracked scheduled/scheduled",
            "status scheduled>search",
            "phase scheduled>searching",
            "status search>driving",
            "phase searching>assigned",
            "status driving>search",
            "phase assigned>searching",
            "status search>driving",
            "phase searching>assigned",
        ],
    ),
    "another-driver": (
        [
            business("driving", performer=driver("One", "A1"), cancel_rules=None),
            business("driving", performer=driver("Two", "A1"), cancel_rules=None),
            business("driving", performer=driver("Two", "B2"), cancel_rules=None),
            business("driving", performer=None, cancel_rules=None),
            business("driving", performer=driver("Two", "B2"), cancel_rules=None),
        ],
        ["tracked driving/assigned", "performer_changed", "performer_changed"],
    ),
    "fields-in-their-order": (
        [
            business("search", cancel_rules={"can_cancel": True, "state": "free", "title": "a", "message": "b"}),
            business(
                "driving",
                due_date="2023-02-10T11:54:55+03:00",
                cost=1,
                cost_with_vat=2.5,
                cancel_rules={"can_cancel": True, "state": "paid", "title": "a", "message": "b"},
            ),
            business(  # the same instant, the same numbers, other words
                "driving",
                due_date="2023-02-10T08:54:55+0000",
                cost=1.0,
                cost_with_vat=2.50,
                cancel_rules={"can_cancel": True, "state": "paid", "title": "A", "message": "B"},
            ),
        ],
        [
            "tracked search/searching",
            "status search>driving",
            "phase searching>assigned",
            "performer_changed",
            "schedule_changed",
            "cost_changed",
            "cancel_rules_changed",
        ],
    ),
    "unreadable-answers-change-nothing": (
        [
            ride("driving"),
            "<html>502</html>",
            "",
            "{",
            "[]",
            "{}",
            '{"status": 7}',
            '{"status": null}',
            ride("waiting"),
        ],
        ["tracked driving/assigned", "status driving>waiting", "phase assigned>arrived"],
    ),
    "the-documents-examples": (
        [example("business_v2.active"), example("business_v2.completed")],
        [
            "tracked driving/assigned",
            "status driving>waiting inferred",
            "phase assigned>arrived inferred",
            "status waiting>transporting inferred",
            "phase arrived>in_progress inferred",
            "status transporting>complete",
            "phase in_progress>completed",
            "cost_changed",
        ],
    ),
}


async def test_rides(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook))
    await program.start()

    async def play(name: str, shown: list[Shown]) -> None:
        api.show(name, shown[0])
        await program.watch("trips", name)
        await api.seen(name)
        await api.play(name, *shown[1:])

    await asyncio.gather(*(play(name, shown) for name, (shown, _) in RIDES.items()))
    got = {name: await program.events(f"trips/{name}") for name in RIDES}
    assert {name: lines(events) for name, events in got.items()} == {name: told for name, (_, told) in RIDES.items()}
    for name, events in got.items():
        check_chain(events, f"trips/{name}")
        key = f"trips/{name}"
        await until(lambda key=key, events=events: len(hook.of(key)) >= len(events))
        assert [each.data for each in hook.of(key)] == [event["data"] for event in events]
    assert len({event["id"] for events in got.values() for event in events}) == sum(map(len, got.values()))


async def test_the_other_taxi_apis(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, hook, sources={"cars": source("progress", api), "rides": source("taxi_v1", api)})
    settings["events"] = {"location": {"least_distance": 100}, "personal_data": True}
    program = programs(settings)
    await program.start()
    api.show("p", progress("search"))
    api.show("t", taxi("search"))
    await program.watch("cars", "p")
    await program.watch("rides", "t", ids={"client_id": "other"})
    await asyncio.gather(api.seen("p"), api.seen("t"))
    await asyncio.gather(
        api.play(
            "p",
            progress("driving", 55.749884, 37.589688),
            progress("driving", 55.749885, 37.589688),
            progress("driving", 55.759884, 37.589688),
            progress("waiting"),
            example("progress"),
        ),
        api.play("t", taxi("driving"), taxi("waiting"), taxi("transporting"), example("taxi_v1")),
    )
    cars, rides = await program.events("cars/p"), await program.events("rides/other/t")
    assert lines(cars) == [
        "tracked search/searching",
        "status search>driving",
        "phase searching>assigned",
        "location_changed",
        "location_changed",
        "status driving>waiting",
        "phase assigned>arrived",
        "status waiting>transporting inferred",
        "phase arrived>in_progress inferred",
        "status transporting>finished",
        "phase in_progress>completed",
        "location_changed",
    ]
    assert cars[3]["data"]["after"] == {"lat": 55.749884, "lon": 37.589688}
    assert cars[3]["data"]["before"] is None
    assert cars[4]["data"]["before"] == {"lat": 55.749884, "lon": 37.589688}
    assert lines(rides) == [
        "tracked search/searching",
        "status search>driving",
        "phase searching>assigned",
        "performer_changed",
        "status driving>waiting",
        "phase assigned>arrived",
        "status waiting>transporting",
        "phase arrived>in_progress",
        "status transporting>finished",
        "phase in_progress>completed",
        "cost_changed",
    ]
    assert rides[3]["data"]["after"]["name"] == "Сергей"
    assert rides[-1]["data"]["after"] == {"amount": 540, "with_vat": 680}
    assert rides[-2]["data"]["occurred"] == {"at": "2016-03-24T21:47:17.000Z", "not_before": None, "not_after": None}
    check_chain(cars, "cars/p")
    check_chain(rides, "rides/other/t")
    assert {asked.headers["Authorization"] for asked in api.asked} == {"t0ken"}
    assert {asked.path for asked in api.by_order["t"]} == {"/api/1.0/client/other/order/t?show_cancel_text=true"}
    assert {asked.path for asked in api.by_order["p"]} == {"/api/1.0/client/a2d/order/p/progress"}
    for each in hook.accepted():
        if each.type == "status_changed" and each.data["before"] == {"status": "driving"}:
            assert line(each.type, each.data).startswith("status driving>waiting")


async def test_windows_are_the_looks_own_times(api: OrderApi, programs: Start) -> None:
    """`not_before` is the start of the last good look before, whatever failed between; `not_after` the answer."""
    program = programs(config(api, None, source={"poll": {"default": "150ms"}}))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    good = api.by_order["o"][-1].at  # the last one that was shown driving
    await api.play("o", "<html>", times=3)
    api.show("o", ride("waiting"))
    first = api.count("o")
    await api.seen("o")
    events = await program.events("trips/o")
    assert lines(events)[1:] == ["status driving>waiting", "phase assigned>arrived"]
    for event in events[1:]:
        occurred = event["data"]["occurred"]
        assert abs(instant(occurred["not_before"]) - good) < 0.1
        assert abs(instant(occurred["not_after"]) - api.by_order["o"][first].at) < 0.1
    assert events[0]["data"]["occurred"]["not_before"] is None
    order = await program.order("trips/o")
    assert order["phase"] == "arrived"
    assert order["phase_certain"] is True
    api.show("o", ride("expired"))
    await api.seen("o")
    order = await program.order("trips/o")
    assert (order["status"], order["phase"], order["phase_certain"]) == ("expired", "arrived", False)
    assert order["sequence"] == 4


def instant(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
