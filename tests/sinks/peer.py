"""The other side of a webhook: a real server on a socket, which answers as it is told, well or badly."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple


class Taken(NamedTuple):
    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes


Answer = Callable[[asyncio.StreamWriter], Awaitable[None]]


class Peer:
    """`answer` writes the answer to each request that was read whole; the connection is closed after it."""

    def __init__(self) -> None:
        self.taken: list[Taken] = []
        self.answer: Answer = status(204)
        self._server: asyncio.Server | None = None
        self._port = 0
        self._handlers: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Again on the same port, after `stop`."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        self._port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None
        for handler in self._handlers:
            handler.cancel()
        await asyncio.gather(*self._handlers, return_exceptions=True)

    @property
    def port(self) -> int:
        return self._port

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}/hooks/s3cret-path?token=s3cret-query"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._handlers.add(task)
        try:
            self.taken.append(await _request(reader))
            await self.answer(writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the other side gave up, as some of the tests want it to
        finally:
            self._handlers.discard(task)
            writer.close()


async def _request(reader: asyncio.StreamReader) -> Taken:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _ = first.split(" ")
    return Taken(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))


def status(code: int, *headers: str, body: bytes = b"") -> Answer:
    async def answer(writer: asyncio.StreamWriter) -> None:
        lines = (f"HTTP/1.1 {code} Said", f"content-length: {len(body)}", "connection: close", *headers)
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        await writer.drain()

    return answer


async def hang(writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


async def reset(writer: asyncio.StreamWriter) -> None:
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def silence(writer: asyncio.StreamWriter) -> None:
    """Closes without a word."""


async def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
    await writer.drain()


async def short(writer: asyncio.StreamWriter) -> None:
    """A body that is shorter than was said."""
    writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 100\r\n\r\nsorry")
    await writer.drain()


async def garbage(writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x16\x03\x01 s3cret-answer <html>\r\n\r\n")
    await writer.drain()


async def drip(writer: asyncio.StreamWriter) -> None:
    """Always alive, never done."""
    writer.write(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"1\r\nx\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def flood(writer: asyncio.StreamWriter) -> None:
    """An answer without an end, as fast as it goes."""
    writer.write(b"HTTP/1.1 500 No\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        writer.write(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
        await writer.drain()


async def headers_without_end(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\n")
    while True:
        writer.write(b"x-more: " + b"y" * 4096 + b"\r\n")
        await writer.drain()
