"""The API over the embedded backend's real view: paging, cursors from outside, and a stream that resumes."""

import asyncio
import base64
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import msgspec
import pytest

from notifier import codec
from notifier.api.server import start_api
from notifier.backends.base import Change, Lease
from notifier.backends.sqlite.backend import SqliteBackend
from notifier.clock import SystemClock
from notifier.model import Command
from tests.api.conftest import Client
from tests.api.desk import NOW, MemoryDesk, a_cloud_event, a_delivery, a_state, a_watch
from tests.api.test_stream import Reader, opened

KEYS = [f"trips/{number:02}" for number in range(7)]


async def furnish(backend: SqliteBackend, lease: Lease) -> None:
    for key in KEYS:
        await backend.submit(Command(kind="put", key=key, watch=a_watch(key), at=NOW))
    changes = [
        Change(
            key=key,
            state=codec.pack_state(a_state(key)),
            events=(a_cloud_event(1, key), a_cloud_event(2, key)),
            deliveries=(a_delivery(f"{key}-d", 1, key=key, event=a_cloud_event(1, key), created_at=NOW + number),),
        )
        for number, key in enumerate(KEYS)
    ]
    await lease.commit(changes)


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[SqliteBackend]:
    backend = SqliteBackend(tmp_path / "notifier.db", SystemClock())
    await backend.open()
    leases = backend.leases()
    await furnish(backend, await anext(leases))
    yield backend
    await backend.close(5)


@pytest.fixture
def desk(backend: SqliteBackend) -> MemoryDesk:
    desk = MemoryDesk()
    desk.view = backend.view  # type: ignore[assignment]  # the real one in place of the one in memory
    return desk


@pytest.mark.parametrize(
    ("path", "name", "found"),
    [
        ("/v1/orders", "key", KEYS),
        ("/v1/watches", "key", KEYS),
        ("/v1/deliveries", "key", KEYS[::-1]),
        ("/v1/orders/trips/03/events", "subject", ["trips/03"] * 2),
    ],
)
async def test_pages_follow_each_other(client: Client, path: str, name: str, found: list[str]) -> None:
    seen, query = [], ""
    while True:
        page = (await client.get(f"{path}?limit=2{query}")).json
        assert len(page["items"]) <= 2
        seen += [item[name] for item in page["items"]]
        if page["next"] is None:
            break
        query = f"&cursor={page['next']}"
    assert seen == found


def packed(*values: object) -> str:
    return base64.urlsafe_b64encode(msgspec.msgpack.encode(values)).decode().rstrip("=")


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/watches", "/v1/deliveries", "/v1/orders/trips/03/events"])
@pytest.mark.parametrize(
    "cursor", ["x", "%00", "%ff", "AAAA", "9" * 500, packed(), packed(1, 2, 3), packed(2**64 - 1, 2**64 - 1), "ключ"]
)
async def test_a_cursor_from_outside_is_refused(client: Client, path: str, cursor: str) -> None:
    answer = await client.get(f"{path}?cursor={cursor}")
    assert answer.status == 422
    assert [error["path"] for error in answer.json["errors"]] == ["cursor"]


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/watches", "/v1/deliveries"])
async def test_a_key_with_any_character_is_a_question(client: Client, path: str) -> None:
    for text in ("' OR 1=1", "%25", "*", "ключ", "a" * 3000):
        answer = await client.get(path, params={"key": text, "source": text})
        assert (answer.status, answer.json["items"]) == (200, [])


async def test_why_reads_events_and_deliveries(client: Client) -> None:
    why = (await client.get("/v1/orders/trips/05/why")).json
    assert [(it["sequence"], [d["id"] for d in it["deliveries"]]) for it in why["events"]] == [
        (1, ["trips/05-d"]),
        (2, []),
    ]


async def test_the_stream_resumes(client: Client) -> None:
    async with opened(client, "?since=2000-01-01T00:00:00Z") as answer:
        reader = Reader(answer)
        events = [await reader.event() for _ in range(14)]
    async with opened(client, **{"Last-Event-ID": events[4]["id"]}) as answer:
        reader = Reader(answer)
        assert [await reader.event() for _ in range(9)] == events[5:]


@pytest.mark.parametrize("cursor", ["x", "0-0", "ffff-1", "1-ffffffffffffffffffff"])
async def test_a_foreign_cursor_of_the_stream_is_gone(client: Client, cursor: str) -> None:
    async with opened(client, **{"Last-Event-ID": cursor}) as answer:
        assert answer.status == 410


async def test_a_stream_ends_with_the_storage(backend: SqliteBackend, desk: MemoryDesk) -> None:
    server = await start_api(desk, "127.0.0.1", 0)
    async with aiohttp.ClientSession() as session, opened(Client(session, server)) as answer:
        await Reader(answer).message()
        await backend.close(5)
        async with asyncio.timeout(5):
            assert await answer.content.read() == b""
    await server.close()
