"""Orders that vanish, fall silent, are removed, come again; watches of the file."""

import asyncio
from typing import Any

from tests.outside.bodies import Body, business, driver
from tests.outside.configs import EVERYTHING, config, source
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, failing
from tests.outside.receiver import Receiver
from tests.outside.telling import check_chain, line, lines
from tests.outside.waiting import until


def ride(status: str, **more: Any) -> Body:
    return business(status, performer=None, cancel_rules=None, **more)


async def test_lost_once_and_back(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook, source={"lost": {"looks": 3, "after": "300ms"}}))
    await program.start()
    api.show("seen", ride("driving"))
    await program.watch("trips", "seen")
    await program.watch("trips", "never")
    await api.seen("seen")
    api.hide("seen")
    await until(lambda: lost(program, "seen"))
    await until(lambda: lost(program, "never"))
    await asyncio.gather(api.seen("seen", 6), api.seen("never", 6))
    api.show("seen", ride("waiting"))
    api.show("never", ride("waiting"))
    await asyncio.gather(api.seen("seen"), api.seen("never"))
    seen, never = await program.events("trips/seen"), await program.events("trips/never")
    assert lines(seen) == ["tracked driving/assigned", "lost", "status driving>waiting", "phase assigned>arrived"]
    assert lines(never) == ["lost", "tracked waiting/arrived"]
    assert (seen[1]["data"]["before"], seen[1]["data"]["after"]) == (None, None)
    assert seen[1]["data"]["status"] == "driving"
    assert never[0]["data"]["sequence"] == 1
    assert never[0]["data"]["status"] is None
    assert never[0]["data"]["phase"] == "unknown"
    check_chain(seen, "trips/seen")


async def lost(program: Any, name: str) -> bool:
    return "lost" in lines(await program.events(f"trips/{name}"))


async def test_other_failures_neither_count_nor_reset_what_is_missing(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"lost": {"looks": 3, "after": "0s"}}))
    await program.start()
    answers = ["404", "404", "500", "html", "500", "404"]
    served: list[str] = []

    async def answer(request: Any) -> Any:
        served.append(answers[len(served)] if len(served) < len(answers) else "500")
        if served[-1] == "404":
            return await failing(404, body={"code": "NOT_FOUND"})(request)
        return await failing(500 if served[-1] == "500" else 200, body="<html>no</html>")(request)

    api.show("o", answer)
    await program.watch("trips", "o")
    await until(lambda: lost(program, "o"))
    assert served[:6] == answers


async def test_stalled_once_until_the_next_good_look(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"stalled_after": "400ms"}))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")

    async def stalled(times: int) -> bool:
        return lines(await program.events("trips/o")).count("stalled") == times

    api.show("o", failing(500))
    await until(lambda: stalled(1))
    await api.seen("o", 12)
    assert await stalled(1)
    await api.play("o", ride("driving"), times=3)
    api.show("o", "<html>")
    await until(lambda: stalled(2))
    await api.play("o", ride("waiting"))
    events = await program.events("trips/o")
    assert lines(events) == [
        "tracked driving/assigned",
        "stalled",
        "stalled",
        "status driving>waiting",
        "phase assigned>arrived",
    ]
    check_chain(events, "trips/o")


async def test_removing_stops_and_adding_again_goes_on(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o", labels={"a": "1"})
    await api.seen("o")
    life = (await program.order("trips/o"))["life"]
    assert await program.remove("trips/o") == 204
    assert await program.remove("trips/o") == 404
    count = api.count("o")
    await asyncio.sleep(0.4)
    assert api.count("o") <= count + 1  # one may have been on its way
    order = await program.order("trips/o")
    assert order["status"] == "driving"
    api.show("o", ride("waiting"))
    again = await program.ask("POST", "/v1/watches", {"source": "trips", "ids": {"order_id": "o"}})
    assert again.status == 201
    assert again.json["labels"] == {}
    await api.seen("o")
    events = await program.events("trips/o")
    assert lines(events) == ["tracked driving/assigned", "tracked waiting/arrived"]
    assert {event["data"]["order"]["life"] for event in events} == {life}
    assert [event["data"]["sequence"] for event in events] == [1, 2]
    await program.kill()
    await program.start()
    await api.play("o", ride("transporting"))
    events = await program.events("trips/o")
    assert lines(events)[2:] == ["status waiting>transporting", "phase arrived>in_progress"]
    check_chain(events, "trips/o")


async def test_a_retired_order_goes_on_without_tracked(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"retire_after": "500ms"}))
    await program.start()
    api.show("o", ride("complete"))
    await program.watch("trips", "o")
    await until(lambda: retired(program))
    count = api.count("o")
    await asyncio.sleep(0.3)
    assert api.count("o") == count
    await program.kill()
    await program.start()
    await asyncio.sleep(0.3)
    assert api.count("o") == count
    api.show("o", ride("complete", cost=7, cost_with_vat=8))
    answer = await program.ask("POST", "/v1/watches", {"source": "trips", "ids": {"order_id": "o"}})
    assert answer.status == 200
    await until(lambda: api.count("o") >= count + 3)
    assert lines(await program.events("trips/o")) == ["tracked complete/completed", "cost_changed"]


async def retired(program: Any) -> bool:
    order = await program.order("trips/o")
    return order["status"] == "complete" and order["next_poll_at"] is None


async def test_a_new_life_after_retention(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, retention="1s"))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    life = (await program.order("trips/o"))["life"]
    await program.remove("trips/o")

    async def gone() -> bool:
        return (await program.get("/v1/orders/trips/o")).status == 404

    await until(gone, within=10)
    await program.watch("trips", "o")
    await api.seen("o")
    events = await program.events("trips/o")
    assert lines(events) == ["tracked driving/assigned"]
    assert events[0]["data"]["order"]["life"] > life


async def test_watches_of_the_file_are_put_in_once_for_each_content(api: OrderApi, programs: Start) -> None:
    body = {"source": "trips", "ids": {"order_id": "o"}, "labels": {"v": "1"}}
    settings = config(api, None, watches=[body])
    program = programs(settings)
    api.show("o", ride("driving"))
    await program.start()
    await api.seen("o")
    await program.remove("trips/o")
    await program.stop()
    await program.start()
    count = api.count("o")
    await asyncio.sleep(0.4)
    assert api.count("o") == count
    assert (await program.get("/v1/watches")).json["items"] == []
    await program.stop()
    program.write(settings | {"watches": [body | {"labels": {"v": "2"}}]})
    await program.start()
    await api.seen("o")
    watches = (await program.get("/v1/watches")).json["items"]
    assert [watch["labels"] for watch in watches] == [{"v": "2"}]
    await program.watch("trips", "o", labels={"v": "3"})
    await program.kill()
    program.write(settings | {"watches": []})
    await program.start()
    await api.seen("o")
    watches = (await program.get("/v1/watches")).json["items"]
    assert [watch["labels"] for watch in watches] == [{"v": "3"}]
    await program.kill()
    program.write(settings | {"watches": [body]})  # its content was put in long ago
    await program.start()
    await api.seen("o")
    watches = (await program.get("/v1/watches")).json["items"]
    assert [watch["labels"] for watch in watches] == [{"v": "3"}]


async def test_a_kept_watch_whose_source_is_gone_stays_unpolled(api: OrderApi, programs: Start) -> None:
    settings = config(api, None)
    program = programs(settings)
    api.show("o", ride("driving"))
    await program.start()
    await program.watch("trips", "o")
    await api.seen("o")
    await program.stop()
    program.write(settings | {"sources": {"other": source("business_v2", api)}})
    await program.start()
    count = api.count("o")
    order = await program.order("trips/o")
    assert order["last_error"] == "unknown_source"
    assert order["status"] == "driving"
    assert [watch["key"] for watch in (await program.get("/v1/watches")).json["items"]] == ["trips/o"]
    await asyncio.sleep(0.3)
    assert api.count("o") == count
    await program.stop()
    program.write(settings)
    await program.start()
    await api.play("o", ride("waiting"))
    events = await program.events("trips/o")
    assert lines(events) == ["tracked driving/assigned", "status driving>waiting", "phase assigned>arrived"]
    assert (await program.order("trips/o"))["last_error"] is None


ARRIVED = {
    "name": "driver-arrived",
    "when": {"type": ["phase_changed", "tracked"], "phase": "arrived"},
    "send": [{"sink": "hook", "once": "performer"}],
}
ONE, TWO = driver("One", "A1"), driver("Two", "B2")


def taxi(status: str, performer: Body | None) -> Body:
    return business(status, performer=performer, cancel_rules=None)


async def test_the_driver_has_arrived_is_told_once_for_each_driver(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    program = programs(config(api, hook) | {"rules": [ARRIVED]})
    await program.start()

    async def same() -> None:
        api.show("same", taxi("driving", ONE))
        await program.watch("trips", "same")
        await api.seen("same")
        await api.play("same", taxi("waiting", ONE), taxi("search", None), taxi("driving", ONE), taxi("waiting", ONE))

    async def other() -> None:
        api.show("other", taxi("waiting", ONE))
        await program.watch("trips", "other")
        await api.seen("other")
        await api.play("other", taxi("search", None), taxi("driving", TWO), taxi("waiting", TWO))

    await asyncio.gather(same(), other())
    await until(lambda: len(hook.of("trips/other")) == 2, lambda: [each.payload for each in hook.received])
    await program.kill()
    await program.start()
    await asyncio.gather(
        api.play("same", taxi("search", None), taxi("driving", ONE), taxi("waiting", ONE)),
        api.play("other", taxi("search", None), taxi("driving", driver("Three", "C3"))),
    )
    await program.kill()
    await program.start()
    await api.play("other", taxi("waiting", driver("Three", "C3")))
    await until(lambda: len(hook.of("trips/other")) == 3)
    assert [each.type for each in hook.of("trips/other")] == ["tracked", "phase_changed", "phase_changed"]
    assert [each.type for each in hook.of("trips/same")] == ["phase_changed"]
    assert lines(await program.events("trips/same")).count("phase assigned>arrived") == 3
    skipped = [each for each in await program.items("/v1/deliveries?state=skipped") if each["key"] == "trips/same"]
    assert len(skipped) == 2
    assert all(each["reason"] for each in skipped)


async def test_rules_match_as_they_are_written(api: OrderApi, hook: Receiver, programs: Start) -> None:
    paths = {
        "phase": {"phase": "arrived"},
        "status": {"status": ["waiting", "complete"]},
        "labels": {"type": "tracked", "labels": {"team": ["sales", "it"]}},
        "others-labels": {"type": "tracked", "labels": {"team": "it"}},
        "source": {"source": "elsewhere"},
        "inferred": {"inferred": True},
        "typed-phase": {"type": "status_changed", "phase": "in_progress"},
        "all": {},
    }
    settings = config(api, hook)
    settings["sources"]["elsewhere"] = source("business_v2", api)
    settings["sinks"] = {name: settings["sinks"]["hook"] | {"url": f"{hook.base}/{name}"} for name in paths}
    settings["rules"] = [
        EVERYTHING | {"name": name, "when": when, "send": [{"sink": name}]} for name, when in paths.items()
    ]
    program = programs(settings)
    await program.start()
    api.show("o", ride("search"))
    await program.watch("trips", "o", labels={"team": "sales"})
    await api.seen("o")
    await api.play("o", ride("transporting"), ride("complete"))
    await until(lambda: len(hook.accepted("/all")) == 9)

    def told(name: str) -> list[str]:
        return [line(each.type, each.data) for each in hook.accepted("/" + name)]

    await until(lambda: len(told("status")) == 2)
    assert told("phase") == ["phase assigned>arrived inferred"]
    assert told("status") == ["status driving>waiting inferred", "status transporting>complete"]
    assert told("labels") == ["tracked search/searching"]
    assert told("others-labels") == []
    assert told("source") == []
    assert len(told("inferred")) == 4
    assert told("typed-phase") == ["status waiting>transporting"]
    why = await program.why("trips/o")
    assert why
