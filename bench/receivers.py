"""The other sides of the sinks: any webhook or gateway on one port, and mail servers; one of them hangs when told so.

`python -m bench.receivers MAIL_SERVERS` prints its ports, HTTP first. A line on standard input names what hangs from
now on (`/0`, `mail0`); an empty one ends it: whoever hung is cut off.
"""

import asyncio
import logging
import sys
from typing import Any, cast

from aiosmtpd.smtp import SMTP


class Hanging:
    """What hangs, and the connections that wait for an answer."""

    name = ""
    waiting: list[asyncio.BaseTransport] = []  # noqa: RUF012 (one for the whole process is meant)

    @classmethod
    def become(cls, name: str) -> None:
        cls.name = name
        waiting, cls.waiting = cls.waiting, []
        for transport in waiting:
            transport.close()


class Answering(asyncio.Protocol):
    """Keep-alive requests with a Content-Length."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        head, found, rest = self.buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n", 1)[0])
        if len(rest) < length:
            return
        self.buffer = rest[length:]
        if head.split(b" ", 2)[1].decode() == Hanging.name:
            Hanging.waiting.append(self.transport)
        else:
            self.transport.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")


class Mails:
    def __init__(self, name: str) -> None:
        self._name = name

    async def handle_DATA(self, server: SMTP, _session: Any, _envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        if self._name == Hanging.name:
            assert server.transport is not None
            Hanging.waiting.append(server.transport)
            await asyncio.Event().wait()  # cut off with its connection
        return "250 2.0.0 taken"


class Commands(asyncio.Protocol):
    """The parent's end is ours: its pipe closes."""

    def data_received(self, data: bytes) -> None:
        Hanging.become(data.decode().rstrip("\n").rpartition("\n")[2])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        asyncio.get_running_loop().stop()


async def main(mail_servers: int) -> None:
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    servers = [await loop.create_server(Answering, "127.0.0.1", 0)]
    for number in range(mail_servers):
        handler = Mails(f"mail{number}")
        servers.append(
            await loop.create_server(lambda it=handler: SMTP(it, hostname="bench", loop=loop), "127.0.0.1", 0)  # type: ignore[misc]
        )
    print(*(server.sockets[0].getsockname()[1] for server in servers), flush=True)
    await loop.connect_read_pipe(Commands, sys.stdin)
    await asyncio.Event().wait()


if __name__ == "__main__":
    try:
        asyncio.run(main(int(sys.argv[1])))
    except RuntimeError as error:
        if "Event loop stopped" not in str(error):
            raise
