"""The email sink against a mail server that breaks off, refuses and talks nonsense in every state of the dialogue."""

from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.sinks import REGISTRY
from notifier.sinks.email import EmailSettings
from tests.contracts.sink import Rig, SinkContract
from tests.net import certificates
from tests.sinks import mail_server
from tests.sinks.mail_server import PASSWORD, STATES, USERNAME, MailServer, Misbehave

TO = "anna.s3cret@example.org"

ENDS: dict[str, Misbehave] = {
    "closes": mail_server.closes,
    "resets": mail_server.resets,
    "half": mail_server.says_half,
    "garbage": mail_server.says("I am no mail server"),
    "flood": mail_server.floods,
    "421": mail_server.closing,
    "4xx": mail_server.says(f"451-4.7.1 Greylisted, {TO}", "451 4.7.1 \x1b[31mcome again"),
    "5xx": mail_server.says(f"550 5.1.1 <{TO}>: nobody of that name, says {PASSWORD}"),
    "3xx": mail_server.says("399 what"),
}
BREAKS = {f"{state} {how}": (state, end) for state in STATES for how, end in ENDS.items()}
# A mail that is refused for its content, say, or taken and then not answered.
HANGS = {f"{state} hangs": (state, mail_server.hangs) for state in ("greeting", "STARTTLS", "RCPT", "content")}


def settings(server: MailServer, folder: Path | None = None, **fields: Any) -> EmailSettings:
    """Of a sink that logs in; with `folder`, where the server's certificate lies, encrypted."""
    told: dict[str, Any] = {
        "type": "email",
        "host": "127.0.0.1",
        "port": server.port,
        "tls": "none" if folder is None else "starttls",
        "ca_file": None if folder is None else str(folder / "peer.pem"),
        "username": USERNAME,
        "password": PASSWORD,
        "sender": "Rides <rides@example.org>",
        "timeout": "1s",
    }
    return EmailSettings.model_validate({**told, **fields})


class EmailRig:
    to = TO
    secrets = (PASSWORD, USERNAME, TO, "AHJpZGVzLXVzZXIAczNjcmV0LXBhc3N3b3Jk")

    def __init__(self, server: MailServer, folder: Path) -> None:
        self._server = server
        self.sink = REGISTRY["email"].build("mail", settings(server, folder), SystemClock())
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            name: partial(self._break, state, end) for name, (state, end) in (BREAKS | HANGS).items()
        }
        self.faults["refuse"] = server.stop

    async def _break(self, state: str, end: Misbehave) -> None:
        self._server.faults = {state: end}

    async def heal(self) -> None:
        self._server.faults = {}
        await self._server.stop()
        await self._server.start()

    async def received(self) -> list[bytes]:
        return [taken.content for taken in self._server.taken]


class TestEmail(SinkContract):
    faults = (*BREAKS, *HANGS, "refuse")
    hangs = "greeting hangs"

    @pytest.fixture
    async def rig(self, tmp_path: Path) -> AsyncIterator[Rig]:
        server = MailServer(certificates.make(tmp_path).server)
        await server.start()
        rig = EmailRig(server, tmp_path)
        yield rig
        await rig.sink.close()
        await server.stop()

    async def test_an_answer_decides_and_anything_else_is_tried_again(self, rig: Rig, fault: str) -> None:
        await rig.faults[fault]()
        outcome = await self.send(rig, self.message(rig))

        if fault.endswith("5xx"):
            assert (outcome.kind, outcome.status) == ("dead", "550")
            assert outcome.reason is (Reason.UNAUTHORIZED if fault.startswith("AUTH") else Reason.REFUSED)
            assert outcome.detail == "5.1.1 <a***@example.org>: nobody of that name, says ***"
        elif fault.endswith("4xx"):
            assert (outcome.kind, outcome.status, outcome.reason) == ("again", "451", Reason.DEFERRED)
            assert outcome.detail == "4.7.1 Greylisted, a***@example.org 4.7.1 [31mcome again"
        elif fault.endswith("421"):
            assert (outcome.kind, outcome.status, outcome.reason) == ("again", "421", Reason.DEFERRED)
        elif fault.endswith("hangs"):
            assert (outcome.kind, outcome.status, outcome.reason) == ("again", None, Reason.TIMEOUT)
        else:
            assert (outcome.kind, outcome.status) == ("again", None)
            assert outcome.reason in (Reason.CONNECTION, Reason.UNREADABLE, Reason.TLS)
            assert len(outcome.detail) > 10
