"""What the rules put off, from outside: quiet hours over a kill -9, and caps with their digest."""

import asyncio
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.outside.bodies import business, driver
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.people import mail, parts, subject
from tests.outside.program import Program
from tests.outside.waiting import until
from tests.sinks.mail_server import MailServer, says

NIGHT_LEFT = 15  # seconds until the morning, in the zone of the test


def zone(folder: Path, name: str, hour: int, at: datetime) -> str:
    """A time zone of our own (RFC 8536), where it is so many hours `at` that time. Found by PYTHONTZPATH."""
    east = hour * 3600 - (at.hour * 3600 + at.minute * 60 + at.second)
    offset = (east + 12 * 3600) % (24 * 3600) - 12 * 3600
    header = struct.pack(">4sc15x6l", b"TZif", b"\0", 0, 0, 0, 0, 1, 4)
    (folder / "Test").mkdir(parents=True, exist_ok=True)
    (folder / "Test" / name).write_bytes(header + struct.pack(">lBB", offset, 0, 0) + b"TST\0")
    return f"Test/{name}"


def rule(name: str, when: dict[str, Any], **send: Any) -> dict[str, Any]:
    extra = {key: send.pop(key) for key in ("class",) if key in send}
    return {"name": name, "when": when, "send": [{"sink": "mail", "to": "recipients", **send}], **extra}


async def only(program: Program, key: str, template: str = "") -> Any:
    """The one delivery of an order (that a rule made)."""
    rows = [it for it in await program.items(f"/v1/deliveries?key={key}") if not template or it["rule"] == template]
    assert len(rows) == 1, rows
    return rows[0]


async def test_quiet_hours_outlive_a_kill(api: OrderApi, mails: MailServer, programs: Start, tmp_path: Path) -> None:
    rules = [
        rule("deferred", {"type": "tracked", "labels": {"kind": "deferred"}}),
        rule("short", {"type": "tracked", "labels": {"kind": "short"}}, expires="2s"),
        rule("while", {"type": "tracked", "labels": {"kind": "while"}}, **{"while": {"phase": "assigned"}}),
        rule("critical", {"type": "tracked", "labels": {"kind": "critical"}}, template="driver_arrived"),
        rule("gone", {"type": "tracked", "labels": {"kind": "gone"}}),
    ]
    settings = config(api, None, rules=rules, quiet_hours={"from": "22:00", "to": "07:00"})
    settings["sinks"] = {"mail": mail(mails)}
    program = programs(settings, env={"PYTHONTZPATH": str(tmp_path / "zones")})
    await program.start()
    morning = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=NIGHT_LEFT)
    night, noon = zone(tmp_path / "zones", "Night", 7, morning), zone(tmp_path / "zones", "Noon", 12, morning)
    for kind in ("deferred", "short", "while", "critical", "gone", "awake"):
        api.show(kind, business("driving", performer=driver("Ivan", "A123BC")))
        who = {"email": f"{kind}@example.org", "timezone": noon if kind == "awake" else night}
        label = "deferred" if kind == "awake" else kind
        await program.watch("trips", kind, recipients=[who], labels={"kind": label})

    async def put_off() -> bool:
        held = [await program.items(f"/v1/deliveries?key=trips/{kind}") for kind in ("deferred", "while", "gone")]
        return all(len(rows) == 1 and rows[0]["reason"] == "quiet_hours" for rows in held)

    await until(put_off)
    await until(lambda: len(mails.taken) == 2)
    assert {taken.recipients[0] for taken in mails.taken} == {"critical@example.org", "awake@example.org"}
    waiting = await only(program, "trips/deferred")
    assert waiting["state"] == "pending"
    assert waiting["next_attempt_at"] == morning.strftime("%Y-%m-%dT%H:%M:%S.000Z")
    shown = await program.run("why", "trips/deferred")
    assert "quiet_hours" in shown.out
    assert await program.remove("trips/gone") == 204
    await api.play("while", business("transporting", performer=driver("Ivan", "A123BC")))
    await program.kill()
    await program.start()
    after = await only(program, "trips/deferred")
    assert datetime.now(UTC) >= morning or (after["state"], after["reason"]) == ("pending", "quiet_hours")
    await until(lambda: "deferred@example.org" in {taken.recipients[0] for taken in mails.taken}, program.log)
    assert datetime.now(UTC) >= morning
    (taken,) = (taken for taken in mails.taken if taken.recipients == ["deferred@example.org"])
    assert taken.mail["Message-ID"] == f"<{waiting['id']}@example.org>"
    parts(taken)

    async def over() -> bool:
        return not await program.items("/v1/deliveries?state=pending")

    await until(over)
    ends = {kind: await only(program, f"trips/{kind}") for kind in ("deferred", "short", "while", "critical", "gone")}
    assert {kind: (it["state"], it["reason"]) for kind, it in ends.items()} == {
        "deferred": ("delivered", None),
        "short": ("expired", "expired"),
        "while": ("expired", "overtaken"),
        "critical": ("delivered", None),
        "gone": ("expired", "removed"),
    }
    assert len(mails.taken) == 3
    assert "removed" in (await program.run("why", "trips/gone")).out


async def test_a_cap_and_one_digest_of_what_it_held_back(api: OrderApi, mails: MailServer, programs: Start) -> None:
    """The first mail takes all the room while it is on its way; what comes meanwhile is told by one digest."""
    let_go = asyncio.Event()

    async def slow(dialogue: Any) -> None:
        await let_go.wait()
        await says("250 2.0.0 taken")(dialogue)

    mails.faults["content"] = slow
    settings = config(api, None, rules=[rule("all", {"type": "tracked"})], caps={"recipient": "1/s", "all": "100/s"})
    settings["sinks"] = {"mail": mail(mails, timeout="60s")}
    program = programs(settings)
    await program.start()
    orders = [f"o{number}" for number in range(7)]
    for name in orders:
        api.show(name, business("driving", performer=driver("Ivan", "A123BC")))
        await program.watch("trips", name, recipients=[{"email": "busy@example.org", "locale": "ru"}])
    await until(lambda: mails.taken)
    api.show("other", business("driving", performer=driver("Ivan", "A123BC")))
    await program.watch("trips", "other", recipients=[{"email": "other@example.org"}])

    async def held() -> bool:
        rows = await program.items("/v1/deliveries?state=pending")
        return [it["reason"] for it in rows].count("capped") == len(orders) - 1

    await until(held)
    table = (await program.run("deliveries", "--state", "pending")).out
    assert table.count("capped") == len(orders) - 1
    await until(lambda: any(taken.recipients == ["other@example.org"] for taken in mails.taken))
    let_go.set()

    async def over() -> bool:
        return not await program.items("/v1/deliveries?state=pending")

    await until(over, program.log)
    first, digest = (taken for taken in mails.taken if taken.recipients == ["busy@example.org"])
    assert "6 отложенных сообщений" in subject(digest)
    text, html = parts(digest)
    told = [name for name in orders if f"заказ {name}:" in text]
    assert len(told) == 6
    assert all(name in html for name in told)
    assert set(orders) - set(told) == {name for name in orders if f"Заказ: {name}\r\n" in parts(first)[0]}
    rows = await program.items("/v1/deliveries?to=busy@example.org")
    assert {it["state"] for it in rows} == {"delivered"}
    messages = {it["message"] for it in rows if it["message"]}
    assert digest.mail["Message-ID"] in {f"<{message}@example.org>" for message in messages}
