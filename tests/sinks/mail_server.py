"""A real mail server on loopback, which breaks off, refuses or says nonsense in any state of the dialogue."""

import asyncio
import logging
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any, NamedTuple

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

logging.getLogger("mail.log").setLevel(logging.CRITICAL)

STATES = ("greeting", "EHLO", "STARTTLS", "AUTH", "MAIL", "RCPT", "DATA", "content")
"""The states of a dialogue with encryption and login; `content` is after the final dot."""

USERNAME, PASSWORD = "rides-user", "s3cret-password"


class Taken(NamedTuple):
    sender: str
    recipients: list[str]
    content: bytes

    @property
    def mail(self) -> EmailMessage:
        parsed = BytesParser(policy=default).parsebytes(self.content)
        assert isinstance(parsed, EmailMessage)
        return parsed


Misbehave = Callable[["_Dialogue"], Awaitable[None]]


def says(*lines: str) -> Misbehave:
    async def answer(dialogue: "_Dialogue") -> None:
        await dialogue.push("\r\n".join(lines))

    return answer


async def closes(dialogue: "_Dialogue") -> None:
    dialogue.transport.close()


async def resets(dialogue: "_Dialogue") -> None:
    sock = dialogue.transport.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    dialogue.transport.abort()


async def hangs(dialogue: "_Dialogue") -> None:
    await asyncio.Event().wait()


async def says_half(dialogue: "_Dialogue") -> None:
    """The beginning of a longer answer, and then nothing more."""
    await dialogue.push("250-and")
    dialogue.transport.close()


async def floods(dialogue: "_Dialogue") -> None:
    """An answer without an end."""
    for _ in range(10_000):
        await dialogue.push("250-" + "x" * 400)


async def closing(dialogue: "_Dialogue") -> None:
    await dialogue.push("421 4.3.2 System shutting down")
    dialogue.transport.close()


class MailServer:
    """`faults` break the dialogue in their states. `taken` are the mails that came whole, whatever was answered."""

    def __init__(self, tls: ssl.SSLContext | None = None, implicit: bool = False) -> None:
        self.faults: dict[str, Misbehave] = {}
        self.taken: list[Taken] = []
        self.commands: list[str] = []
        self.connections = 0
        self.mechanisms = {"PLAIN", "LOGIN"}
        self.port = 0
        self._tls = tls
        self._implicit = implicit
        self._server: asyncio.Server | None = None
        self._open: set[_Dialogue] = set()

    async def start(self) -> None:
        """Again on the same port, after `stop`."""
        tls = self._tls if self._implicit else None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: _Dialogue(self, None if self._implicit else self._tls), "127.0.0.1", self.port, ssl=tls
        )
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            self.hang_up()
            await self._server.wait_closed()
            self._server = None

    def hang_up(self) -> None:
        """On all that are connected, as a server does that is restarted, or that lost patience."""
        for dialogue in tuple(self._open):
            if dialogue.transport is not None:
                dialogue.transport.abort()

    @property
    def open(self) -> int:
        return len(self._open)

    def authenticate(self, server: Any, session: Session, envelope: Envelope, way: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = (data.login, data.password) == (USERNAME.encode(), PASSWORD.encode())
        return AuthResult(success=right, handled=False)

    async def handle_DATA(self, server: "_Dialogue", session: Session, envelope: Envelope) -> str:
        assert envelope.mail_from is not None
        assert isinstance(envelope.content, bytes)
        self.taken.append(Taken(envelope.mail_from, list(envelope.rcpt_tos), envelope.content))
        if fault := self.faults.get("content"):
            await fault(server)
            raise _Broken
        return "250 2.0.0 taken"


class _Broken(Exception):
    """The fault has answered in place of the server."""


class _Dialogue(SMTP):
    transport: Any

    def __init__(self, server: MailServer, tls: ssl.SSLContext | None) -> None:
        excluded = {"PLAIN", "LOGIN"} - server.mechanisms
        super().__init__(
            server,
            hostname="mail.example",
            tls_context=tls,
            authenticator=server.authenticate,
            auth_require_tls=False,
            auth_exclude_mechanism=excluded,
            loop=asyncio.get_running_loop(),
        )
        self._own = server
        self._smtp_methods = {name: self._guarded(name, method) for name, method in self._smtp_methods.items()}

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if self not in self._own._open:
            self._own.connections += 1
            self._own._open.add(self)
        super().connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self._own._open.discard(self)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        if fault := self._own.faults.get("greeting"):
            await fault(self)
            return
        await super()._handle_client()

    def _guarded(self, name: str, method: Callable[[str | None], Awaitable[None]]) -> Callable[[Any], Awaitable[None]]:
        state = "EHLO" if name == "HELO" else name

        async def answer(argument: str | None) -> None:
            self._own.commands.append(name)
            if fault := self._own.faults.get(state):
                await fault(self)
                return
            try:
                await method(argument)
            except _Broken:
                self._set_post_data_state()  # type: ignore[no-untyped-call]

        return answer
