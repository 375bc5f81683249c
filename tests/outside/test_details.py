"""Single sentences of INTERFACE, each tried."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

from tests.outside.bodies import NOON, Body, business, driver, iso, item, log, restaurant, taxi, track
from tests.outside.configs import config, source, webhook
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, late
from tests.outside.program import command
from tests.outside.receiver import SECRET, Receiver, derived, signature
from tests.outside.telling import check_chain, lines
from tests.outside.waiting import until


def ride(status: str, **more: Any) -> Body:
    return business(status, **{"performer": None, "cancel_rules": None} | more)


async def test_what_is_asked_of_the_apis(api: OrderApi, programs: Start) -> None:
    settings = config(api, None)
    settings["sources"] = {
        "plain": source("business_v2", api, account={}, language="ru", auth_scheme="OAuth"),
        "silent": source("taxi_v1", api, show_cancel_text=False),
        "meals": source("restaurant", api, token=None, token_file="token"),
    }
    program = programs(settings)
    (program.folder / "token").write_text("  from-file \n")
    await program.start()
    api.show("b", ride("driving"))
    api.show("t", taxi("driving"))
    api.show("m", restaurant("NEW"))
    await program.watch("plain", "b")
    await program.watch("silent", "t")
    await program.watch("meals", "m")
    await asyncio.gather(*(api.seen(name, 1) for name in "btm"))
    (b, t, m) = (api.by_order[name][0] for name in "btm")
    assert b.path == "/integration/2.0/orders/info?order_id=b"
    assert b.headers["Accept-Language"] == "ru"
    assert b.headers["Authorization"] == "OAuth t0ken"
    assert "X-YaTaxi-Selected-Corp-Client-Id" not in b.headers
    assert t.path in ("/api/1.0/client/a2d/order/t", "/api/1.0/client/a2d/order/t?show_cancel_text=false")
    assert m.path == "/order/m/status"
    assert m.headers["Authorization"] == "Bearer from-file"
    override = await program.watch("plain", "b", ids={"client_id": "c1"})
    assert override["key"] == "plain/c1/b"
    await until(lambda: any(each.headers.get("X-YaTaxi-Selected-Corp-Client-Id") == "c1" for each in api.asked))


async def test_an_answer_that_was_under_way_when_the_order_was_removed_is_dropped(
    api: OrderApi, programs: Start
) -> None:
    program = programs(config(api, None))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    api.show("o", late(0.6, ride("waiting")))
    await api.seen("o", 2)
    assert await program.remove("trips/o") == 204
    await asyncio.sleep(0.9)
    assert lines(await program.events("trips/o"))[:1] == ["tracked driving/assigned"]
    order = await program.order("trips/o")
    count = order["sequence"]
    await asyncio.sleep(0.3)
    assert (await program.order("trips/o"))["sequence"] == count


async def test_personal_data_is_left_out_unless_wanted(api: OrderApi, programs: Start) -> None:
    async def performer(personal: bool) -> Any:
        settings = config(api, None, events={"personal_data": personal})
        program = programs(settings)
        await program.start()
        api.show("o", ride("driving", performer=driver("One", "A1", "Lada", "red")))
        await program.watch("trips", "o")
        await api.seen("o")
        await api.play("o", ride("driving", performer=driver("Two", "B2", "Lada", "red")))
        (event,) = (await program.events("trips/o"))[1:]
        await program.stop()
        return event["data"]["before"], event["data"]["after"]

    hidden = {"vehicle": {"model": "Lada", "color": "red"}}
    assert await performer(False) == (hidden, hidden)
    whole = {"phone": "+79120995513,,95576"}
    assert await performer(True) == (
        whole | {"name": "One", "vehicle": {"model": "Lada", "color": "red", "plate": "A1"}},
        whole | {"name": "Two", "vehicle": {"model": "Lada", "color": "red", "plate": "B2"}},
    )


async def test_rules_delay_once_and_one_delivery_for_each_address(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    settings = config(api, hook)
    for name in ("delayed", "once", "twice"):
        settings["sinks"][name] = webhook(hook, url=f"{hook.base}/{name}")
    settings["rules"] = [
        {"name": "d", "when": {"phase": "arrived"}, "delay": "700ms", "send": [{"sink": "delayed"}]},
        {"name": "o", "when": {"type": "status_changed"}, "send": [{"sink": "once", "once": "order"}]},
        {"name": "t1", "when": {"type": "tracked"}, "send": [{"sink": "twice"}, {"sink": "twice"}]},
        {"name": "t2", "when": {}, "send": [{"sink": "twice"}]},
    ]
    program = programs(settings)
    await program.start()
    for name in ("stays", "leaves"):
        api.show(name, ride("driving"))
        await program.watch("trips", name)
    await asyncio.gather(api.seen("stays"), api.seen("leaves"))
    api.show("stays", ride("waiting"))
    await api.play("leaves", ride("waiting"), ride("transporting"))
    await until(lambda: hook.accepted("/delayed"))
    await until(lambda: len(hook.accepted("/twice")) == 8)
    assert [each.key for each in hook.accepted("/delayed")] == ["trips/stays"]
    arrival = hook.accepted("/delayed")[0]
    assert arrival.at - time.mktime(time.gmtime()) < 1  # sent, not merely planned
    assert sorted(each.key for each in hook.accepted("/once")) == ["trips/leaves", "trips/stays"]
    twice = [(each.key, each.data["sequence"]) for each in hook.received if each.path == "/twice"]
    assert len(twice) == len(set(twice)) == 8


async def test_expires_counts_from_the_time_of_the_event(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, hook, kind="restaurant", name="meals")
    settings["rules"] = [
        {"name": "e", "when": {"type": "status_changed"}, "send": [{"sink": "hook", "expires": "10m"}]}
    ]
    program = programs(settings)
    await program.start()
    hour_ago = time.time() - 3600
    api.show("m", restaurant("NEW", iso(hour_ago)))
    await program.watch("meals", "m")
    await api.seen("m")
    await api.play("m", restaurant("ACCEPTED_BY_RESTAURANT", iso(hour_ago + 5)))
    (delivery,) = await program.items("/v1/deliveries")
    assert delivery["state"] == "expired"
    assert delivery["attempts"] == []
    await api.play("m", restaurant("COOKING", iso(time.time())))
    await until(lambda: hook.accepted())
    assert [each.data["after"] for each in hook.received] == [{"status": "COOKING"}]


async def test_a_secret_file_of_a_sink_is_read_again(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, hook, sink={"secret": None, "secret_file": "secret"})
    program = programs(settings)
    file = program.folder / "secret"
    file.write_text(SECRET + "\n")
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await until(lambda: hook.received)
    other = derived(SECRET, "anything")
    file.write_text(f"{other}\n{SECRET}\n")
    await asyncio.sleep(0.1)
    await api.play("o", ride("waiting"))
    await until(lambda: len(hook.received) == 3)
    last = hook.received[-1]
    assert last.signatures == [signature(key, last.id, last.timestamp, last.body) for key in (other, SECRET)]
    file.write_text("")  # a rotation in two steps: the former ones stay until there are new ones
    await api.play("o", ride("transporting"))
    await until(lambda: len(hook.accepted()) == 5)


async def test_schedules_of_parcels(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, kind="track_trace", name="parcels"))
    await program.start()
    shown: dict[str, Body] = {
        "1": {"time_interval": "10:00-12:00"},
        "2": {"time_interval": "2018-09-06T10:15:00+03:00/2018-09-06T12:45:00+03:00"},
        "3": {
            "time_interval": "2018-09-06T10:15:00+03:00/2018-09-06T12:45:00+03:00",
            "time_window": {
                "start": "Wed Mar 06 2019 17:15:00 GMT+0300 (Moscow Standard Time)",
                "end": "2019-03-06T14:16:30.000Z",
            },
        },
    }
    for name, more in shown.items():
        api.show(name, track("new", [log("new", 0)], [item("ORDER_CREATED", 0)], **more))
        await program.watch("parcels", name)
    await asyncio.gather(*(api.seen(name) for name in shown))
    schedules = [(await program.order(f"parcels/{name}"))["snapshot"]["schedule"] for name in shown]
    assert schedules == [
        None,
        {"start": "2018-09-06T07:15:00.000Z", "end": "2018-09-06T09:45:00.000Z"},
        {"start": "2019-03-06T14:15:00.000Z", "end": "2019-03-06T14:16:30.000Z"},
    ]


async def test_giving_up_is_told_by_why(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"give_up_after": "500ms"}))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")

    async def given_up() -> bool:
        return "given_up" in json.dumps(await program.why("trips/o"))

    await until(given_up)
    assert (await program.order("trips/o"))["next_poll_at"] is None
    count = api.count("o")
    await asyncio.sleep(0.3)
    assert api.count("o") == count
    assert lines(await program.events("trips/o")) == ["tracked driving/assigned"]


async def test_very_long_histories(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """A thousand entries found in one look are a thousand events, in order, each told once."""
    program = programs(config(api, hook, kind="track_trace", name="parcels"))
    await program.start()
    created = [item("ORDER_CREATED", 0)]
    visits = [item(("START", "DEPARTURE")[number % 2], 10 + number) for number in range(1000)]
    api.show("1", track("new", [log("new", 0)], created))
    await program.watch("parcels", "1")
    await api.seen("1")
    await api.play("1", track("new", [log("new", 0)], [*reversed(visits), *created]))
    events = await program.events("parcels/1")
    assert len(events) == 1001
    check_chain(events, "parcels/1")
    assert [event["data"]["occurred"]["at"] for event in events[1:]] == [stamp(10 + number) for number in range(1000)]
    await until(lambda: len(hook.accepted()) == 1001, lambda: len(hook.accepted()), within=60)
    assert [each.data["sequence"] for each in hook.accepted()] == list(range(1, 1002))


def stamp(at: float) -> str:
    return iso(NOON + at)[:19] + ".000Z"


async def test_strange_values_harm_only_their_own_look(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    strange: dict[str, str] = {
        "nan": '{"status": "waiting", "cost": NaN}',
        "infinite": '{"status": "waiting", "cost": 1e999}',
        "surrogate": '{"status": "waiting", "performer": {"fullname": "\\ud800"}}',
        "zero": '{"status": "wait\\u0000ing"}',
        "long": json.dumps({"status": "x" * 200_000}),
        "big-number": '{"status": "waiting", "cost": ' + "9" * 400 + "}",
        "year": '{"status": "waiting", "due_date": "99999-01-01T00:00:00Z"}',
        "no-date": '{"status": "waiting", "due_date": "tomorrow"}',
        "points": '{"status": "waiting", "source": {"geopoint": ["a", "b"]}}',
        "far-points": '{"status": "waiting", "source": {"geopoint": [999, -999]}}',
        "lists": '{"status": "waiting", "performer": [], "cancel_rules": 7, "cost_center_values": {}}',
        "twice": '{"status": "driving", "status": "waiting"}',
    }
    for name, body in strange.items():
        api.show(name, ride("driving"))
        await program.watch("trips", name)
        await api.seen(name, 2)
        api.show(name, body)
    await asyncio.gather(*(api.seen(name) for name in strange))
    for name in strange:
        api.show(name, ride("transporting"))
    await asyncio.gather(*(api.seen(name, 6) for name in strange))
    for name in strange:
        events = await program.events(f"trips/{name}")
        check_chain(events, f"trips/{name}")
        assert lines(events)[-2:] == ["status waiting>transporting", "phase arrived>in_progress"] or name in (
            "zero",
            "long",
        ), (name, lines(events))
        assert (await program.order(f"trips/{name}"))["phase"] == "in_progress"
        assert (await program.get(f"/v1/orders/trips/{name}/why")).status == 200
    assert (await program.get("/readyz")).status == 200
    assert "look_broken" not in program.stderr.read_text(), program.log()


async def test_logs_are_quiet(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """An unchanged look writes no line; an error that repeats its first line alone for a minute; JSON on stderr."""
    program = programs(config(api, hook))
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    before = len(program.stderr.read_text().splitlines())
    await api.seen("o", 20)
    assert len(program.stderr.read_text().splitlines()) == before
    api.show("o", "<html>")
    await api.seen("o", 12)
    after = program.stderr.read_text().splitlines()
    assert len(after) <= before + 2
    for each in after:
        assert json.loads(each)["event"]


async def test_stale_and_doubtful_answers_are_counted(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, kind="restaurant", name="meals"))
    await program.start()
    now = time.time()
    api.show("m", restaurant("COOKING", iso(now)))
    await program.watch("meals", "m")
    await api.seen("m")
    await api.play("m", restaurant("NEW", iso(now - 60)))
    metrics = (await program.get("/metrics")).body.decode()
    assert 'notifier_looks_total{outcome="stale",source="meals"}' in metrics
    assert "stale" in json.dumps(await program.why("meals/m"))


async def test_the_schema_of_the_configuration_is_the_one_in_the_repository() -> None:
    printed = await command("schema", "config")
    assert printed.json == json.loads((Path(__file__).parents[2] / "config" / "schema.json").read_text())


async def test_the_next_look_is_shown_also_while_one_is_under_way(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    api.show("o", late(1.0, ride("driving")))
    await program.watch("trips", "o")
    await api.seen("o", 1)
    assert (await program.order("trips/o"))["next_poll_at"] is not None


async def test_paths_take_either_form_of_a_key(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    await program.watch("trips", "o")
    await program.watch("trips", "o", ids={"client_id": "other"})
    assert (await program.order("trips/o"))["key"] == "trips/o"
    assert (await program.order("trips/other/o"))["key"] == "trips/other/o"
    assert await program.remove("trips/other/o") == 204
    assert [watch["key"] for watch in await program.items("/v1/watches")] == ["trips/o"]
    # The source's own account may be named, too.
    assert (await program.order("trips/a2d/o"))["key"] == "trips/o"
    assert (await program.why("trips/a2d/o"))["key"] == "trips/o"
    assert (await program.get("/v1/orders/trips/a2d/o/events")).status == 200
    assert (await program.get("/v1/watches/trips/a2d/o")).json["key"] == "trips/o"
    assert (await program.get("/v1/orders/trips/third/o")).status == 404
    assert await program.remove("trips/other/o") == 404  # removed, and still its own key
    assert await program.remove("trips/a2d/o") == 204
    assert await program.remove("trips/a2d/o") == 404
    assert await program.items("/v1/watches") == []
