"""Watches over HTTP: put, listed, removed, and every refusal."""

import gzip
import io
from collections.abc import AsyncIterator

import msgspec
import pytest

from notifier.errors import InputError, LeaseLost, Problem, Unavailable
from tests.api.conftest import Client
from tests.api.desk import NOW, MemoryDesk

BODY = {"source": "trips", "ids": {"order_id": "7"}}
WATCH = {
    "key": "trips/885e",
    "source": "trips",
    "ids": {"order_id": "885e"},
    "recipients": [
        {"email": "anna@example.org", "phone": "+79120995513", "webhook": None, "locale": "ru", "timezone": None}
    ],
    "labels": {"team": "sales"},
    "created_at": "2026-11-21T10:59:00.000Z",
    "updated_at": "2026-11-21T10:59:30.000Z",
}


async def test_a_new_watch_is_created_and_again_found(client: Client, desk: MemoryDesk) -> None:
    first = await client.post("/v1/watches", BODY)
    assert first.status == 201
    assert (first.json["key"], first.json["created_at"]) == ("trips/7", "2026-11-21T11:00:00.000Z")
    kept = desk.view.orders["trips/7"]
    desk.view.orders["trips/7"] = kept._replace(watch=msgspec.structs.replace(kept.watch, created_at=NOW - 1_000))
    again = await client.post("/v1/watches", BODY)
    assert again.status == 200
    assert again.json["created_at"] == "2026-11-21T10:59:59.000Z"


async def test_big_integers_arrive_whole(client: Client, desk: MemoryDesk) -> None:
    big = 123456789012345678901234567890
    answer = await client.post("/v1/watches", b'{"source": "trips", "ids": {"order_id": %d}}' % big)
    assert answer.status == 201
    assert answer.json["key"] == f"trips/{big}"


async def test_watches_are_listed_and_shown(client: Client) -> None:
    listed = (await client.get("/v1/watches")).json
    assert [watch["key"] for watch in listed["items"]] == ["food/1", "trips/885e"]
    assert listed["items"][1] == WATCH
    assert (await client.get("/v1/watches?source=trips")).json == {"items": [WATCH], "next": None}
    assert (await client.get("/v1/watches/trips/885e")).json == WATCH
    assert (await client.get("/v1/watches/trips/7")).status == 404


async def test_a_removed_watch_is_gone_and_its_order_is_not(client: Client) -> None:
    removed = await client.ask("DELETE", "/v1/watches/trips/885e")
    assert (removed.status, removed.body) == (204, b"")
    assert (await client.ask("DELETE", "/v1/watches/trips/885e")).status == 404
    assert [watch["key"] for watch in (await client.get("/v1/watches")).json["items"]] == ["food/1"]
    assert (await client.get("/v1/orders/trips/885e")).json["retired"] == "removed"


@pytest.mark.parametrize("key", ["trips", "trips/1/2/3", "trips//1", "nothing/here"])
async def test_removing_what_is_no_watch(client: Client, key: str) -> None:
    assert (await client.ask("DELETE", f"/v1/watches/{key}")).status == 404


async def test_wrong_content_tells_where_and_what(client: Client, desk: MemoryDesk) -> None:
    desk.failure = InputError([Problem("recipients[0].email", "is not an address"), Problem("ids.x", "unknown")])
    answer = await client.post("/v1/watches", BODY)
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json == {
        "type": "about:blank",
        "title": "Unprocessable Entity",
        "status": 422,
        "detail": "The content is wrong; see errors.",
        "errors": [
            {"path": "recipients[0].email", "message": "is not an address"},
            {"path": "ids.x", "message": "unknown"},
        ],
    }


@pytest.mark.parametrize("failure", [Unavailable("disk full at /var/x"), LeaseLost("gone")])
async def test_what_cannot_be_kept_now_may_come_again(client: Client, desk: MemoryDesk, failure: Exception) -> None:
    desk.failure = failure
    for answer in (await client.post("/v1/watches", BODY), await client.ask("DELETE", "/v1/watches/trips/885e")):
        assert answer.status == 503
        assert int(answer.headers["Retry-After"]) >= 1
        assert "/var" not in answer.body.decode()
    desk.view.broken = True
    assert (await client.get("/v1/watches")).status == 503


@pytest.mark.parametrize(
    ("raw", "word"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"source=trips", "JSON"),
        (b"\xff\xfe{\x00}\x00", "JSON"),
        (b'{"source": "\xff"}', "JSON"),
        (b"\xef\xbb\xbf{}", "JSON"),
        (b'{"a": NaN}', "JSON"),
        (b'{"a": 1e999}', "JSON"),
        (b'{"a": "\\ud800"}', "JSON"),
        (b'{"a": "\x00"}', "JSON"),
        (b'{"source": "trips", "source": "food", "ids": {"order_id": "1"}}', "twice"),
        (b'{"a": {"b": 1, "b": 1}}', "twice"),
        (b"[" * 100_000, "JSON"),
        (b"[" * 1020 + b"]" * 1020, "deep"),
        (b"1" * 5000, "JSON"),
    ],
)
async def test_what_is_not_safe_json_is_refused(client: Client, desk: MemoryDesk, raw: bytes, word: str) -> None:
    answer = await client.post("/v1/watches", raw)
    assert answer.status == 400
    assert word in answer.json["detail"]
    assert desk.bodies == []


@pytest.mark.parametrize(
    "content_type", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonx", "application/xml"]
)
async def test_only_json_is_taken(client: Client, desk: MemoryDesk, content_type: str | None) -> None:
    headers = {} if content_type is None else {"Content-Type": content_type}
    skip = ["Content-Type"] if content_type is None else []
    answer = await client.ask(
        "POST", "/v1/watches", data=b'{"source": "trips"}', headers=headers, skip_auto_headers=skip
    )
    assert (answer.status, desk.bodies) == (415, [])


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
async def test_json_is_taken_with_parameters(client: Client, content_type: str) -> None:
    answer = await client.post("/v1/watches", BODY, headers={"Content-Type": content_type})
    assert answer.status == 201


async def test_a_compressed_body_is_not_unpacked(client: Client, desk: MemoryDesk) -> None:
    body = gzip.compress(b'{"source": "trips", "ids": {"order_id": "7"}}')
    answer = await client.post("/v1/watches", body, headers={"Content-Encoding": "gzip"})
    assert (answer.status, desk.bodies) == (415, [])


async def test_256_kib_is_the_most(client: Client) -> None:
    def body(size: int) -> bytes:
        text = b'{"source": "trips", "ids": {"order_id": "7"}, "pad": "%b"}'
        return text % (b"x" * (size - len(text) + 2))

    async def pieces(raw: bytes) -> AsyncIterator[bytes]:
        yield raw[:1000]
        yield raw[1000:]

    assert len(body(262144)) == 262144
    assert (await client.post("/v1/watches", body(262144))).status == 201
    for raw in (body(262145), body(1_000_000)):
        answer = await client.post("/v1/watches", raw)
        assert (answer.status, answer.json["status"]) == (413, 413)
    huge = await client.ask(
        "POST", "/v1/watches", data=io.BytesIO(body(20_000_000)), headers={"Content-Type": "application/json"}
    )
    assert huge.status == 413
    chunked = await client.ask(
        "POST", "/v1/watches", data=pieces(body(262145)), headers={"Content-Type": "application/json"}
    )
    assert chunked.status == 413
