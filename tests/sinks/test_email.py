"""What a mail is, how connections are used again, and what a mail server's words become."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import Reason
from notifier.sinks.base import Message, Outcome
from notifier.sinks.email import EmailSink, pool
from notifier.sinks.email.compose import LONGEST_SUBJECT, compose
from notifier.sinks.email.settings import mailbox
from tests.contracts.sink import T, published
from tests.net import certificates
from tests.sinks import mail_server
from tests.sinks.mail_server import PASSWORD, MailServer
from tests.sinks.test_email_contract import settings

TO = "anna@example.org"
HEADERS = {"Message-ID", "Date", "From", "To", "Subject", "Auto-Submitted", "MIME-Version", "Content-Type"}
SENDER = mailbox("Поездки, «Rides» <rides@example.org>")


@pytest.fixture
async def server() -> AsyncIterator[MailServer]:
    server = MailServer()
    await server.start()
    yield server
    await server.stop()


@asynccontextmanager
async def sink(server: MailServer, folder: Path | None = None, **fields: Any) -> AsyncIterator[EmailSink]:
    made = EmailSink(settings(server, folder, **fields))
    yield made
    await made.close()


def message(number: int = 1, to: str | None = TO, **fields: str) -> Message:
    told = {"subject": "Водитель приехал", "text": "Белый Kia Rio, A123BC", "html": "<p>Белый Kia Rio</p>"}
    return Message(f"d{number}", to, published(number), **{**told, **fields})


def parsed(message: Message) -> EmailMessage:
    mail = BytesParser(policy=default).parsebytes(compose(message, TO, SENDER).data)
    assert isinstance(mail, EmailMessage)
    return mail


# --- the mail -------------------------------------------------------------------------------------------------------


def test_the_headers_are_those_of_an_automatic_mail_to_one_person() -> None:
    mail = parsed(message())

    assert mail["Message-ID"] == "<d1@example.org>"
    assert mail["Date"].datetime.timestamp() * 1000 == T
    assert (mail["From"].addresses[0].display_name, mail["From"].addresses[0].addr_spec) == (
        "Поездки, «Rides»",
        "rides@example.org",
    )
    assert [address.addr_spec for address in mail["To"].addresses] == [TO]
    assert mail["Subject"] == "Водитель приехал"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert set(mail.keys()) == HEADERS


def test_text_and_html_are_alternatives() -> None:
    mail = parsed(message())
    text, html = mail.get_body(("plain",)), mail.get_body(("html",))
    assert isinstance(text, EmailMessage)
    assert isinstance(html, EmailMessage)

    assert mail.get_content_type() == "multipart/alternative"
    assert text.get_content().splitlines() == ["Белый Kia Rio, A123BC"]
    assert html.get_content().splitlines() == ["<p>Белый Kia Rio</p>"]
    assert {part["Content-Transfer-Encoding"] for part in (text, html)} == {"quoted-printable"}


def test_without_html_it_is_a_plain_text() -> None:
    assert parsed(message(html="")).get_content_type() == "text/plain"


def test_without_a_message_the_event_is_told_in_a_sentence() -> None:
    mail = parsed(Message("d1", TO, published()))

    assert "Order trips/885e has the status" in mail.get_content()
    assert mail["Subject"].startswith("Order trips/885e")


WILD = st.text(st.characters(), max_size=300)


@given(WILD, WILD, WILD)
def test_no_text_breaks_out_of_its_place(subject: str, text: str, html: str) -> None:
    raw = compose(message(subject=subject, text=text, html=html), TO, SENDER).data
    mail = parsed(message(subject=subject, text=text, html=html))

    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998  # RFC 5322, 2.1.1
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert len(mail["To"].addresses) == 1
    assert len(set(mail.keys())) == len(mail.keys())
    assert set(mail.keys()) <= HEADERS | {"Content-Transfer-Encoding"}
    assert str(mail["Subject"]).isprintable()
    assert len(str(mail["Subject"])) <= LONGEST_SUBJECT


@pytest.mark.parametrize(
    ("subject", "shown"),
    [
        ("Ride\r\nBcc: b@example.org", "Ride Bcc: b@example.org"),
        ("a\x00\x1b[31m\u202egnp.exe", "a [31m gnp.exe"),
        ('Анна, «Борис» <b@example.org>; "x"', 'Анна, «Борис» <b@example.org>; "x"'),
        ("=?utf-8?q?for=0D=0Aged?=", "= ?utf-8?q?for=0D=0Aged?="),
        ("ы" * 300, "ы" * 199 + "…"),
    ],
)
def test_a_subject_is_one_line(subject: str, shown: str) -> None:
    assert str(parsed(message(subject=subject))["Subject"]) == shown


def test_a_repeat_is_the_same_to_the_byte_and_another_mail_is_not() -> None:
    assert compose(message(), TO, SENDER) == compose(message(), TO, SENDER)
    assert compose(message(1), TO, SENDER).data != compose(message(2), TO, SENDER).data


# --- the addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "to",
    [
        None,
        "",
        "a@example.org,b@example.org",
        "Anna <a@example.org>",
        "a@example.org\r\nBcc: b@c.d",
        "a@пример.рф",
        "+7912",
    ],
)
async def test_what_is_not_one_address_is_dead_without_a_dialogue(server: MailServer, to: str | None) -> None:
    async with sink(server) as mail:
        outcome = await mail.send(message(to=to), T)

    assert (outcome.kind, outcome.reason) == ("dead", Reason.NO_ADDRESS)
    assert server.connections == 0


async def test_the_envelope_has_one_sender_and_one_recipient(server: MailServer) -> None:
    async with sink(server) as mail:
        assert await mail.send(message(), T) == Outcome("delivered", "250")

    (taken,) = server.taken
    assert (taken.sender, taken.recipients) == ("rides@example.org", [TO])
    assert taken.mail["Message-ID"] == "<d1@example.org>"


async def test_a_line_that_begins_with_a_dot_stays_whole(server: MailServer) -> None:
    async with sink(server) as mail:
        await mail.send(message(text=".\n..\r\n.hidden", html=""), T)

    assert server.taken[0].mail.get_content().splitlines() == [".", "..", ".hidden"]


# --- the connections ------------------------------------------------------------------------------------------------


async def test_a_connection_is_used_again(server: MailServer) -> None:
    async with sink(server) as mail:
        for number in range(1, 6):
            assert (await mail.send(message(number), T)).kind == "delivered"

    assert (server.connections, len(server.taken)) == (1, 5)
    assert server.commands.count("AUTH") == 1
    assert server.commands.count("RSET") == 4


async def test_at_most_so_many_stand_at_once(server: MailServer) -> None:
    async with sink(server, connections=3) as mail:
        outcomes = await asyncio.gather(*(mail.send(message(number), T) for number in range(1, 21)))

    assert {outcome.kind for outcome in outcomes} == {"delivered"}
    assert server.connections <= 3
    assert len({taken.mail["Message-ID"] for taken in server.taken}) == 20


@pytest.mark.parametrize("state", ["RSET", "MAIL", "RCPT"])
@pytest.mark.parametrize("end", [mail_server.closes, mail_server.resets, mail_server.closing])
async def test_a_stale_connection_is_replaced_without_a_lost_or_doubled_mail(
    server: MailServer, state: str, end: mail_server.Misbehave
) -> None:
    """The server ends it as soon as it is used again; on a new one it behaves."""
    async with sink(server) as mail:
        await mail.send(message(1), T)

        async def once(dialogue: Any) -> None:
            server.faults = {}
            await end(dialogue)

        server.faults = {state: once}
        outcome = await mail.send(message(2), T)

    assert outcome.kind == "delivered"
    assert [taken.mail["Message-ID"] for taken in server.taken] == ["<d1@example.org>", "<d2@example.org>"]
    assert server.connections == 2


async def test_connections_that_a_restarted_server_forgot_are_replaced(server: MailServer) -> None:
    async with sink(server) as mail:
        await asyncio.gather(*(mail.send(message(number), T) for number in range(1, 5)))
        await server.stop()
        await server.start()
        outcomes = [await mail.send(message(number), T) for number in range(5, 9)]

    assert {outcome.kind for outcome in outcomes} == {"delivered"}
    assert len({taken.mail["Message-ID"] for taken in server.taken}) == len(server.taken) == 8


async def test_a_used_connection_that_does_not_answer_is_replaced_in_time(
    server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pool, "TO_ANSWER", 0.05)
    async with sink(server) as mail:
        await mail.send(message(1), T)
        server.faults = {"RSET": mail_server.hangs}
        assert (await mail.send(message(2), T)).kind == "delivered"

    assert server.connections == 2


async def test_a_broken_end_is_tried_again_with_the_same_message_id(server: MailServer) -> None:
    async with sink(server) as mail:
        server.faults = {"content": mail_server.closes}
        first = await mail.send(message(), T)
        server.faults = {}
        second = await mail.send(message(), T + 5_000)

    assert (first.kind, first.reason, second.kind) == ("again", Reason.CONNECTION, "delivered")
    assert first.detail == "connection broken off (DATA)"
    assert server.taken[0] == server.taken[1]


async def test_a_refused_mail_leaves_the_connection_to_the_next(server: MailServer) -> None:
    async with sink(server) as mail:
        server.faults = {"RCPT": mail_server.says("550 5.1.1 nobody")}
        assert (await mail.send(message(1), T)).kind == "dead"
        server.faults = {}
        assert (await mail.send(message(2), T)).kind == "delivered"

    assert server.connections == 1
    assert [taken.mail["Message-ID"] for taken in server.taken] == ["<d2@example.org>"]


async def test_idle_connections_are_ended(server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "IDLE", 0.05)
    async with sink(server) as mail:
        await mail.send(message(), T)
        async with asyncio.timeout(5):
            while server.open:
                await asyncio.sleep(0.01)

        assert server.commands[-1] == "QUIT"
        assert (await mail.send(message(2), T)).kind == "delivered"


async def test_closing_says_goodbye(server: MailServer) -> None:
    async with sink(server) as mail:
        await mail.send(message(), T)

    assert server.commands[-1] == "QUIT"
    outcome = await mail.send(message(2), T)
    assert (outcome.kind, outcome.reason) == ("again", Reason.CONNECTION)


# --- encryption and login -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
async def test_encryption(tls: str, tmp_path: Path) -> None:
    server = MailServer(certificates.make(tmp_path).server, implicit=tls == "implicit")
    await server.start()
    async with sink(server, tmp_path, tls=tls) as mail:
        outcome = await mail.send(message(), T)
    await server.stop()

    assert outcome.kind == "delivered"
    assert ("STARTTLS" in server.commands) == (tls == "starttls")


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize(("host", "days", "said"), [("127.0.0.2", 1, "mismatch"), ("127.0.0.1", -1, "expired")])
async def test_a_certificate_that_is_not_valid_is_named(
    tls: str, host: str, days: int, said: str, tmp_path: Path
) -> None:
    server = MailServer(certificates.make(tmp_path, host, days).server, implicit=tls == "implicit")
    await server.start()
    async with sink(server, tmp_path, tls=tls) as mail:
        outcome = await mail.send(message(), T)
    await server.stop()

    assert (outcome.kind, outcome.reason) == ("again", Reason.TLS)
    assert said in outcome.detail
    assert server.taken == []


async def test_without_starttls_nothing_is_said_in_the_clear(server: MailServer) -> None:
    async with sink(server, tls="starttls") as mail:
        outcome = await mail.send(message(), T)

    assert (outcome.kind, outcome.reason) == ("again", Reason.TLS)
    assert outcome.detail.startswith("the server offers no STARTTLS")
    assert server.commands == ["EHLO"]


async def test_a_wrong_password_is_told_with_the_servers_words(server: MailServer, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("wrong\n")
    async with sink(server, password=None, password_file=str(file)) as mail:
        outcome = await mail.send(message(), T)
        assert (outcome.kind, outcome.status, outcome.reason) == ("dead", "535", Reason.UNAUTHORIZED)
        assert outcome.detail == "5.7.8 Authentication credentials invalid"

        file.write_text(PASSWORD)
        assert (await mail.send(message(), T)).kind == "delivered"


@pytest.mark.parametrize("way", ["PLAIN", "LOGIN"])
async def test_each_way_of_login(server: MailServer, way: str) -> None:
    server.mechanisms = {way}
    async with sink(server) as mail:
        assert (await mail.send(message(), T)).kind == "delivered"


async def test_a_server_without_login_is_told_apart(server: MailServer) -> None:
    server.mechanisms = set()
    async with sink(server) as mail:
        outcome = await mail.send(message(), T)

    assert (outcome.kind, outcome.reason) == ("again", Reason.UNAUTHORIZED)
    assert "offers no login" in outcome.detail


async def test_a_server_that_hangs_up_after_refusing_a_login_has_refused(server: MailServer) -> None:
    async def refuses(dialogue: Any) -> None:
        await dialogue.push("535 5.7.8 no")
        dialogue.transport.close()

    server.faults = {"AUTH": refuses}
    async with sink(server) as mail:
        outcome = await mail.send(message(), T)

    assert (outcome.kind, outcome.detail) == ("dead", "5.7.8 no")


async def test_a_server_without_extensions_is_greeted_the_old_way(server: MailServer) -> None:
    async def old(dialogue: Any) -> None:
        server.faults = {}
        await dialogue.push("502 5.5.2 what?")

    server.faults = {"EHLO": old}
    async with sink(server, username=None, password=None) as mail:
        assert (await mail.send(message(), T)).kind == "delivered"
    assert server.commands[:2] == ["EHLO", "HELO"]


async def test_a_refused_connection_and_an_unknown_host_are_told_apart() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        server = MailServer()
        server.port = free.getsockname()[1]
        async with sink(server) as mail:
            refused = await mail.send(message(), T)
    async with sink(server, host="nowhere.invalid", tls="starttls") as mail:
        unknown = await mail.send(message(), T)

    assert refused == Outcome("again", None, Reason.CONNECTION, "not connected: Connection refused (connect)")
    assert unknown == Outcome("again", None, Reason.CONNECTION, "host name not resolved (connect)")


async def test_an_endpoint_is_the_server(server: MailServer) -> None:
    async with sink(server) as mail:
        assert mail.endpoint("a@example.org") == mail.endpoint("b@example.org") == f"127.0.0.1:{server.port}"
