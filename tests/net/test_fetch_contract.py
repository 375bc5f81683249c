"""The contract suite of `Fetch`, run by the real client and by the fake."""

from collections.abc import AsyncIterator, Mapping
from urllib.parse import urlsplit

import pytest

from notifier.errors import LookFailed, Reason
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.fetch import Fetch
from notifier.testing.fetch import SILENCE, FakeFetch, reply
from tests.contracts.fetch import MAX_BODY, TIMEOUT_MS, Bench, FetchContract
from tests.net.peer import Peer, hang_up, http, silence


class RealBench:
    def __init__(self, fetch: Fetch, peer: Peer) -> None:
        self.fetch = fetch
        self.url = peer.url
        self._peer = peer

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        named = {name.replace("-", "_"): value for name, value in (headers or {}).items()}
        self._peer.script.append(http(status, body, **named))

    def silence(self) -> None:
        self._peer.script.append(silence)

    def lost_connection(self) -> None:
        self._peer.script.append(hang_up)

    @property
    def received(self) -> list[tuple[str, str, Mapping[str, str], bytes]]:
        return [(one.method, one.path, one.headers, one.body) for one in self._peer.requests]


class FakeBench:
    url = "https://orders.test"

    def __init__(self) -> None:
        self.fake = FakeFetch(timeout_ms=TIMEOUT_MS, max_body=MAX_BODY)
        self.fetch: Fetch = self.fake

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
        self.fake.script(reply(status, body, headers))

    def silence(self) -> None:
        self.fake.script(SILENCE)

    def lost_connection(self) -> None:
        self.fake.script(LookFailed(Reason.CONNECTION, "connection lost"))

    @property
    def received(self) -> list[tuple[str, str, Mapping[str, str], bytes]]:
        def path(url: str) -> str:
            parts = urlsplit(url)
            return f"{parts.path}?{parts.query}" if parts.query else parts.path

        return [(one.method, path(one.url), dict(one.headers), one.body or b"") for one in self.fake.requests]


class TestAiohttpFetch(FetchContract):
    @pytest.fixture
    async def bench(self, peer: Peer) -> AsyncIterator[Bench]:
        fetch = AiohttpFetch(timeout_ms=TIMEOUT_MS, max_body=MAX_BODY, concurrency=4)
        yield RealBench(fetch, peer)
        await fetch.close()


class TestFakeFetch(FetchContract):
    @pytest.fixture
    async def bench(self) -> AsyncIterator[Bench]:
        bench = FakeBench()
        yield bench
        await bench.fetch.close()
