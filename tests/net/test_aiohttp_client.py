"""The HTTP client against peers that do what peers should not."""

import asyncio
import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from notifier.errors import LookFailed, Reason
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.fetch import Request, Response
from tests.net import certificates
from tests.net.peer import Peer, Received, Script, hang_up, http, silence

MAX_BODY = 1_000_000


@pytest.fixture
async def fetch() -> AsyncIterator[AiohttpFetch]:
    fetch = AiohttpFetch(timeout_ms=500, max_body=MAX_BODY, concurrency=10)
    yield fetch
    await fetch.close()


async def failure(answer: Awaitable[Response]) -> LookFailed:
    with pytest.raises(LookFailed) as caught:
        await answer
    return caught.value


def sends(*parts: bytes, pause: float = 0.0, then_close: bool = True) -> Script:
    async def answer(_: Received, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(pause)
        if then_close:
            writer.close()
            raise ConnectionResetError

    return answer


HEAD = b"HTTP/1.1 200 OK\r\n"
NOT_GZIP = HEAD + b"Connection: close\r\nContent-Encoding: gzip\r\nContent-Length: 20\r\n\r\n"


@pytest.mark.parametrize(
    ("parts", "reason"),
    [
        ([HEAD + b"Content-Length: 100\r\n\r\n{"], Reason.CONNECTION),  # truncated
        ([HEAD + b'Transfer-Encoding: chunked\r\n\r\n5\r\n{"a"\r\n'], Reason.CONNECTION),
        ([HEAD + b"Content-Length: 5\r\n"], Reason.CONNECTION),  # not even the headers
        ([b""], Reason.CONNECTION),
        ([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"], Reason.UNREADABLE),
        ([HEAD + b"Content-Length: many\r\n\r\n{}"], Reason.UNREADABLE),
        ([HEAD + b"X: " + b"x" * 100_000 + b"\r\n\r\n"], Reason.UNREADABLE),
        ([HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n"], Reason.UNREADABLE),
        (
            [HEAD, b"Transfer-Encoding: chunked\r\n\r\n", b"zz\r\n"],
            Reason.TIMEOUT,
        ),  # the client's parser is silent here
        ([NOT_GZIP + b"not gzip at all ...."], Reason.UNREADABLE),
        ([NOT_GZIP, b"not gzip at all ...."], Reason.UNREADABLE),
    ],
)
@pytest.mark.parametrize("closes", [True, False])
async def test_broken_answers(
    fetch: AiohttpFetch, peer: Peer, parts: list[bytes], reason: Reason, closes: bool
) -> None:
    peer.always = sends(*parts, pause=0.01, then_close=closes)
    told = await failure(fetch(Request(f"{peer.url}/order")))
    assert told.reason is (reason if closes or reason is Reason.UNREADABLE else Reason.TIMEOUT)
    assert len(peer.requests) == 1, "what failed is not repeated behind the budget's back"
    peer.always = http(200, b"good")
    assert (await fetch(Request(f"{peer.url}/order"))).body == b"good"


async def test_a_connection_that_was_reset_is_one_request(fetch: AiohttpFetch, peer: Peer) -> None:
    peer.always = hang_up
    for count in range(1, 4):
        assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.CONNECTION
        assert len(peer.requests) == count


async def test_a_kept_connection_that_dies_is_one_request_too(fetch: AiohttpFetch, peer: Peer) -> None:
    assert (await fetch(Request(f"{peer.url}/order"))).status == 200
    peer.script.append(hang_up)
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.CONNECTION
    assert len(peer.requests) == 2
    assert peer.connections == 1


async def test_connections_are_kept_and_no_more_than_the_concurrency(fetch: AiohttpFetch, peer: Peer) -> None:
    for _ in range(5):
        await fetch(Request(f"{peer.url}/order"))
    assert peer.connections == 1
    await asyncio.gather(*(fetch(Request(f"{peer.url}/order")) for _ in range(50)))
    assert peer.connections <= 10


async def test_only_the_total_time_ends_a_drip(fetch: AiohttpFetch, peer: Peer) -> None:
    peer.always = sends(HEAD + b"Content-Length: 1000\r\n\r\n", *[b"x"] * 1000, pause=0.05)
    began = time.monotonic()
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.TIMEOUT
    assert 0.4 < time.monotonic() - began < 2


async def test_nobody_listens(fetch: AiohttpFetch, peer: Peer) -> None:
    await peer.close()
    told = await failure(fetch(Request(f"{peer.url}/order")))
    assert (told.reason, told.detail) == (Reason.CONNECTION, "not connected: Connection refused")
    await peer.open()


async def test_a_name_that_does_not_resolve(fetch: AiohttpFetch) -> None:
    told = await failure(fetch(Request("http://no-such-host.invalid/order")))
    assert told.reason in (Reason.CONNECTION, Reason.TIMEOUT)
    assert "invalid" not in str(told)


@pytest.mark.parametrize("url", ["", "orders", "http://", "ftp://127.0.0.1/x", "http://[::1", "http://a:b:c/"])
async def test_what_is_no_url(fetch: AiohttpFetch, url: str) -> None:
    assert (await failure(fetch(Request(url)))).reason is Reason.REJECTED


# --- packed bodies ---------------------------------------------------------------------------------------------------


def packed(encoding: str, body: bytes) -> bytes:
    raw = zlib.compressobj(wbits=-15)
    return {
        "gzip": gzip.compress,
        "deflate": zlib.compress,
        "raw deflate": lambda data: raw.compress(data) + raw.flush(),
    }[encoding](body)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
@pytest.mark.parametrize("size", [10, 5_000, 900_000])
async def test_packed_answers_are_unpacked(fetch: AiohttpFetch, peer: Peer, encoding: str, size: int) -> None:
    body = b"order " * (size // 6)
    peer.always = http(200, packed(encoding, body), content_encoding=encoding.removeprefix("raw "))
    assert (await fetch(Request(f"{peer.url}/order"))).body == body
    assert peer.requests[0].headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 30])
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate"])
async def test_a_packed_answer_that_lacks_its_end_is_unreadable(
    fetch: AiohttpFetch, peer: Peer, encoding: str, cut: int
) -> None:
    """Even where all of the text is there: its checksum is not."""
    whole = packed(encoding, b'{"status": "complete", "number": "0123456789"}')
    peer.always = http(200, whole[:-cut], content_encoding=encoding.removeprefix("raw "))
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.UNREADABLE


async def test_a_packed_answer_with_a_wrong_checksum_is_unreadable(fetch: AiohttpFetch, peer: Peer) -> None:
    whole = bytearray(gzip.compress(b'{"status": "complete"}'))
    whole[-6] ^= 1
    peer.always = http(200, bytes(whole), content_encoding="gzip")
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.UNREADABLE


async def test_gzip_of_several_members_and_names_of_encodings(fetch: AiohttpFetch, peer: Peer) -> None:
    for name, body in {"x-gzip": gzip.compress(b"ab") + gzip.compress(b"cd"), "Identity": b"abcd"}.items():
        peer.always = http(200, body, content_encoding=name)
        assert (await fetch(Request(f"{peer.url}/order"))).body == b"abcd"
    peer.always = http(200, b"", content_encoding="gzip")
    assert (await fetch(Request(f"{peer.url}/order"))).body == b""
    peer.always = http(200, b"abcd", content_encoding="br")
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.UNREADABLE


@pytest.mark.parametrize("chunked", [False, True])
async def test_a_bomb_costs_neither_memory_nor_time(fetch: AiohttpFetch, peer: Peer, chunked: bool) -> None:
    """256 MiB of zeros in 260 kB."""
    pack = zlib.compressobj(wbits=31)
    bomb = b"".join(pack.compress(bytes(1 << 20)) for _ in range(256)) + pack.flush()
    if chunked:
        head = HEAD + b"Content-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n"
        peer.always = sends(head, f"{len(bomb):x}\r\n".encode() + bomb + b"\r\n0\r\n\r\n")
    else:
        peer.always = http(200, bomb, content_encoding="gzip")
    tracemalloc.start()
    try:
        assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.TOO_LARGE
        assert tracemalloc.get_traced_memory()[1] < 8 * (1 << 20)
    finally:
        tracemalloc.stop()


async def test_a_length_over_the_cap_is_refused_before_the_body(fetch: AiohttpFetch, peer: Peer) -> None:
    peer.always = sends(HEAD + b"Content-Length: 1000001\r\n\r\n", pause=30, then_close=False)
    assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.TOO_LARGE


@pytest.mark.parametrize("size", [MAX_BODY, MAX_BODY + 1])
async def test_the_cap_without_a_length(fetch: AiohttpFetch, peer: Peer, size: int) -> None:
    peer.always = sends(HEAD + b"\r\n", b"x" * size)
    if size <= MAX_BODY:
        assert len((await fetch(Request(f"{peer.url}/order"))).body) == size
    else:
        assert (await failure(fetch(Request(f"{peer.url}/order")))).reason is Reason.TOO_LARGE


# --- what is not taken over from one request to the next --------------------------------------------------------------


async def test_cookies_are_not_kept(fetch: AiohttpFetch, peer: Peer) -> None:
    peer.always = http(200, b"{}", set_cookie="session=1; Path=/")
    for _ in range(2):
        await fetch(Request(f"{peer.url}/order"))
    assert all("cookie" not in one.headers for one in peer.requests)


async def test_the_headers_are_ours_and_a_requests_own_win(peer: Peer) -> None:
    fetch = AiohttpFetch(timeout_ms=500, max_body=10, concurrency=1, headers={"User-Agent": "notifier", "X-A": "1"})
    await fetch(Request(f"{peer.url}/", headers=(("x-a", "2"),)))
    await fetch.close()
    headers = peer.requests[0].headers
    assert (headers["user-agent"], headers["x-a"]) == ("notifier", "2")
    assert "accept" not in headers
    assert "content-type" not in headers


def test_a_time_out_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1ms"):
        AiohttpFetch(timeout_ms=0, max_body=1, concurrency=1)


# --- cancellation -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("script", [silence, sends(HEAD + b"Content-Length: 9\r\n\r\n", pause=30, then_close=False)])
async def test_cancelled_while_waiting_for_head_or_body(fetch: AiohttpFetch, peer: Peer, script: Script) -> None:
    peer.script.append(script)
    task = asyncio.create_task(_fetch(fetch, peer))
    await peer.asked.wait()
    await asyncio.sleep(0.02)  # the head, if there is one, has come
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await fetch(Request(f"{peer.url}/order"))).status == 200, "the connection in doubt is not used again"
    assert peer.connections == 2


async def _fetch(fetch: AiohttpFetch, peer: Peer) -> Response:
    return await fetch(Request(f"{peer.url}/order"))


async def test_closing_ends_requests_under_way(fetch: AiohttpFetch, peer: Peer) -> None:
    peer.always = silence
    task = asyncio.create_task(_fetch(fetch, peer))
    await peer.asked.wait()
    await fetch.close()
    assert (await failure(task)).reason is Reason.CONNECTION


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture
async def tls_peer() -> AsyncIterator[Callable[[certificates.Tls], Awaitable[Peer]]]:
    peers: list[Peer] = []

    async def opened(tls: certificates.Tls) -> Peer:
        peer = Peer()
        await peer.open(tls.server)
        peers.append(peer)
        return peer

    yield opened
    for peer in peers:
        await peer.close()


OpenPeer = Callable[[certificates.Tls], Awaitable[Peer]]


async def ask(peer: Peer, tls: certificates.Tls | None = None) -> Response:
    fetch = AiohttpFetch(timeout_ms=2000, max_body=1000, concurrency=1, tls=tls.client if tls else None)
    try:
        return await fetch(Request(f"{peer.url}/order"))
    finally:
        await fetch.close()


async def test_https(tls_peer: OpenPeer, tmp_path: Path) -> None:
    tls = certificates.make(tmp_path)
    peer = await tls_peer(tls)
    assert (await ask(peer, tls)).body == b"{}"


async def test_certificates_are_verified(tls_peer: OpenPeer, tmp_path: Path) -> None:
    told = await failure(ask(await tls_peer(certificates.make(tmp_path))))
    assert (told.reason, told.detail) == (Reason.TLS, "certificate not valid: self-signed certificate")


@pytest.mark.parametrize(
    ("host", "days", "words"),
    [("10.0.0.1", 1, "IP address mismatch"), ("127.0.0.1", -1, "certificate has expired")],
)
async def test_wrong_name_or_expired(tls_peer: OpenPeer, tmp_path: Path, host: str, days: int, words: str) -> None:
    tls = certificates.make(tmp_path, host, days)
    told = await failure(ask(await tls_peer(tls), tls))
    assert told.reason is Reason.TLS
    assert told.detail == f"certificate not valid: {words}"


async def test_no_tls_at_the_other_end(fetch: AiohttpFetch) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(plain, "127.0.0.1", 0)
    async with server:
        told = await failure(fetch(Request(f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/order")))
    assert (told.reason, told.detail) == (Reason.TLS, "no TLS connection")


class NoResolver(AbstractResolver):
    """A name server that never answers."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        await asyncio.Event().wait()
        return []

    async def close(self) -> None: ...


async def test_a_connection_that_never_stands_is_told_from_an_answer_that_never_comes(peer: Peer) -> None:
    fetch = AiohttpFetch(timeout_ms=400, connect_ms=50, max_body=MAX_BODY, concurrency=1, resolver=NoResolver())
    unconnected = await failure(fetch(Request("http://name.example/")))
    await fetch.close()
    assert (unconnected.reason, unconnected.sent) == (Reason.TIMEOUT, False)

    peer.always = silence
    fetch = AiohttpFetch(timeout_ms=100, connect_ms=50, max_body=MAX_BODY, concurrency=1)
    unanswered = await failure(fetch(Request(peer.url)))
    await fetch.close()
    assert (unanswered.reason, unanswered.sent) == (Reason.TIMEOUT, True)


async def test_without_reuse_every_request_has_its_own_connection(peer: Peer) -> None:
    fetch = AiohttpFetch(timeout_ms=500, max_body=MAX_BODY, concurrency=1, reuse=False)
    for _ in range(3):
        await fetch(Request(peer.url))
    await fetch.close()
    assert peer.connections == 3
