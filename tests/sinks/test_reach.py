"""`check --live` of a sink: whether it could send, without a word to anybody."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from notifier.clock import SystemClock
from notifier.sinks import REGISTRY
from notifier.sinks.kafka import KafkaSinkSettings
from notifier.sinks.reach import Reached
from notifier.sinks.sms.twilio import TwilioSettings
from tests.kafka.plugin import Kafka
from tests.net import certificates
from tests.net.kafka.build import create
from tests.sinks import mail_server, make
from tests.sinks.mail_server import PASSWORD, USERNAME, MailServer
from tests.sinks.test_email_contract import settings as mail_settings

NOBODY = 9  # a port on which nobody listens


async def reach(settings: Any) -> Reached:
    return await REGISTRY[settings.type].reach(settings, SystemClock())


# --- email ------------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def served(tls: ssl.SSLContext | None = None, implicit: bool = False) -> AsyncIterator[MailServer]:
    server = MailServer(tls, implicit)
    await server.start()
    yield server
    await server.stop()


async def test_a_mail_server_is_asked_up_to_the_login(tmp_path: Path) -> None:
    async with served(certificates.make(tmp_path).server) as server:
        assert await reach(mail_settings(server, tmp_path)) == Reached(True, "connected, STARTTLS, login accepted")
        assert server.commands == ["EHLO", "STARTTLS", "EHLO", "AUTH", "QUIT"]
        assert server.taken == []


async def test_encrypted_from_the_beginning_and_without_a_login(tmp_path: Path) -> None:
    async with served(certificates.make(tmp_path).server, implicit=True) as server:
        settings = mail_settings(server, tmp_path, tls="implicit", username=None, password=None)
        assert await reach(settings) == Reached(True, "connected, TLS, without login")


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (("AUTH", "535 5.7.8 that password is wrong"), "unauthorized: 535: 5.7.8 that password is wrong"),
        (("EHLO", "550 5.7.1 go away"), "refused: 550: 5.7.1 go away"),
        (("EHLO", "421 4.3.2 too busy"), "deferred: 421: 4.3.2 too busy"),
    ],
)
async def test_a_mail_servers_no_is_told_in_its_words(fault: tuple[str, str], said: str) -> None:
    async with served() as server:
        server.faults[fault[0]] = mail_server.says(fault[1])
        assert await reach(mail_settings(server)) == Reached(False, said)


async def test_a_wrong_password_is_not_shown() -> None:
    async with served() as server:
        reached = await reach(mail_settings(server, password="hunter2hunter2"))
        assert reached.ok is False
        assert "535" in reached.said
        assert not any(secret in reached.said for secret in ("hunter2", PASSWORD, USERNAME))


async def test_a_mail_server_without_encryption_or_with_a_strangers_certificate(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificates.make(tmp_path)
    async with served() as server:
        reached = await reach(mail_settings(server, tmp_path))
        assert reached == Reached(False, "tls: the server offers no STARTTLS: use tls: implicit, or another port")
    async with served(certificates.make(tmp_path / "other").server) as server:
        reached = await reach(mail_settings(server, tmp_path))
        assert reached.ok is False
        assert reached.said.startswith("tls: certificate not valid: self-signed certificate")


async def test_a_mail_server_that_is_silent_or_not_there() -> None:
    async with served() as server:
        server.faults["greeting"] = mail_server.hangs
        silent = await reach(mail_settings(server, timeout="200ms"))
        assert silent == Reached(False, "timeout: no answer in time (connect)")
    assert (await reach(mail_settings(server))).said == "connection: not connected: Connection refused (connect)"


# --- sms --------------------------------------------------------------------------------------------------------------


def gateway(base_url: str) -> TwilioSettings:
    told = {"account_sid": "AC" + "0" * 32, "auth_token": "t0ken-of-the-account", "from": "+15005550006"}
    return TwilioSettings.model_validate(
        {"type": "sms", "gateway": "twilio", "base_url": base_url, "timeout": "2s", **told}
    )


async def test_a_gateway_is_connected_to_and_sent_nothing() -> None:
    received: asyncio.Queue[bytes] = asyncio.Queue()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.put_nowait(await reader.read())
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        reached = await reach(gateway(f"http://127.0.0.1:{port}"))
        assert reached == Reached(True, "connected; nothing was sent, so the account was not tried")
        assert await received.get() == b""


async def test_a_gateway_that_is_not_there_or_is_not_encrypted_as_it_should(tmp_path: Path) -> None:
    assert await reach(gateway(f"http://127.0.0.1:{NOBODY}")) == Reached(False, "not connected: Connection refused")
    tls = certificates.make(tmp_path).server
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        reached = await reach(gateway(f"https://127.0.0.1:{port}"))
        assert reached == Reached(False, "certificate not valid: self-signed certificate")


# --- webhook ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("url", "ok", "said"),
    [
        ("http://127.0.0.1:9/hook", True, "its address may be sent to; nothing was sent"),
        ("http://localhost:9/hook", True, "its address may be sent to; nothing was sent"),
        ("http://10.0.0.1/hook", False, "forbidden_target: an address in 10.0.0.0/8 (private)"),
        ("https://no-such-host.invalid/hook", False, "host name not resolved"),
        (None, None, "has no url of its own"),
    ],
)
async def test_of_a_webhook_the_address_is_judged(url: str | None, ok: bool | None, said: str) -> None:
    reached = await reach(make.settings(url, timeout="10s"))
    assert reached.ok is ok
    assert reached.said.startswith(said)


async def test_a_name_that_leads_to_a_forbidden_address_is_told() -> None:
    reached = await reach(make.settings("https://localhost/hook", allow_networks=[]))
    assert reached.ok is False
    assert "loopback" in reached.said
    assert "allow_networks" in reached.said


# --- kafka, and those that nobody can ask ---------------------------------------------------------------------------


def bus(servers: tuple[str, ...], topic: str) -> KafkaSinkSettings:
    given = {"type": "kafka", "timeout": "10s", "bootstrap_servers": servers, "topic": topic}
    return KafkaSinkSettings.model_validate(given)


async def test_brokers_are_asked_for_the_topic(kafka: Kafka, prefix: str) -> None:
    missing = await reach(bus(kafka.bootstrap_servers, f"{prefix}.events"))
    assert missing.ok is True
    assert f"there is no topic {prefix}.events" in missing.said
    await create(kafka.bootstrap_servers, f"{prefix}.events")
    assert await reach(bus(kafka.bootstrap_servers, f"{prefix}.events")) == Reached(
        True, "connected, and the topic is there"
    )


async def test_no_broker() -> None:
    reached = await reach(bus((f"127.0.0.1:{NOBODY}",), "events"))
    assert reached.ok is False
    assert "Connection refused" in reached.said


@pytest.mark.parametrize("settings", [{"type": "console"}, {"type": "apprise", "urls": ["json://127.0.0.1:9"]}])
async def test_what_cannot_be_asked_is_said_not_to_be_tried(settings: dict[str, Any]) -> None:
    registered = REGISTRY[settings["type"]]
    reached = await registered.reach(registered.settings.model_validate(settings), SystemClock())
    assert reached.ok is None
