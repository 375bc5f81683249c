"""The `Fetch` that stands on aiohttp: lean, bounded in time and size, and never a second request behind one's back."""

import asyncio
import socket
import ssl
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType, Connection
from yarl import URL

from notifier.errors import LookFailed, Reason
from notifier.net.failures import MAPPED, failed
from notifier.net.fetch import Request, Response
from notifier.net.guard import ForbiddenAddress, Guard
from notifier.net.limit import Limit
from notifier.net.names import Resolver
from notifier.net.unpack import unpack

AUTO_HEADERS = ("Accept", "Accept-Encoding", "Content-Type", "User-Agent")  # aiohttp's own; ours are fixed
HEADERS: Mapping[str, str] = MappingProxyType({"Accept-Encoding": "gzip, deflate", "User-Agent": "order-notifier"})
_UNREADABLE: tuple[type[Exception], ...] = (*MAPPED, LookFailed)
TO_PASS_OVER = 1.0  # seconds for the rest of an answer that nobody needs
KEEP_ALIVE = 30.0  # seconds that an idle connection is kept


class AiohttpFetch:
    """One pool of connections. Opened by the first request, on the loop that it runs on."""

    def __init__(
        self,
        *,
        timeout_ms: int,
        max_body: int,
        concurrency: int,
        guard: Guard | None = None,
        headers: Mapping[str, str] = HEADERS,
        tls: ssl.SSLContext | None = None,
        resolver: AbstractResolver | None = None,
        connect_ms: int | None = None,
        reuse: bool = True,
        needs_body: bool = True,
    ) -> None:
        """`timeout_ms`: one attempt, from the wait for a connection to the body's end. `max_body`: bytes, unpacked.

        `guard`: for URLs that somebody else gave. `tls`: instead of the system's certificate authorities.
        `connect_ms`: until a connection stands; after it is sure that nothing was sent. Without `reuse` every request
        has a connection of its own: none is written to one that the other side is just closing. Where nobody needs the
        answer's body (`needs_body`), status and headers are the answer, whatever comes after them; it is then empty.
        """
        if timeout_ms <= 0:
            raise ValueError("a time-out of 0 would never end: write at least 1ms")
        self._limit = Limit(timeout_ms / 1000)
        self._timeout = aiohttp.ClientTimeout(
            total=None, connect=None if connect_ms is None else connect_ms / 1000, ceil_threshold=float("inf")
        )
        self._reuse = reuse
        self._needs_body = needs_body
        self._max_body = max_body
        self._concurrency = concurrency
        self._guard = guard
        self._headers = dict(headers)
        self._whole = {"accept-encoding", "user-agent"} <= {name.lower() for name in headers}
        self._tls = tls
        self._resolver = resolver
        self._session: aiohttp.ClientSession | None = None
        self._plain: aiohttp.ClientSession | None = None  # with a guard, http has connections (and rules) of its own
        self._closed = False

    async def __call__(self, request: Request, /) -> Response:
        try:
            with self._limit.each():
                url = _parse(request.url)
                answer = await self._session_for(url).request(
                    request.method,
                    url,
                    headers=request.headers,
                    data=request.body,
                    allow_redirects=False,
                    skip_auto_headers=self._to_skip(request),
                )
                body = await self._read(answer) if self._needs_body else b""
        except MAPPED as error:
            raise self._failed(error) from error
        if not self._needs_body:
            await self._pass_over(answer)
        return Response(answer.status, answer.headers, body)

    async def close(self) -> None:
        self._closed = True
        self._limit.close()
        for session in (self._session, self._plain):
            if session is not None:
                await session.close()
        if self._resolver is not None:
            await self._resolver.close()

    # --- inside ------------------------------------------------------------------------------------------------

    def _to_skip(self, request: Request) -> tuple[str, ...] | None:
        """None for a look at an order: aiohttp has nothing to add there, and leaving nothing out is quicker."""
        if request.method == "GET" and self._whole:
            for name, _ in request.headers:
                if name == "Accept":
                    return None
        return AUTO_HEADERS

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes:
        try:
            content = answer.content
            body = content.read_nowait() if content.is_eof() else await self._drain(answer)
            if len(body) > self._max_body:
                raise self._too_large()
            if encoding := answer.headers.get("Content-Encoding"):
                body = unpack(body, encoding, self._max_body)
        except BaseException:
            answer.close()
            raise
        return body

    async def _pass_over(self, answer: aiohttp.ClientResponse) -> None:
        """The rest is read if it comes soon and is not long, so that its connection can be used again."""
        try:
            if not answer.content.is_eof():
                async with asyncio.timeout(TO_PASS_OVER):
                    await self._drain(answer)
        except _UNREADABLE:
            answer.close()
        except BaseException:
            answer.close()
            raise

    async def _drain(self, answer: aiohttp.ClientResponse) -> bytes:
        """A body that did not come with its headers, as it travels: what is packed is unpacked when it is whole."""
        if (answer.content_length or 0) > self._max_body:
            raise self._too_large()
        parts: list[bytes] = []
        size = 0
        while part := await answer.content.readany():
            size += len(part)
            if size > self._max_body:
                raise self._too_large()
            parts.append(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def _failed(self, error: Exception) -> LookFailed:
        told = failed(error)
        if told.reason is Reason.REJECTED and self._guard is not None:
            told.reason = Reason.FORBIDDEN_TARGET  # somebody else's URL that cannot be read (127.1, say) is refused
        return told

    def _too_large(self) -> LookFailed:
        return LookFailed(Reason.TOO_LARGE, f"answer over {self._max_body} bytes")

    def _session_for(self, url: URL) -> aiohttp.ClientSession:
        if self._closed:
            raise LookFailed(Reason.CONNECTION, "closed", sent=False)
        if self._guard is not None and url.scheme != "https":
            if refusal := self._guard.refuses_plain:
                raise LookFailed(Reason.FORBIDDEN_TARGET, refusal, sent=False)
            if self._plain is None:
                self._plain = self._open(plain=True)
            return self._plain
        if self._session is None:
            self._session = self._open(plain=False)
        return self._session

    def _open(self, *, plain: bool) -> aiohttp.ClientSession:
        guard = self._guard
        if self._resolver is None:
            self._resolver = Resolver()
        connector = aiohttp.TCPConnector(
            limit=self._concurrency,
            keepalive_timeout=KEEP_ALIVE if self._reuse else None,
            force_close=not self._reuse,
            ssl=self._tls or True,
            resolver=_GuardedResolver(self._resolver, guard, plain) if guard else self._resolver,
            socket_factory=_guarded_sockets(guard, plain) if guard else None,
        )
        return aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            headers=self._headers,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,  # see `unpack`
            response_class=_Answer,
        )


@lru_cache(maxsize=8_192)  # parsing costs a tenth of a fetch; about 1 kB each
def _parse(url: str) -> URL:
    """InvalidURL for what is none; yarl itself finds a bad port late."""
    try:
        parsed = URL(url, encoded=True)
        whole = parsed.raw_host is not None and parsed.port is not None
    except ValueError:
        whole = False
    if not whole:
        raise aiohttp.InvalidURL("not shown")
    return parsed


class _Answer(aiohttp.ClientResponse):
    """aiohttp repeats a GET whose connection was lost, unseen: such a request would escape its budget."""

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        try:
            return await super().start(connection)
        except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as error:
            raise failed(error) from error


class _GuardedResolver(AbstractResolver):
    """Leaves the forbidden out of what a name resolves to: among several addresses, only the others are tried."""

    def __init__(self, inner: AbstractResolver, guard: Guard, plain: bool) -> None:
        self._inner = inner
        self._guard = guard
        self._plain = plain

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._inner.resolve(host, port, family)
        refusals = [self._guard.refusal(one["host"], plain=self._plain) for one in found]
        allowed = [one for one, refusal in zip(found, refusals, strict=True) if refusal is None]
        if found and not allowed:
            raise ForbiddenAddress(refusals[0])
        return allowed

    async def close(self) -> None:
        await self._inner.close()


def _guarded_sockets(guard: Guard, plain: bool) -> "aiohttp.SocketFactoryType":
    """Judges the very address that is connected to: literals in a URL never pass a resolver."""

    def make(info: AddrInfoType) -> socket.socket:
        family, kind, protocol, _, address = info
        if refusal := guard.refusal(str(address[0]), plain=plain):
            raise ForbiddenAddress(refusal)
        return socket.socket(family, kind, protocol)

    return make
