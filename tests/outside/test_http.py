"""The HTTP door: every path, code and shape of INTERFACE, 'HTTP'."""

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import jsonschema
import pytest
from openapi_spec_validator import validate

from tests.outside.bodies import Body, business, completed, example
from tests.outside.configs import config, source
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.program import Answer, Program
from tests.outside.receiver import Receiver
from tests.outside.stream import Stream
from tests.outside.telling import lines
from tests.outside.waiting import until

METRICS = {
    "notifier_looks_total": {"source", "outcome"},
    "notifier_look_lag_seconds": set(),
    "notifier_detection_seconds": {"source"},
    "notifier_told_seconds": {"sink"},
    "notifier_orders": {"source", "phase"},
    "notifier_commit_seconds": set(),
    "notifier_deliveries_total": {"sink", "outcome", "reason"},
    "notifier_deliveries_pending": {"sink"},
    "notifier_oldest_pending_seconds": {"sink"},
    "notifier_endpoints_disabled": {"sink"},
    "notifier_breaker_open": {"kind", "name"},
    "notifier_budget_used_ratio": {"source"},
    "notifier_last_good_look_timestamp_seconds": {"source"},
    "notifier_shards_owned": set(),
    "notifier_build_info": None,
}


def ride(status: str, **more: Any) -> Body:
    return business(status, performer=None, cancel_rules=None, **more)


def problem(answer: Answer, status: int) -> Any:
    """A problem document of RFC 9457."""
    assert answer.status == status, answer
    assert answer.headers["Content-Type"].startswith("application/problem+json"), answer
    assert answer.json["status"] == status
    assert answer.json["title"]
    return answer.json


async def test_watches(api: OrderApi, programs: Start) -> None:
    settings = config(api, None)
    settings["sources"]["parcels"] = source("track_trace", api)
    program = programs(settings)
    await program.start()
    body = {
        "source": "trips",
        "ids": {"order_id": "885e"},
        "recipients": [
            {
                "email": "a@example.org",
                "phone": "+7 (912) 099-55-13",
                "webhook": "https://10.0.0.1/x",
                "timezone": "Asia/Omsk",
            }
        ],
        "labels": {"team": "sales"},
    }
    first = await program.ask("POST", "/v1/watches", body)
    assert first.status == 201
    watch = first.json
    assert {"key", "source", "ids", "recipients", "labels", "created_at", "updated_at"} <= set(watch)
    assert watch["key"] == "trips/885e"
    assert watch["labels"] == {"team": "sales"}
    assert watch["ids"]["order_id"] == "885e"
    (recipient,) = watch["recipients"]
    assert recipient == {
        "email": "a@example.org",
        "phone": "+79120995513",
        "webhook": "https://10.0.0.1/x",
        "locale": "en",
        "timezone": "Asia/Omsk",
    }
    datetime.fromisoformat(watch["created_at"])
    assert (await program.get("/v1/watches")).json == {"items": [watch], "next": None}  # who writes reads his own write
    assert (await program.get("/v1/orders/trips/885e")).status == 200
    again = await program.ask("POST", "/v1/watches", {"source": "trips", "ids": {"order_id": "885e"}})
    assert again.status == 200
    assert again.json["recipients"] == []
    assert again.json["labels"] == {}
    assert again.json["created_at"] == watch["created_at"]
    number = await program.ask("POST", "/v1/watches", {"source": "parcels", "ids": {"order_id": 42, "company_id": 7}})
    assert number.status == 201
    assert number.json["key"] == "parcels/7/42"
    assert number.json["ids"] == {"order_id": "42", "company_id": "7"}
    same = await program.ask("POST", "/v1/watches", {"source": "parcels", "ids": {"order_id": 42, "company_id": 5}})
    assert same.json["key"] == "parcels/42"  # its source's own account
    strange = "o é%2F?#&=+ ;:@"
    odd = await program.ask("POST", "/v1/watches", {"source": "trips", "ids": {"order_id": strange}})
    assert odd.status == 201
    assert odd.json["key"] == f"trips/{strange}"
    await until(lambda: api.count(strange))
    path = "trips/o%20%C3%A9%252F%3F%23%26%3D%2B%20%3B%3A%40"
    assert (await program.get(f"/v1/orders/{path}")).json["key"] == f"trips/{strange}"
    assert (await program.get(f"/v1/orders/{path}/events")).status == 200
    pages = [await program.items("/v1/watches", limit=limit) for limit in (1, 2, 1000)]
    assert pages[0] == pages[1] == pages[2]
    assert len(pages[0]) == 4
    gone = await program.ask("DELETE", f"/v1/watches/{path}")
    assert (gone.status, gone.body) == (204, b"")
    problem(await program.ask("DELETE", f"/v1/watches/{path}"), 404)
    assert len(await program.items("/v1/watches")) == 3


def to(**recipient: Any) -> Any:
    return {"source": "trips", "ids": {"order_id": "1"}, "recipients": [recipient]}


def ids(**ids: Any) -> Any:
    return {"source": "trips", "ids": ids}


WRONG: dict[str, tuple[Any, str]] = {
    "no source": ({"ids": {"order_id": "1"}}, "source"),
    "unknown source": ({"source": "nowhere", "ids": {"order_id": "1"}}, "source"),
    "no ids": ({"source": "trips"}, "ids"),
    "no order id": (ids(client_id="1"), "ids"),
    "unknown id": (ids(order_id="1", company_id="1"), "ids"),
    "empty id": (ids(order_id=""), "ids"),
    "long id": (ids(order_id="x" * 129), "ids"),
    "slash": (ids(order_id="a/b"), "ids"),
    "backslash": (ids(order_id="a\\b"), "ids"),
    "dots": (ids(order_id=".."), "ids"),
    "dot": (ids(order_id="."), "ids"),
    "control": (ids(order_id="a\nb"), "ids"),
    "control account": (ids(order_id="a", client_id="a\r\nX: y"), "ids"),
    "delete character": (ids(order_id="a\x7fb"), "ids"),
    "surrogate": ('{"source": "trips", "ids": {"order_id": "a\\ud800b"}}', ""),
    "boolean id": (ids(order_id=True), "ids"),
    "float id": (ids(order_id=1.5), "ids"),
    "null id": (ids(order_id=None), "ids"),
    "unknown key": (ids(order_id="1") | {"recipents": []}, "recipents"),
    "phone with pauses": (to(phone="+79120995513,,95576"), "recipients"),
    "phone without plus": (to(phone="89120995513"), "recipients"),
    "two addresses": (to(email="a@example.org,b@example.org"), "recipients"),
    "header in address": (to(email="a@example.org\r\nBcc: b@c.d"), "recipients"),
    "ftp": (to(webhook="ftp://example.org/"), "recipients"),
    "zone": (to(email="a@b.org", timezone="Mars"), "recipients"),
    "unknown recipient key": (to(fax="1"), "recipients"),
    "label number": (ids(order_id="1") | {"labels": {"a": 1}}, "labels"),
    "list": ([], ""),
    "text": ('"watch"', ""),
    "null": ("null", ""),
}


async def test_wrong_input_is_told_and_harms_nothing(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    for name, (body, path) in WRONG.items():
        raw = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        answer = await program.ask("POST", "/v1/watches", raw=raw)
        document = problem(answer, 400 if name == "surrogate" and answer.status == 400 else 422)
        if answer.status == 422:
            assert document["errors"], name
            assert "9120995513" not in answer.body.decode()
            assert "a@example.org" not in answer.body.decode()
            for error in document["errors"]:
                assert set(error) >= {"path", "message"}
                assert error["message"]
            assert any(path in error["path"] for error in document["errors"]), (name, document)
    several = problem(
        await program.ask("POST", "/v1/watches", {"source": "nowhere", "ids": {}, "labels": 7, "x": 1}), 422
    )
    assert len(several["errors"]) >= 3
    for raw in (b"{", b"", b"\xff\xfe", b"{'a': 1}", b"NaN", b"[" * 100_000):
        problem(await program.ask("POST", "/v1/watches", raw=raw), 400)
    big = json.dumps({"source": "trips", "ids": {"order_id": "1"}, "labels": {"a": "x" * 300_000}}).encode()
    problem(await program.ask("POST", "/v1/watches", raw=big), 413)
    text = await program.ask("POST", "/v1/watches", raw=b"source=trips", headers={"Content-Type": "text/plain"})
    problem(text, 415)
    for path, allowed in {
        "/v1/watches": {"GET", "POST"},
        "/v1/orders": {"GET"},
        "/v1/deliveries/retry": {"POST"},
        "/v1/events/stream": {"GET"},
        "/healthz": {"GET"},
    }.items():
        answer = await program.ask("PUT", path, {})
        problem(answer, 405)
        assert allowed <= {each.strip() for each in answer.headers["Allow"].split(",")}, path
    for path in (
        "/v1/orders/trips/none",
        "/v1/orders/trips",
        "/v1/orders/trips/none/events",
        "/v1/orders/trips/none/why",
        "/v1/orders/trips/..%2f..",
        "/v1/deliveries/none",
        "/v1/nothing",
        "/nothing",
        "/schemas/none",
    ):
        problem(await program.get(path), 404)
    for query in ("limit=0", "limit=1001", "limit=x", "limit=-1", "cursor=nonsense"):
        for path in ("/v1/watches", "/v1/orders", "/v1/deliveries"):
            answer = await program.get(f"{path}?{query}")
            assert answer.status in (400, 422), (path, query, answer.status)
            problem(answer, answer.status)
    for query in ("/v1/orders?phase=nowhere", "/v1/deliveries?state=lost", "/v1/deliveries?since=yesterday"):
        answer = await program.get(query)
        assert answer.status in (400, 422), query
    for body in ({}, {"sink": "hook"}, {"sink": "hook", "state": "pending"}, {"sink": "hook", "state": "dead", "x": 1}):
        problem(await program.ask("POST", "/v1/deliveries/retry", body), 422)
    assert (await program.get("/v1/watches")).json == {"items": [], "next": None}
    assert api.asked == []
    assert "Traceback" not in program.stderr.read_text()
    for private in ("9120995513", "a@example.org"):
        assert private not in program.stderr.read_text()
    await program.watch("trips", "fine")
    await api.seen("fine", 1)


async def test_tokens(api: OrderApi, programs: Start) -> None:
    settings = config(api, None, api={"host": "127.0.0.1", "token_file": "tokens"})
    program = programs(settings)
    (program.folder / "tokens").write_text("writes-all\nonly-reads read\n")
    await program.start()
    for header in ("", "Bearer wrong", "Basic d3JpdGVzLWFsbDo=", "Bearer", "Bearer writes-all x"):
        answer = await program.ask("GET", "/v1/watches", headers={"Authorization": header})
        problem(answer, 401)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    body = {"source": "trips", "ids": {"order_id": "o"}}
    problem(await program.ask("POST", "/v1/watches", body), 401)
    program.token = "only-reads"
    assert (await program.get("/v1/watches")).status == 200
    problem(await program.ask("POST", "/v1/watches", body), 403)
    problem(await program.ask("DELETE", "/v1/watches/trips/o"), 403)
    program.token = "writes-all"
    assert (await program.ask("POST", "/v1/watches", body)).status == 201
    stream = await Stream.open(program)
    assert stream.status == 401
    await stream.close()
    program.token = None
    for path in ("/healthz", "/readyz", "/metrics", "/openapi.json", "/"):
        assert (await program.get(path)).status == 200, path
    (program.folder / "tokens").write_text("another\n")

    async def rotated() -> bool:
        program.token = "another"
        return (await program.get("/v1/watches")).status == 200

    await until(rotated, within=6)
    program.token = "writes-all"
    problem(await program.get("/v1/watches"), 401)
    assert "writes-all" not in program.stderr.read_text()
    listed = await program.run("watch", "list", "--json")
    assert listed.code == 0, listed
    assert "trips/o" in listed.out


async def test_orders_events_and_why(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook))
    await program.start()
    order_id = "885e440dc70acc3bb6ce0cc5c67d7f2e"
    key = f"trips/{order_id}"
    empty = (await program.ask("POST", "/v1/watches", {"source": "trips", "ids": {"order_id": "404"}})).json["key"]
    api.show(order_id, example("business_v2.active"))
    await program.watch("trips", order_id, labels={"team": "sales"})
    await api.seen(order_id)
    order = await program.order(key)
    fields = {
        "key", "source", "id", "labels", "life", "sequence", "status", "phase", "phase_certain", "snapshot",
        "last_ok_at", "next_poll_at", "last_error", "as_of",
    }  # fmt: skip
    assert fields <= set(order)
    assert (order["key"], order["source"], order["id"], order["sequence"]) == (key, "trips", order_id, 1)
    assert order["labels"] == {"team": "sales"}
    snapshot = order["snapshot"]
    expected = {
        "status": "driving",
        "phase": "assigned",
        "updated_at": None,
        "performer": {
            "name": "Sazonov Stanimir Matveyevich",
            "phone": "+79120995513,,95576",
            "vehicle": {"model": "Nissan Qashqai", "plate": "B746YO777", "color": "green"},
        },
        "location": None,
        "route": [
            {"address": "Moscow, Zoologicheskaya St., 28 bld 1", "lat": 55.76631637044709, "lon": 37.58508433837886},
            {"address": "Moscow, Godovikova, 9 bld 1", "lat": 55.80713497241309, "lon": 37.62525310058589},
        ],
        "schedule": {"start": "2023-02-10T07:54:55.000Z", "end": None},
        "finished_at": None,
        "cost": None,
        "cancel_rules": {
            "can_cancel": True,
            "state": "free",
            "title": "Free cancellation",
            "message": "At the moment cancellation is free. After the driver arrives, it might not be.",
        },
        "history": [],
        "status_log": [],
        "person": {"id": "5769a1d0ed084122a5ff50d67941edc8", "name": None, "phone": None},
        "number": None,
        "class": "econom",
        "cost_centers": [{"id": "cost_center", "title": "Trip goal", "value": ""}],
        "created_by": None,
        "comments": [],
    }
    assert {name: snapshot[name] for name in expected} == expected
    unseen = await program.order(empty)
    assert fields <= set(unseen)
    assert (unseen["snapshot"], unseen["status"], unseen["phase"], unseen["sequence"]) == (None, None, "unknown", 0)
    await api.play(order_id, business("waiting"), completed())
    snapshot = (await program.order(key))["snapshot"]
    assert snapshot["performer"]["name"] == "Sazonov Stanimir Matveyevich"
    assert snapshot["finished_at"] == "2023-02-10T08:14:16.037Z"
    assert snapshot["cost"] == {"amount": 2188, "with_vat": 2625.6}
    events = await program.events(key)
    for limit in (1, 2, 3):
        assert await program.items(f"/v1/orders/{key}/events", limit=limit) == events
    completion = next(event for event in events if event["data"]["after"] == {"phase": "completed"})
    assert completion["data"]["occurred"]["at"] == "2023-02-10T08:14:16.037Z"
    schema = (await program.get(re.sub(r"^https?://[^/]+", "", events[0]["dataschema"]))).json
    for event in events:
        assert event["datacontenttype"] == "application/json"
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", event["id"])
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
        own = (await program.get(re.sub(r"^https?://[^/]+", "", event["dataschema"]))).json
        jsonschema.Draft202012Validator(own).validate(event["data"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.Draft202012Validator(schema).validate({"id": 7})
    only = await program.items("/v1/orders?phase=completed&source=trips")
    assert [each["key"] for each in only] == [key]
    assert await program.items("/v1/orders?source=nowhere") == []
    await until(lambda: len(hook.of(key)) == len(events))
    why = json.dumps(await program.why(key))
    for word in ("everything", "hook", "delivered", "accepted"):
        assert word in why, word
    listed = await program.items(f"/v1/deliveries?key={key}")
    assert len(listed) == len(events)
    one = listed[0]
    assert {
        "id",
        "state",
        "key",
        "event_id",
        "sequence",
        "type",
        "sink",
        "to",
        "attempts",
        "next_attempt_at",
        "reason",
    } <= set(one)
    assert {each["id"] for each in listed} == {each.id for each in hook.of(key)}
    assert {each["event_id"] for each in listed} == {event["id"] for event in events}
    assert await program.items(f"/v1/deliveries?key={key}&state=delivered&sink=hook", limit=2) == listed
    assert await program.items("/v1/deliveries?since=2100-01-01T00:00:00Z") == []


async def test_doors_without_a_token_and_documents(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook))
    await program.start()
    api.show("secret-order", business("driving"))
    await program.watch("trips", "secret-order", recipients=[{"email": "secret@example.org"}])
    await until(lambda: hook.received)
    assert (await program.get("/healthz")).status == 200
    assert (await program.get("/readyz")).status == 200
    metrics = (await program.get("/metrics")).body.decode()
    for name, labels in METRICS.items():
        assert f"# TYPE {name.removesuffix('_total')}" in metrics, name
        if labels is not None:
            pattern = rf"^{name}(?:_bucket|_count|_sum)?(?:\{{(.*?)\}})? [0-9.e+-]+$"
            found = re.findall(pattern, metrics, re.MULTILINE)
            for text in found:
                assert set(re.findall(r"(\w+)=\"", text)) - {"le"} == labels, (name, text)
            if name not in ("notifier_detection_seconds", "notifier_endpoints_disabled"):
                assert found, name
    assert "notifier_shards_owned 1.0" in metrics
    for secret in ("secret-order", "secret@example.org", "Sazonov", "t0ken"):
        assert secret not in metrics
        assert secret == "secret-order" or secret not in program.stderr.read_text()
    document = (await program.get("/openapi.json")).json
    validate(document)
    for path in ("/v1/watches", "/v1/orders", "/v1/deliveries", "/v1/events/stream", "/v1/deliveries/retry"):
        assert path in document["paths"]
    page = await program.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    assert b"</html>" in page.body.lower()


async def test_the_stream_goes_on_where_it_was(api: OrderApi, programs: Start) -> None:
    settings = config(api, None, retention="3s")
    program = programs(settings)
    await program.start()
    stream = await Stream.open(program)
    assert stream.status == 200
    assert stream.content_type.startswith("text/event-stream")
    api.show("o", ride("search"))
    api.show("p", ride("search"))
    await program.watch("trips", "o")
    await program.watch("trips", "p")
    await asyncio.gather(api.seen("o"), api.seen("p"))
    await api.play("o", ride("driving"))
    await until(lambda: len(stream.told) == 4)
    assert {each.event for each in stream.told} == {
        "notifier.order.tracked.v1", "notifier.order.status_changed.v1", "notifier.order.phase_changed.v1",
    }  # fmt: skip
    whole = [*await program.events("trips/o"), *await program.events("trips/p")]
    assert sorted(each.data["id"] for each in stream.told) == sorted(event["id"] for event in whole)
    last = stream.told[1].id
    rest = [each.data for each in stream.told[2:]]
    await program.kill()
    await stream.close()
    await program.start()
    again = await Stream.open(program, last=last)
    await api.play("p", ride("driving"))
    await until(lambda: len(again.told) == 4)
    assert [each.data for each in again.told[:2]] == rest
    assert lines([each.data for each in again.told[2:]]) == ["status search>driving", "phase searching>assigned"]
    await again.close()
    mine = await Stream.open(program, query="?key=trips/p&since=2020-01-01T00:00:00Z")
    await until(lambda: len(mine.told) == 3)
    assert {each.data["subject"] for each in mine.told} == {"trips/p"}
    await mine.close()
    none = await Stream.open(program, query="?source=other&since=2020-01-01T00:00:00Z")
    await program.remove("trips/o")

    async def gone() -> bool:
        return (await program.get("/v1/orders/trips/o")).status == 404

    await until(gone, within=15)
    assert none.told == []
    await none.close()
    old = await Stream.open(program, last=last)
    assert old.status == 410
    await old.close()
    nonsense = await Stream.open(program, last="nonsense")
    assert nonsense.status in (400, 410, 422)
    await nonsense.close()


async def test_many_clients_that_misbehave(api: OrderApi, programs: Start) -> None:
    """Half requests, garbage and streams nobody reads: the others are served, SIGTERM still ends it."""
    program = programs(config(api, None, shutdown_grace="3s"))
    await program.start()
    writers = []
    for garbage in (
        b"",
        b"GET /v1/wat",
        b"POST /v1/watches HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"\x16\x03\x01" * 9,
    ):
        _, writer = await asyncio.open_connection("127.0.0.1", program.port)
        writer.write(garbage)
        await writer.drain()
        writers.append(writer)
    streams = [await Stream.open(program) for _ in range(5)]
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await until(lambda: all(len(stream.told) == 1 for stream in streams))
    code, seconds = await program.stop()
    assert code == 0
    assert seconds < 3.5
    for stream in streams:
        await stream.close()
    for writer in writers:
        writer.close()


async def test_restarted_programs_answer_for_what_they_knew(api: OrderApi, programs: Start) -> None:
    program: Program = programs(config(api, None))
    await program.start()
    api.show("o", example("business_v2.active"))
    await program.watch("trips", "o")
    await api.seen("o")
    before = await program.order("trips/o")
    await program.kill()
    await api.stop()
    await program.start()
    after = await program.order("trips/o")
    assert after["snapshot"] == before["snapshot"]
    assert after["life"] == before["life"]
    assert after["sequence"] == before["sequence"]
