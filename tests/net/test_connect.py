"""A source's settings made into an `OrderApi`, against real servers on loopback."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest

from notifier.clock import SystemClock
from notifier.errors import LookFailed, Reason
from notifier.net.fetch import Request, Response
from notifier.net.order_api import OrderApi
from notifier.sources.base import SourceSettings
from notifier.sources.connect import build_order_api
from tests.net.peer import Peer, Received, Script, hang_up, http, silence


class Settings(SourceSettings):
    default_auth_scheme: ClassVar[str] = "OAuth"
    needs_secret: ClassVar[bool] = False

    type: Literal["test"] = "test"


class Source:
    def refusal(self, response: Response, /) -> str:
        return f"{len(response.body)} bytes"


Build = Callable[..., OrderApi]


@pytest.fixture
async def build(peer: Peer) -> AsyncIterator[Build]:
    apis: list[OrderApi] = []

    def made(**settings: Any) -> OrderApi:
        fast = {"budget": {"requests_per_second": 5000, "concurrency": 50}, "timeout": "500ms"}
        parsed = Settings.model_validate({"base_url": peer.url, **fast, **settings})
        api = build_order_api("trips", parsed, Source(), SystemClock())
        apis.append(api)
        return api

    yield made
    for api in apis:
        await api.close()


@pytest.fixture
async def tokens() -> AsyncIterator[Peer]:
    peer = Peer()
    await peer.open()
    yield peer
    await peer.close()


def order(peer: Peer) -> Request:
    return Request(f"{peer.url}/orders/info?order_id=1")


def sent(peer: Peer) -> list[str | None]:
    return [one.headers.get("authorization") for one in peer.requests]


def in_slots(slots: int, api: OrderApi, peer: Peer, count: int) -> list[Awaitable[bytes]]:
    """Looks as a poller makes them: never more at once than the concurrency."""
    free = asyncio.Semaphore(slots)

    async def look() -> bytes:
        async with free:
            return await api.get(order(peer))

    return [look() for _ in range(count)]


def accepts(*good: str) -> Script:
    async def answer(received: Received, writer: asyncio.StreamWriter) -> None:
        known = received.headers.get("authorization") in good
        writer.write(http(200, b'{"status": "driving"}') if known else http(401, b"who?"))
        await writer.drain()

    return answer


@pytest.mark.parametrize(
    ("settings", "header"),
    [
        ({"token": "t"}, "OAuth t"),
        ({"token": "t", "auth_scheme": "Bearer"}, "Bearer t"),
        ({"token": "t", "auth_scheme": ""}, "t"),
        ({}, None),
    ],
)
async def test_the_header_is_as_the_settings_say(
    build: Build, peer: Peer, settings: dict[str, str], header: str | None
) -> None:
    assert await build(**settings).get(order(peer)) == b"{}"
    assert sent(peer) == [header]


async def test_a_tokens_file(build: Build, peer: Peer, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("one\n")
    peer.always = accepts("OAuth one")
    api = build(token_file=str(file))
    await api.get(order(peer))
    file.write_text("another\n")
    peer.always = accepts("OAuth another")
    await asyncio.gather(*(api.get(order(peer)) for _ in range(20)))
    assert set(sent(peer)) == {"OAuth one", "OAuth another"}
    assert not api.breaker_open()


async def test_oauth2_hundreds_of_looks_and_one_token_request(build: Build, peer: Peer, tokens: Peer) -> None:
    tokens.script = [http(200, b'{"access_token": "t1", "expires_in": 3600}')]
    tokens.always = http(200, b'{"access_token": "t2", "expires_in": 3600}')
    peer.always = accepts("OAuth t1")
    api = build(oauth2={"token_url": f"{tokens.url}/token", "client_id": "c", "client_secret": "s", "scope": "orders"})
    await asyncio.gather(*(api.get(order(peer)) for _ in range(200)))
    assert len(tokens.requests) == 1
    assert tokens.requests[0].body == b"grant_type=client_credentials&scope=orders"
    assert tokens.requests[0].headers["authorization"] == "Basic Yzpz"
    peer.always = accepts("OAuth t2")
    await asyncio.gather(*(api.get(order(peer)) for _ in range(200)))
    assert len(tokens.requests) == 2
    assert sent(peer).count("OAuth t2") == 200


async def test_a_second_401_opens_the_breaker_and_the_line_is_not_sent(build: Build, peer: Peer, tokens: Peer) -> None:
    tokens.always = http(200, b'{"access_token": "t"}')
    peer.always = http(401, b"who?")
    api = build(
        oauth2={"token_url": f"{tokens.url}/token", "client_id": "c", "client_secret": "s"},
        budget={"requests_per_second": 20, "concurrency": 5},
    )
    looks = await asyncio.gather(*in_slots(5, api, peer, 50), return_exceptions=True)
    assert {one.reason for one in looks if isinstance(one, LookFailed)} == {Reason.UNAUTHORIZED}
    assert len(looks) == 50
    assert len(peer.requests) <= 10, "those under way, and their repeats"
    before = len(peer.requests)
    with pytest.raises(LookFailed):
        await api.get(order(peer))
    assert len(peer.requests) == before


async def test_the_peer_counts_no_second_with_more_than_the_budget(build: Build, peer: Peer) -> None:
    api = build(token="t", budget={"requests_per_second": 50, "concurrency": 10})
    await asyncio.gather(*in_slots(10, api, peer, 120))
    times = [one.at for one in peer.requests]
    most = max(sum(at <= other <= at + 1.0 for other in times) for at in times)
    assert most <= 55
    assert 35 < (len(times) - 1) / (times[-1] - times[0]) < 51


async def test_a_dead_connection_and_a_hiccup_cost_no_look(build: Build, peer: Peer) -> None:
    api = build(token="t")
    await api.get(order(peer))
    peer.script = [hang_up, http(502, b"<html>"), http(200, b"good")]
    assert await api.get(order(peer)) == b"good"
    assert len(peer.requests) == 4, "each of them counted"


async def test_settings_of_time_and_size_are_kept_to(build: Build, peer: Peer) -> None:
    api = build(token="t", timeout="10s", retry_for="300ms", max_body=10)
    peer.always = http(200, b"x" * 11)
    with pytest.raises(LookFailed) as failure:
        await api.get(order(peer))
    assert failure.value.reason is Reason.TOO_LARGE
    peer.always = silence
    began = asyncio.get_running_loop().time()
    with pytest.raises(LookFailed) as failure:
        await api.get(order(peer))
    assert failure.value.reason is Reason.TIMEOUT
    assert asyncio.get_running_loop().time() - began < 2, "one attempt does not outlast the look"


async def test_the_words_of_a_refusal_are_the_sources(build: Build, peer: Peer) -> None:
    peer.always = http(404, b"12345")
    with pytest.raises(LookFailed) as failure:
        await build(token="t").get(order(peer))
    assert (failure.value.reason, failure.value.detail, failure.value.status) == (Reason.NOT_FOUND, "5 bytes", 404)


async def test_redirects_do_not_carry_the_token_away(build: Build, peer: Peer, tokens: Peer) -> None:
    peer.always = http(307, b"", location=f"{tokens.url}/elsewhere")
    with pytest.raises(LookFailed) as failure:
        await build(token="t").get(order(peer))
    assert failure.value.reason is Reason.REDIRECTED
    assert tokens.requests == []
