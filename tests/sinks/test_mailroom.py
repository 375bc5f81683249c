"""The demo's mail server takes what the email sink sends, and shows it without letting it do anything."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from notifier.sinks.base import Message
from notifier.sinks.email import EmailSettings, EmailSink
from notifier.sinks.mailroom import Mailroom
from tests.contracts.sink import T, published


@pytest.fixture
async def room() -> AsyncIterator[Mailroom]:
    room = Mailroom()
    await room.start()
    yield room
    await room.close()


async def send(room: Mailroom, *messages: Message) -> None:
    values = {"type": "email", "host": "127.0.0.1", "port": room.smtp_port, "sender": "Rides <rides@example.org>"}
    sink = EmailSink(EmailSettings.model_validate(values))
    for message in messages:
        assert (await sink.send(message, T)).kind == "delivered"
    await sink.close()


async def get(room: Mailroom, path: str) -> tuple[int, str, str]:
    async with aiohttp.ClientSession() as session, session.get(room.url + path) as response:
        return response.status, await response.text(), response.headers.get("Content-Security-Policy", "")


def mail(number: int, **fields: str) -> Message:
    told = {"subject": "Водитель приехал", "text": "Белый Kia Rio", "html": "<p>Белый <b>Kia Rio</b></p>"}
    return Message(f"d{number}", "anna@example.org", published(number), **{**told, **fields})


async def test_mails_are_listed_and_shown(room: Mailroom) -> None:
    await send(room, mail(1), mail(2, subject="Second", html=""))
    status, page, policy = await get(room, "")

    assert (status, room.count) == (200, 2)
    assert page.index("Second") < page.index("Водитель приехал")
    assert page.count("anna@example.org") == 2
    assert "default-src 'none'" in policy
    assert "<b>Kia Rio</b>" in (await get(room, "1"))[1]
    assert (await get(room, "2"))[1].strip() == "Белый Kia Rio"
    assert "Message-ID: <d1@example.org>" in (await get(room, "1.eml"))[1]
    assert (await get(room, "3"))[0] == 404


async def test_what_is_in_a_mail_can_do_nothing(room: Mailroom) -> None:
    await send(room, mail(1, subject="<script>alert(1)</script>", html="<script>alert(1)</script>"))

    assert "<script>" not in (await get(room, ""))[1]
    assert (await get(room, "1"))[2].startswith("sandbox; default-src 'none'")
