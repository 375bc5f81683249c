"""From the order API to the mail, the SMS and the chat: a ride as people are told of it, and what commands show."""

import asyncio
import json
from typing import Any

from tests.outside.bodies import business, completed, driver
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.gateways import Gateways
from tests.outside.order_api import OrderApi
from tests.outside.people import mail, parts, subject
from tests.outside.program import Program
from tests.outside.receiver import SECRET, Receiver, signature
from tests.outside.waiting import until
from tests.sinks.mail_server import MailServer, Taken

DRIVER = driver("Иван Петров", "А123ВС777", "Kia Rio", "white")
RIDER = "anna@example.org"
BODY = {"text": "{text}", "about": {"key": "{key}", "phase": "{phase}"}}
RULES = [
    {"name": "arrived", "when": {"type": ["tracked", "phase_changed"], "phase": "arrived"}, "send": [
        {"sink": "mail", "to": "recipients", "template": "driver_arrived"},
        {"sink": "text", "to": "recipients", "template": "driver_arrived"},
    ]},
    {"name": "time", "when": {"type": "schedule_changed"}, "send": [{"sink": "mail", "to": "recipients"}]},
    {"name": "over", "when": {"phase": "completed"}, "send": [
        {"sink": "mail", "to": "recipients", "template": "finished"},
        {"sink": "text", "to": "recipients", "template": "finished"},
    ]},
    {"name": "chat", "when": {"phase": ["arrived", "completed"]}, "send": [{"sink": "hook"}]},
]  # fmt: skip
PEOPLE = [
    {"email": "ru@example.org", "phone": "+79120000001", "locale": "ru-RU", "timezone": "Asia/Vladivostok"},
    {"email": "en@example.org", "phone": "+12025550123", "locale": "en", "timezone": "America/New_York"},
    {"email": "zone@example.org", "locale": "en"},  # the source's
]


def settings(api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways) -> dict[str, Any]:
    whole = config(api, hook, source={"timezone": "Europe/Moscow"}, sink={"body": BODY}, rules=RULES)
    whole["sinks"] |= {"mail": mail(mails), "text": texts.sink("http")}
    return whole


def to(mails: MailServer, address: str) -> list[Taken]:
    return [taken for taken in mails.taken if taken.recipients == [address]]


async def delivered(program: Program, key: str, count: int) -> list[Any]:
    """All deliveries of an order, as soon as there are `count` and none is open."""
    found: list[Any] = []

    async def over() -> bool:
        found[:] = await program.items(f"/v1/deliveries?key={key}")
        return len(found) >= count and all(it["next_attempt_at"] is None for it in found)

    await until(over, lambda: json.dumps(found, indent=1, ensure_ascii=False))
    assert len(found) == count
    return found


async def test_a_ride_from_the_order_api_to_the_people(
    api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways, programs: Start
) -> None:
    program = programs(settings(api, hook, mails, texts))
    await program.start()
    at = {"due_date": "2026-12-10T10:54:55+03:00"}
    api.show("o", business("driving", performer=DRIVER, **at))
    key = (await program.watch("trips", "o", recipients=PEOPLE))["key"]
    await api.seen("o", 4)
    await api.play("o", business("waiting", performer=DRIVER, **at))
    at = {"due_date": "2026-12-10T11:30:00+03:00"}
    await api.play("o", business("waiting", performer=DRIVER, **at), business("transporting", performer=DRIVER, **at))
    await api.play("o", completed() | {"performer": DRIVER} | at)
    rows = await delivered(program, key, 17)
    assert {(it["sink"], it["state"]) for it in rows if it["to"] or it["sink"] == "hook"} == {
        ("mail", "delivered"), ("text", "delivered"), ("hook", "delivered"),
    }  # fmt: skip
    assert [(it["sink"], it["state"], it["reason"]) for it in rows if it["state"] != "delivered"] == [
        ("text", "skipped", "no_address")
    ] * 2
    check_mails(mails)
    check_texts(texts)
    check_chat(hook, key)
    await check_commands(program, key)


def check_mails(mails: MailServer) -> None:
    said = {
        address: [subject(taken) for taken in to(mails, address)] for address in ("ru@example.org", "en@example.org")
    }
    assert said == {
        "ru@example.org": [
            "Водитель приехал: white Kia Rio, А123ВС777",
            "Время изменилось: 10 дек., 18:30",
            "Поездка завершена: 2 625,60 ₽",
        ],
        "en@example.org": [
            "Your driver has arrived: white Kia Rio, А123ВС777",
            "The time has changed: Dec 10, 03:30",
            "Your ride is over: RUB 2,625.60",
        ],
    }
    # The same moment on three clocks; a mail names the zone that is not its reader's own.
    for address, moment in (("ru", "18:30"), ("en", "03:30"), ("zone", "11:30")):
        changed = to(mails, f"{address}@example.org")[1]
        for part in parts(changed):
            assert moment in part
            assert ("All times are those of" in part) == (address == "zone")
    for taken in mails.taken:
        text, html = parts(taken)
        assert "Иван Петров" in text
        assert "Иван Петров" in html
        assert 'href="tel:' in html


def check_texts(texts: Gateways) -> None:
    assert texts.texts(to="+79120000001") == [
        "Водитель приехал: white Kia Rio, А123ВС777, +79120995513,,95576",
        "Поездка завершена: 2 625,60 ₽",
    ]
    assert texts.texts(to="+12025550123") == [
        "Your driver has arrived: white Kia Rio, А123ВС777, +79120995513,,95576",
        "Your ride is over: RUB 2,625.60",
    ]


def check_chat(hook: Receiver, key: str) -> None:
    assert [json.loads(taken.body) for taken in hook.received] == [
        {"text": "Your driver has arrived", "about": {"key": key, "phase": "arrived"}},
        {"text": "Your ride is over", "about": {"key": key, "phase": "completed"}},
    ]
    for taken in hook.received:
        assert signature(SECRET, taken.id, taken.timestamp, taken.body) in taken.signatures


async def check_commands(program: Program, key: str) -> None:
    table, attempts, why = await asyncio.gather(
        program.run("deliveries", "--key", key),
        program.run("deliveries", "--key", key, "--attempts"),
        program.run("why", key),
    )
    for shown in (table, attempts, why):
        assert shown.code == 0, shown
        assert "r***@example.org" in shown.out
        assert "+7•••01" in shown.out
        for secret in ("ru@example.org", "+79120000001", "Иван", "А123ВС777"):
            assert secret not in shown.out.replace("\n", "")
    assert "no_address" in table.out
    assert len(attempts.out.splitlines()) == 1 + 15
    assert "no_address" in why.out
    told = (await program.run("why", key, "--json")).json
    rules = [it["rule"] for event in told["events"] for it in event["deliveries"] if "rule" in it]
    assert set(rules) == {"arrived", "time", "over", "chat"}


async def test_send_test_and_render(
    api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways, programs: Start
) -> None:
    program = programs(settings(api, hook, mails, texts))  # it need not run
    done = await asyncio.gather(
        program.run("send-test", "mail", "--to", RIDER, "--locale", "ru"),
        program.run("send-test", "text", "--to", "+7 (912) 000-00-01"),
        program.run("send-test", "hook"),
        program.run("send-test", "mail", "--to", "a@example.org, b@example.org"),
        program.run("send-test", "text", "--to", "+7912"),
        program.run("render", "--template", "driver_arrived", "--locale", "ru", "--sink", "sms"),
        program.run("render", "--template", "driver_arrived", "--locale", "en", "--html"),
    )
    assert [each.code for each in done] == [0, 0, 0, 2, 2, 0, 0], done
    (taken,) = mails.taken
    assert taken.recipients == [RIDER]
    text, _ = parts(taken)
    assert "уведомлен" in text.lower() or "сообщени" in text.lower()
    assert [each.to for each in texts.taken] == ["+79120000001"]
    assert [each.status for each in hook.received] == [204]
    assert "one plain email address" in done[3].err
    assert "not a phone number" in done[4].err
    assert done[5].out.startswith("Водитель приехал: ")
    assert "<html" in done[6].out
