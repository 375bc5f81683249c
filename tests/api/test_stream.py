"""The stream: what it says, where it resumes, how it ends."""

import asyncio
from typing import Any

import aiohttp
import orjson
import pytest

from notifier.api import stream
from notifier.api.server import ApiServer, start_api
from notifier.envelope import structured
from notifier.model import EventType
from tests.api.conftest import Client
from tests.api.desk import MemoryDesk, a_cloud_event

STREAM = "/v1/events/stream"


class Reader:
    """Server-sent events as a browser reads them."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def message(self) -> dict[str, str]:
        """The next block: its fields; comments under the empty name."""
        fields: dict[str, str] = {}
        while line := (await self.answer.content.readline()).decode().removesuffix("\n"):
            name, _, value = line.partition(":")
            fields[name] = value.removeprefix(" ")
        return fields

    async def event(self) -> dict[str, str]:
        while "data" not in (message := await self.message()):
            assert not self.answer.content.at_eof()
        return message


def opened(client: Client, query: str = "", **headers: str) -> Any:
    return client.session.get(f"{client.base}{STREAM}{query}", headers=headers)


async def test_events_come_as_they_happen(client: Client, desk: MemoryDesk) -> None:
    async with opened(client) as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"] == "text/event-stream"
        reader = Reader(answer)
        assert "" in await reader.message()  # a comment at once: the way is open
        event = a_cloud_event(3)
        await desk.view.publish(event)
        assert await reader.event() == {
            "event": "notifier.order.status_changed.v1",
            "id": "4",
            "data": structured(event).decode(),
        }


async def test_silence_is_filled_with_comments(client: Client) -> None:
    async with opened(client) as answer:
        reader = Reader(answer)
        await reader.message()
        assert [await reader.message() for _ in range(3)] == [{"": ""}] * 3


async def test_comments_come_although_events_pass_that_are_not_wanted(client: Client, desk: MemoryDesk) -> None:
    async with opened(client, "?key=trips/none") as answer:
        reader = Reader(answer)
        await reader.message()

        async def busy() -> None:
            while True:
                await desk.view.publish(a_cloud_event(9))
                await asyncio.sleep(0.001)

        task = asyncio.create_task(busy())
        try:
            assert await reader.message() == {"": ""}
        finally:
            task.cancel()


async def test_it_resumes_behind_the_last_event(client: Client) -> None:
    async with opened(client, "?since=2026-11-21T00:00:00Z") as answer:
        first = await Reader(answer).event()
    async with opened(client, **{"Last-Event-ID": first["id"]}) as answer:
        following = await Reader(answer).event()
    assert orjson.loads(first["data"])["data"]["sequence"] == 1
    assert orjson.loads(following["data"])["data"]["sequence"] == 2


@pytest.mark.parametrize("cursor", ["0", "garbage", "-1"])
async def test_a_cursor_no_longer_kept_is_gone(client: Client, desk: MemoryDesk, cursor: str) -> None:
    desk.view.horizon = 1
    async with opened(client, **{"Last-Event-ID": cursor}) as answer:
        assert answer.status == 410
        assert (await answer.json(content_type="application/problem+json"))["status"] == 410


@pytest.mark.parametrize(
    ("query", "subjects"),
    [("&source=food", ["food/1"]), ("&key=trips/885e", ["trips/885e", "trips/885e"]), ("&source=foo", [])],
)
async def test_source_and_key_choose(client: Client, desk: MemoryDesk, query: str, subjects: list[str]) -> None:
    marker = a_cloud_event(1, "mark/1", EventType.LOST)
    async with opened(client, f"?since=2026-11-21T00:00:00Z{query}") as answer:
        reader = Reader(answer)
        seen = [orjson.loads((await reader.event())["data"])["subject"] for _ in subjects]
        assert seen == subjects
        await desk.view.publish(marker)
        await reader.message()
        assert await reader.message() == {"": ""}


async def test_a_wrong_time_is_refused(client: Client) -> None:
    async with opened(client, "?since=yesterday") as answer:
        assert answer.status == 422


async def test_the_head_alone(client: Client) -> None:
    answer = await client.ask("HEAD", STREAM)
    assert (answer.status, answer.headers["Content-Type"], answer.body) == (200, "text/event-stream", b"")


async def test_it_ends_cleanly_with_the_server(desk: MemoryDesk) -> None:
    server = await start_api(desk, "127.0.0.1", 0, heartbeat=60)
    async with aiohttp.ClientSession() as session:
        client = Client(session, server)
        async with opened(client) as answer:
            reader = Reader(answer)
            await reader.message()
            closing = asyncio.create_task(server.close())
            assert await answer.content.read() == b""  # to its end, without an error
            async with asyncio.timeout(2):
                await closing
    assert desk.view.followers == 0


async def test_a_client_that_left_is_forgotten(client: Client, desk: MemoryDesk) -> None:
    async with opened(client) as answer:
        await Reader(answer).message()
        assert desk.view.followers == 1
    async with asyncio.timeout(5):
        await desk.view.left.wait()
    assert desk.view.followers == 0


async def test_a_slow_client_makes_the_view_wait(server: ApiServer, desk: MemoryDesk) -> None:
    """What it does not take stays in the view: the service holds a socket's buffer of it, and no more."""
    desk.view.events = [a_cloud_event(1)] * 50_000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET {STREAM}?since=2026-11-21T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"connected")
    given = -1
    while given != desk.view.given:  # until nothing moves any more
        given = desk.view.given
        await asyncio.sleep(0.3)
    assert 0 < given < 25_000
    writer.transport.abort()
    async with asyncio.timeout(5):
        await desk.view.left.wait()


async def test_a_client_that_takes_nothing_is_let_go(
    server: ApiServer, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream, "STUCK", 0.2)
    desk.view.events = [a_cloud_event(1)] * 50_000
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port, limit=1024)
    writer.write(f"GET {STREAM}?since=2026-11-21T00:00:00Z HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    await reader.readuntil(b"connected")
    async with asyncio.timeout(10):
        await desk.view.left.wait()
    assert desk.view.followers == 0
    writer.transport.abort()
