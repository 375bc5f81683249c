"""What is kept of people, and how long: in the file, in what commands list, and in the log at its most talkative."""

import sqlite3
from pathlib import Path
from typing import Any

from tests.outside.bodies import business
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.gateways import ACCOUNT, API_KEY, API_SECRET, OUR_SECRET, TOKEN, Gateways
from tests.outside.order_api import OrderApi
from tests.outside.people import mail
from tests.outside.program import Program
from tests.outside.receiver import SECRET, Receiver
from tests.outside.waiting import until
from tests.sinks.mail_server import MailServer, says

NAME, PLATE, PHONE, STREET = "Stanimir Personal", "P123EE777", "+79031112233", "Secret street 17"
PERFORMER = {"vehicle": {"model": "Kia Rio", "number": PLATE, "color": "white"}, "fullname": NAME, "phone": PHONE}
PEOPLE = [
    {"email": "anna.personal@example.org", "phone": "+79120000001", "locale": "en"},
    {"email": "refused@example.org"},
    {"webhook": "https://127.0.0.1:9/t0ken-in-the-path"},  # a private network: forbidden
]
PERSONAL = (NAME, PLATE, PHONE, STREET)
ADDRESSES = ("anna.personal@example.org", "refused@example.org", "+79120000001", "79120000001", "t0ken-in-the-path")
SECRETS = (SECRET, TOKEN, API_SECRET, OUR_SECRET, "t0ken", API_KEY, ACCOUNT)


def deliveries_in(file: Path) -> dict[tuple[str, str], bytes]:
    """By sink and state: all that the deliveries' rows hold, the events stored with them included."""
    with sqlite3.connect(f"file:{file}?mode=ro", uri=True) as connection:
        found: dict[tuple[str, str], bytes] = {}
        for sink, state, *blobs in connection.execute("SELECT sink, state, record, sealed FROM deliveries"):
            found[sink, state] = found.get((sink, state), b"") + b"".join(filter(None, blobs))
    connection.close()
    return found


def whole(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.iterdir()))


async def finished(program: Program, count: int) -> list[Any]:
    found: list[Any] = []

    async def over() -> bool:
        found[:] = await program.items("/v1/deliveries")
        return len(found) == count and all(it["next_attempt_at"] is None for it in found)

    await until(over, lambda: f"{found}\n{program.log()}")
    return found


async def test_personal_data_goes_when_it_was_told(
    api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways, programs: Start
) -> None:
    async def refuse(dialogue: Any) -> None:
        refused = mails.taken[-1].recipients == ["refused@example.org"]
        mails.taken = mails.taken[:-1] if refused else mails.taken
        answer = f"554 5.7.1 <refused@example.org> ({PHONE}) is not wanted" if refused else "250 2.0.0 taken"
        await says(answer)(dialogue)

    mails.faults["content"] = refuse
    send = [{"sink": name, "to": "recipients", "template": "driver_arrived"} for name in ("mail", "text", "hooks")]
    for each in send:
        if each["sink"] == "hooks":
            del each["template"]
    rules = [{"name": "all", "when": {"type": "tracked"}, "send": [{"sink": "hook"}, *send]}]
    settings = config(api, hook, rules=rules, retention="4s", log={"level": "debug"})
    settings["sinks"] |= {
        "mail": mail(mails),
        "text": texts.sink("twilio"),
        "hooks": {"type": "webhook", "secret": SECRET},
    }
    program = programs(settings)
    await program.start()
    place = {"fullname": STREET, "geopoint": [37.123456, 55.654321]}
    api.show("o", business("waiting", performer=PERFORMER, source=place, destination=place))
    await program.watch("trips", "o", recipients=PEOPLE)
    rows = await finished(program, 8)
    states = {(it["sink"], it["state"]) for it in rows}
    assert states >= {
        ("mail", "delivered"),
        ("mail", "dead"),
        ("text", "delivered"),
        ("hooks", "dead"),
        ("hook", "delivered"),
    }

    # In the file: what was told is gone from the deliveries; what may be told yet (dead, an operator's retry) is not.
    file = program.folder / "var" / "notifier.db"
    stored = deliveries_in(file)
    assert set(stored) == states
    for (sink, state), held in stored.items():
        kept = [text for text in PERSONAL if text.encode() in held]
        assert kept == (list(PERSONAL) if (sink, state) == ("mail", "dead") else []), (sink, state, kept)
    (dead,) = (it for it in rows if (it["sink"], it["state"]) == ("mail", "dead"))
    assert "refused@example.org" not in dead["reason"]
    assert PHONE not in dead["reason"]
    await check_shown(program)

    # Told after all: gone as well.
    del mails.faults["content"]
    assert (await program.run("deliveries", "retry", dead["id"])).code == 0
    await until(lambda: any(NAME in taken.content.decode() for taken in mails.taken[1:]), program.log)
    await finished(program, len(rows))
    assert not [text for text in PERSONAL if text.encode() in b"".join(deliveries_in(file).values())]

    # After retention nothing at all is left, in the free pages of the file neither.
    assert await program.remove("trips/o") == 204
    assert len((await program.run("deliveries")).out.splitlines()) == 1 + len(rows)

    async def forgotten() -> bool:
        return (await program.get("/v1/orders/trips/o")).status == 404

    await until(forgotten)
    assert await program.items("/v1/deliveries") == []
    assert (await program.run("deliveries")).out == ""
    code, _ = await program.stop()
    assert code == 0
    left = whole(file.parent)
    assert not [text for text in (*PERSONAL, *ADDRESSES) if text.encode() in left]
    check_log(program)


async def check_shown(program: Program) -> None:
    for command in (("deliveries",), ("deliveries", "--attempts"), ("deliveries", "--json"), ("why", "trips/o")):
        shown = await program.run(*command)
        assert shown.code == 0, shown
        assert "a***@example.org" in shown.out
        assert not [text for text in (*PERSONAL, *ADDRESSES, *SECRETS) if text in shown.out], command
    assert "forbidden_target" in (await program.run("deliveries")).out
    metrics = (await program.get("/metrics")).body.decode()
    assert not [text for text in (*PERSONAL, *ADDRESSES, *SECRETS, "trips/o") if text in metrics]


def check_log(program: Program) -> None:
    log = program.stderr.read_text()
    assert "delivery_attempted" in log
    assert not [text for text in (*PERSONAL, *ADDRESSES, *SECRETS, "37.123456") if text in log]
