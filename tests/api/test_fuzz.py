"""Whatever is sent, the answer is a success or a clear refusal: never a fault of the service."""

import asyncio
import contextlib
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yarl import URL

from notifier.api.server import start_api
from tests.api.conftest import Client
from tests.api.desk import MemoryDesk, furnish

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
BODIES = st.binary(max_size=200) | JSON.map(lambda value: orjson.dumps(_fitting(value)))
NEARLY = st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("source", "ids", "recipients", "labels", "sink", "state", "to", "since"), JSON)
).map(lambda value: orjson.dumps(_fitting(value)))
SEGMENT = st.text(max_size=12).map(lambda text: quote(text, safe="", errors="surrogatepass"))
RAW_SEGMENT = st.binary(max_size=6).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw))
PATHS = st.lists(SEGMENT | RAW_SEGMENT | st.sampled_from(["trips", "885e", "why", "events", "..", "."]), max_size=5)
PREFIXES = st.sampled_from(["/v1/orders/", "/v1/watches/", "/v1/deliveries/", "/schemas/", "/v1/", "/"])
NAMES = st.sampled_from(["limit", "cursor", "source", "phase", "state", "key", "sink", "to", "since", "until"])
QUERY = st.lists(
    st.tuples(NAMES, SEGMENT | RAW_SEGMENT | st.sampled_from(["1", "0", "2026-11-21T10:00:00Z"])), max_size=4
)


def _fitting(value: Any) -> Any:
    """What orjson can write: integers of 64 bits, texts without surrogates."""
    match value:
        case bool() | float() | None:
            return value
        case int():
            return value % 2**63
        case str():
            return value.encode(errors="replace").decode()
        case list():
            return [_fitting(item) for item in value]
        case dict():
            return {_fitting(name): _fitting(item) for name, item in value.items()}
    raise AssertionError(value)


@pytest.fixture(scope="module")
def asker() -> Iterator[Any]:
    """Asks one server on a loop of its own, since hypothesis runs outside of any."""
    with asyncio.Runner() as runner, contextlib.ExitStack() as stack:
        desk = MemoryDesk()
        furnish(desk)
        server = runner.run(start_api(desk, "127.0.0.1", 0))
        stack.callback(lambda: runner.run(server.close()))

        async def session() -> aiohttp.ClientSession:
            return aiohttp.ClientSession()

        client = Client(runner.run(session()), server)
        stack.callback(lambda: runner.run(client.session.close()))

        def ask(method: str, path: str, **rest: Any) -> tuple[int, bytes]:
            async def asked() -> tuple[int, bytes]:
                url = URL(client.base + path, encoded=True)
                async with client.session.request(method, url, **rest) as answer:
                    return answer.status, await answer.read()

            return runner.run(asked())

        yield ask


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=BODIES | NEARLY, path=st.sampled_from(["/v1/watches", "/v1/deliveries/retry"]))
def test_bodies(asker: Any, raw: bytes, path: str) -> None:
    status, body = asker("POST", path, data=raw, headers={"Content-Type": "application/json"})
    assert status in (200, 201, 202, 400, 422), body
    assert status < 300 or orjson.loads(body)["status"] == status


@settings(max_examples=300, deadline=None)
@given(method=st.sampled_from(["GET", "HEAD", "DELETE", "POST", "PUT"]), prefix=PREFIXES, segments=PATHS, query=QUERY)
def test_addresses(asker: Any, method: str, prefix: str, segments: list[str], query: list[tuple[str, str]]) -> None:
    path = prefix + "/".join(segments) + "?" + "&".join(f"{name}={value}" for name, value in query)
    status, body = asker(method, path)
    assert status in (200, 202, 204, 404, 405, 409, 415, 422), (path, body)
