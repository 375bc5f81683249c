"""A peer on loopback that answers byte for byte as told, wrongly too."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from typing import NamedTuple, TypeAlias


class Received(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]  # names in lower case
    body: bytes
    at: float  # the loop's time


Script: TypeAlias = bytes | Callable[[Received, asyncio.StreamWriter], Awaitable[None]]


def http(status: int = 200, body: bytes = b"", **headers: str) -> bytes:
    """One whole answer; `retry_after="3"` gives a header."""
    lines = [f"HTTP/1.1 {status} Word", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-').title()}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Peer:
    """Answers with `script` (each once), then with `always`."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        self.connections = 0
        self.script: list[Script] = []
        self.always: Script = http(200, b"{}")
        self.asked = asyncio.Event()  # a first request has come
        self.port = 0
        self.scheme = "http"
        self._server: asyncio.Server | None = None
        self._closing = False
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    async def open(self, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1") -> None:
        self._closing = False
        self._server = await asyncio.start_server(self._serve, host, 0, ssl=tls)
        self.port = self._server.sockets[0].getsockname()[1]
        self.scheme = "https" if tls else "http"

    async def close(self) -> None:
        assert self._server is not None
        self._server.close()
        self._closing = True
        serving = tuple(self._open)
        for task, writer in self._open.items():
            writer.transport.abort()
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.connections += 1
        self._open[task] = writer
        try:
            while True:
                received = await _read(reader)
                self.requests.append(received)
                self.asked.set()
                answer = self.script.pop(0) if self.script else self.always
                if isinstance(answer, bytes):
                    writer.write(answer)
                    await writer.drain()
                else:
                    await answer(received, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass  # the client has gone: that is its right
        except asyncio.CancelledError:
            if not self._closing:
                raise
        finally:
            del self._open[task]
            writer.close()


async def _read(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Received(method, path, headers, body, asyncio.get_running_loop().time())


async def silence(_: Received, writer: asyncio.StreamWriter) -> None:
    """Takes the request and never answers."""
    await writer.wait_closed()


async def hang_up(_: Received, writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    raise ConnectionResetError
