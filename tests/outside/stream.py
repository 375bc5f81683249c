"""A reader of server-sent events."""

import asyncio
import contextlib
import json
from typing import Any, NamedTuple, Self

import aiohttp
from yarl import URL

from tests.outside.program import Program


class Told(NamedTuple):
    id: str
    event: str
    data: Any


class Stream:
    """Reads in the background, until the connection ends or `close`."""

    def __init__(self) -> None:
        self.told: list[Told] = []
        self.comments = 0
        self.status = 0
        self.content_type = ""
        self._task: asyncio.Task[None] | None = None
        self._session: aiohttp.ClientSession | None = None

    @classmethod
    async def open(cls, program: Program, query: str = "", last: str | None = None, token: str | None = None) -> Self:
        stream = cls()
        headers: dict[str, str] = {} if last is None else {"Last-Event-ID": last}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        stream._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None, sock_connect=10))
        url = URL(f"{program.url}/v1/events/stream{query}", encoded=True)
        response = await stream._session.get(url, headers=headers)
        stream.status = response.status
        stream.content_type = response.headers.get("Content-Type", "")
        stream._task = asyncio.create_task(stream._read(response))
        return stream

    async def _read(self, response: aiohttp.ClientResponse) -> None:
        fields: dict[str, str] = {}
        with contextlib.closing(response), contextlib.suppress(aiohttp.ClientError, ConnectionError):
            async for raw in response.content:
                line = raw.decode().rstrip("\n").rstrip("\r")
                if line.startswith(":"):
                    self.comments += 1
                elif line:
                    name, _, value = line.partition(":")
                    fields[name] = value.removeprefix(" ")
                elif "data" in fields:
                    self.told.append(Told(fields.get("id", ""), fields.get("event", ""), json.loads(fields["data"])))
                    fields = {}

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._session is not None:
            await self._session.close()
