"""A real server on loopback, and a client to ask it."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import orjson
import pytest

from notifier.api.server import ApiServer, start_api
from tests.api.desk import MemoryDesk, furnish


class Answer(NamedTuple):
    status: int
    headers: Any
    body: bytes

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    def __init__(self, session: aiohttp.ClientSession, server: ApiServer) -> None:
        self.session = session
        self.base = f"http://127.0.0.1:{server.port}"

    async def ask(self, method: str, path: str, **rest: Any) -> Answer:
        async with self.session.request(method, self.base + path, **rest) as answer:
            return Answer(answer.status, answer.headers, await answer.read())

    async def get(self, path: str, **rest: Any) -> Answer:
        return await self.ask("GET", path, **rest)

    async def post(self, path: str, body: object, **rest: Any) -> Answer:
        raw = body if isinstance(body, bytes) else orjson.dumps(body)
        headers = {"Content-Type": "application/json"} | rest.pop("headers", {})
        return await self.ask("POST", path, data=raw, headers=headers, **rest)


@pytest.fixture
def desk() -> MemoryDesk:
    desk = MemoryDesk()
    furnish(desk)
    return desk


@pytest.fixture
def token_file(tmp_path: Path, desk: MemoryDesk) -> Path:
    """With it the API asks for tokens: `writer` may do all, `reader` may read."""
    path = tmp_path / "tokens"
    path.write_text("writer\nreader read\n")
    desk.config.api.token_file = str(path)
    return path


@pytest.fixture
async def server(desk: MemoryDesk, request: pytest.FixtureRequest) -> AsyncIterator[ApiServer]:
    if "token_file" in request.fixturenames:
        request.getfixturevalue("token_file")
    server = await start_api(desk, "127.0.0.1", 0, heartbeat=0.05)
    yield server
    await server.close()


@pytest.fixture
async def client(server: ApiServer) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        yield Client(session, server)
