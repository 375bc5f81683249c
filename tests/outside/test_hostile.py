"""Names, comments and labels that are meant to do harm, through every real sink and every command that shows them."""

import json
import re
import unicodedata
from typing import Any

import pytest

from tests.outside.bodies import business, item, log, track
from tests.outside.configs import config, source, webhook
from tests.outside.conftest import Start
from tests.outside.gateways import Gateways
from tests.outside.order_api import OrderApi
from tests.outside.people import mail, parts, subject
from tests.outside.program import Program
from tests.outside.receiver import Receiver
from tests.outside.waiting import until
from tests.sinks.mail_server import MailServer

HOSTILE = {
    "crlf": "Ivan\r\nBcc: evil@example.net\r\nX-Evil: 1\r\n\r\n<h1>Owned</h1>",
    "bare": "Ivan\nTo: evil@example.net\rCc: evil@example.net",
    "comma": 'Petrov, Ivan <evil@example.net>, evil@example.net; "x" (y)',
    "code": "{{ 7*7 }}{% for x in range(9) %}{{ x }}{% endfor %}{{ ''.__class__.__mro__ }}{# gone #}",
    "braces": "{text}{key}{to}{secret}{0}%s%(x)s${HOME}",
    "html": "<script>alert(1)</script><img src=x onerror=alert(1)>\" onclick=\"x' <a href='//evil.example.net'>",
    "control": "Iv\x00an\x07\x1b[31mred\x1b]0;title\x07\x08\x7f\x9b2J",
    "bidi": "Ivan\u202e\u2066gnp.exe\u2069\u200f\u061c\u202d",
    "hidden": "I\u200bv\u2060a\ufeffn\u00ad\U000e0041\U000e0001",
    "lines": "Ivan\u2028second\u2029third\x85fourth\x0bfifth",
    "encoded": "=?utf-8?q?Bcc:_evil=40example.net?= =?utf-8?b?PGgxPg==?=",
    "dots": "Ivan\r\n.\r\nMAIL FROM:<evil@example.net>\r\n.",
    "long": "Ж" * 3000,
    "marks": "Z" + "\u0301" * 500,
    "right": "مرحبا بك",
}
UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u061c\u202a-\u202e\u2028\u2029\u2060\ufeff\u00ad]"
)
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
RULES = [
    {"name": "all", "when": {"type": ["tracked", "status_changed", "performer_changed", "history_added"]}, "send": [
        {"sink": "mail", "to": "recipients"}, {"sink": "http", "to": "recipients"},
        {"sink": "twilio", "to": "recipients"}, {"sink": "vonage", "to": "recipients"},
        {"sink": "hook"}, {"sink": "chat"}, {"sink": "out"}, {"sink": "line"},
    ]},
]  # fmt: skip


def ride(text: str) -> dict[str, Any]:
    place = {"fullname": text, "geopoint": [37.5, 55.7]}
    return business(
        "driving",
        performer={
            "fullname": text,
            "phone": "+79120995513",
            "vehicle": {"model": text, "number": text, "color": text},
        },
        source=place,
        destination=place,
        cancel_rules={"can_cancel": True, "message": text, "state": "free", "title": text},
        **{"class": text[:60]},
    )


def parcel(text: str) -> dict[str, Any]:
    history = [item("ORDER_CREATED", 0, initiator=text), item("START", 5, initiator=text)]
    return track("new", [log("new", 0)], history, customer_name=text, number=text, address=text)


@pytest.fixture
async def program(api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways, programs: Start) -> Program:
    settings = config(api, hook, rules=RULES, events={"personal_data": True}, log={"level": "debug"})
    settings["sources"]["parcels"] = source("track_trace", api)
    settings["sinks"] |= {
        "mail": mail(mails),
        **{name: texts.sink(name) for name in ("http", "twilio", "vonage")},
        "chat": webhook(hook, url=f"{hook.base}/chat", body={"text": "{text}", "k": "{key} {status}"}),
        "out": {"type": "console"},
        "line": {"type": "console", "format": "text"},
    }
    made = programs(settings)
    await made.start()
    return made


async def test_no_name_does_harm(
    program: Program, api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways
) -> None:
    keys: dict[str, str] = {}
    for number, (name, text) in enumerate(HOSTILE.items()):
        for source_, order, body in (("trips", name, ride(text)), ("parcels", str(100 + number), parcel(text))):
            api.show(order, body)
            who = {"email": f"{name}-{source_}@example.org", "phone": f"+79120000{number:02d}{source_ == 'trips':d}"}
            clean = "".join(each for each in text if each.isprintable())[:200]
            labels = {"team": clean, clean[:60] or "x": "y"}
            key = (await program.watch(source_, order, recipients=[who], labels=labels))["key"]
            keys[key] = text

    async def told() -> bool:
        rows = await program.items("/v1/deliveries")
        return len(rows) == len(keys) * 8 and all(it["next_attempt_at"] is None for it in rows)

    await until(told, program.log, within=60)
    rows = await program.items("/v1/deliveries")
    assert {it["state"] for it in rows} == {"delivered"}, [it for it in rows if it["state"] != "delivered"]
    check_mails(mails)
    check_texts(texts)
    check_hooks(hook, keys)
    check_console(program, len(keys))
    await check_commands(program)


def check_mails(mails: MailServer) -> None:
    assert len(mails.taken) == 2 * len(HOSTILE)
    for taken in mails.taken:
        name, _, _ = taken.recipients[0].partition("-")
        text, html = parts(taken)  # one recipient, no header but ours
        assert "evil" not in json.dumps(taken.recipients)
        assert "\n" not in subject(taken)
        assert len(subject(taken)) <= 200
        for shown in (subject(taken), text.replace("\r\n", "\n"), html.replace("\r\n", "\n")):
            check_unseen(name, shown)
        assert "<script" not in html
        assert "<img" not in html
        assert "<h1>Owned" not in html
        assert 'onclick="' not in html
        assert "evil.example.net'>" not in html.replace("&#39;", "")
        assert not any(line.lower().startswith(("bcc:", "cc:", "x-evil:", "mail from")) for line in text.split("\n"))
        assert b"\r\n.\r\n" not in taken.content
        if name == "code" and "trips" in taken.recipients[0]:
            assert "{{ 7*7 }}" in text  # as it stands
            assert "49" not in subject(taken)


def check_unseen(name: str, text: str) -> None:
    assert not UNSEEN.search(text), (name, UNSEEN.findall(text))
    assert text.count("\u2068") == text.count("\u2069")
    assert not any(unicodedata.category(each) in ("Cs", "Co") for each in text)


def check_texts(texts: Gateways) -> None:
    assert len(texts.taken) == 3 * 2 * len(HOSTILE)
    for text in texts.taken:
        assert re.fullmatch(r"\+79120000\d{3}", text.to)
        assert "\n" not in text.text
        assert "\r" not in text.text
        check_unseen(text.gateway, text.text)
        assert len(text.text.encode("utf-16-be")) // 2 <= 3 * 153
        assert "gateway-s3cret-word" not in text.text
    by_order = {(text.to, text.gateway): text.text for text in texts.taken}
    for to in {to for to, _ in by_order}:
        assert len({by_order[to, name] for name in ("http", "twilio", "vonage")}) == 1


def check_hooks(hook: Receiver, keys: dict[str, str]) -> None:
    standard = [taken for taken in hook.received if taken.path == "/hook"]
    assert {taken.key for taken in standard} == set(keys)
    chats = [taken for taken in hook.received if taken.path == "/chat"]
    assert len(chats) == len(keys)
    for taken in chats:
        said = json.loads(taken.body)
        assert set(said) == {"text", "k"}
        check_unseen("chat", said["text"])
        assert "\n" not in said["text"]
    assert {json.loads(taken.body)["k"].partition(" ")[0] for taken in chats} == set(keys)


def check_console(program: Program, orders: int) -> None:
    """One line an event, whatever it tells; a terminal obeys none of it."""
    lines = program.stdout.read_bytes().decode().split("\n")
    assert lines.pop() == ""
    assert len(lines) == orders * 2
    assert len([line for line in lines if line.startswith("{") and json.loads(line)["specversion"]]) == orders
    assert not [line for line in lines if STEERING.search(line)]


async def check_commands(program: Program) -> None:
    """What people read of it holds nothing unseen, what programs read nothing that steers the terminal it ends in."""
    orders = [f"trips/{name}" for name in ("control", "bidi")]
    tables = [
        ("deliveries",),
        ("orders",),
        ("watch", "list"),
        *((word, key) for key in orders for word in ("why", "orders")),
    ]
    for command in tables:
        shown = await program.run(*command)
        assert shown.code == 0, shown
        assert not UNSEEN.search(shown.out), (command, UNSEEN.findall(shown.out))
    for key in orders:
        shown = await program.run("orders", key, "--json")
        assert shown.json["snapshot"]["performer"]["name"]
        assert not STEERING.search(shown.out), STEERING.findall(shown.out)
    assert not STEERING.search(program.stderr.read_text())


async def test_addresses_that_are_several_or_none_are_refused(program: Program, mails: MailServer) -> None:
    addresses = [
        "a@example.org,b@example.org", "a@example.org, b@example.org", "a@example.org;b@example.org",
        "Anna <a@example.org>", "a@example.org\r\nBcc: b@example.org", "a@example.org\n", " a@example.org",
        "a@example.org b@example.org", "a@b@example.org", "\"a b\"@example.org", "a@example.org\x00", "a@[127.0.0.1]",
        "a(comment)@example.org", "<a@example.org>", "группа@example.org", "a@exämple.org", "",
    ]  # fmt: skip
    phones = ["+79120995513,,95576", "+7912\r\n0995513", "+79120995513;+79120995514", "12345", "+7912099551３"]
    for each in [{"email": address} for address in addresses] + [{"phone": phone} for phone in phones]:
        body = {"source": "trips", "ids": {"order_id": "o"}, "recipients": [each]}
        answer = await program.ask("POST", "/v1/watches", body)
        assert answer.status == 422, each
        assert answer.json["errors"][0]["path"].startswith("recipients")
    for address in addresses:
        if "\x00" not in address:
            assert (await program.run("send-test", "mail", "--to", address)).code in (1, 2), address
    assert mails.taken == []
