"""kill -9 between 'accepted by the server' and 'recorded': a mail or webhook comes again, as it was, an SMS never."""

import asyncio
from collections import Counter, defaultdict
from typing import Any

import aiohttp
import pytest

from tests.outside.bodies import business, driver
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.gateways import Answer, Gateways, Text, accepts
from tests.outside.order_api import OrderApi
from tests.outside.people import mail, parts
from tests.outside.program import Program
from tests.outside.receiver import Received, Receiver, Said
from tests.outside.waiting import until
from tests.sinks.mail_server import MailServer, says

KILLS = ("hook", "mail", "http", "hook", "mail", "twilio", "hook", "mail", "vonage")  # and one more: 30 in three runs
RIDES = 2  # of each round: with the one that the kill hits others are on their way
GATEWAYS = ("http", "twilio", "vonage")
ARRIVED = {"type": ["phase_changed", "tracked"], "phase": "arrived"}


class Killer:
    """The first message that comes over `armed` is the program's last: it was taken, and nobody is told so."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.armed: str | None = None
        self.hit: list[tuple[str, str]] = []  # what it came over, and the message's name

    async def strike(self, way: str, name: str) -> None:
        """Never returns where it strikes; whoever asks ends with the connection."""
        if self.armed == way:
            self.armed = None
            assert self.program.process is not None
            self.program.process.kill()
            self.hit.append((way, name))
            await asyncio.Event().wait()


@pytest.mark.long
@pytest.mark.parametrize("another", ["hook", "mail", "http"])
async def test_between_accepted_and_recorded(
    another: str, api: OrderApi, hook: Receiver, mails: MailServer, texts: Gateways, programs: Start
) -> None:
    kills = (*KILLS, another)
    sinks = {"mail": mail(mails), **{name: texts.sink(name) for name in GATEWAYS}}
    settings = config(api, hook, source={"poll": {"default": "5s"}})
    settings["sinks"] |= sinks
    send = [{"sink": name, "to": "recipients", "template": "driver_arrived"} for name in sinks]
    settings["rules"] = [{"name": "arrived", "when": ARRIVED, "send": [{"sink": "hook"}, *send]}]
    program = programs(settings)
    killer = Killer(program)
    strike_at(killer, hook, mails, texts)
    await program.start()
    for number, way in enumerate(kills):
        rides = [f"ride{number}-{ride}" for ride in range(RIDES)]
        killer.armed = way
        for name in rides:
            api.show(name, business("waiting", performer=driver("Anna", "A123BC")))
            await watch(program, name)
        await until(lambda: killer.armed is None, f"nothing came over {way}")
        assert program.process is not None
        await program.process.wait()
        await program.start()
        for name in rides:  # the kill may have come before the answer to its watch: then it is put again
            await watch(program, name)
        await settled(program, (number + 1) * RIDES)
    assert [way for way, _ in killer.hit] == list(kills)
    check(await program.items("/v1/deliveries"), killer, hook, mails, texts)
    shown = (await program.run("deliveries", "--state", "dead", "--json")).json["items"]
    assert {(it["sink"], it["reason"]) for it in shown} == {(name, "outcome_unknown") for name in GATEWAYS}
    table = (await program.run("deliveries", "--state", "dead")).out
    assert table.count("outcome_unknown") == len(shown)


async def watch(program: Program, name: str) -> None:
    """With an address of its own for each sink that tells people."""
    numbers = "".join(digits for digits in name if digits.isdigit())
    who = {"email": f"{name}@example.org", "phone": f"+7912{numbers:0>7}"}
    try:
        await program.watch("trips", name, recipients=[who])
    except (aiohttp.ClientError, OSError):
        assert program.process is not None
        await program.process.wait()  # killed meanwhile, by a message of the ride before


def strike_at(killer: Killer, hook: Receiver, mails: MailServer, texts: Gateways) -> None:
    async def hooked(taken: Received) -> Said:
        await killer.strike("hook", taken.id)
        return 204, {}

    async def mailed(dialogue: Any) -> None:
        await killer.strike("mail", mails.taken[-1].mail["Message-ID"])
        await says("250 2.0.0 taken")(dialogue)

    async def texted(text: Text) -> Answer:
        await killer.strike(text.gateway, text.to)
        return accepts(text)

    hook.answer, texts.answer = hooked, texted
    mails.faults["content"] = mailed


async def settled(program: Program, rides: int) -> None:
    """Until everything of so many rides is over: 2 + 3 messages each."""

    async def over() -> bool:
        deliveries = await program.items("/v1/deliveries")
        return len(deliveries) == rides * 5 and not [it for it in deliveries if it["state"] in ("pending", "sending")]

    await until(over, program.log)


def check(deliveries: list[Any], killer: Killer, hook: Receiver, mails: MailServer, texts: Gateways) -> None:
    hit = {name for _, name in killer.hit}
    by_sink: defaultdict[str, list[Any]] = defaultdict(list)
    for it in deliveries:
        by_sink[it["sink"]].append(it)

    # Webhooks: each of them came; twice at most, the same bytes under the same id.
    bodies: defaultdict[str, list[bytes]] = defaultdict(list)
    for taken in hook.received:
        bodies[taken.id].append(taken.body)
    assert set(bodies) == {it["id"] for it in by_sink["hook"]}
    check_repeats(bodies, hit)

    # Mails: likewise, and each to its one recipient.
    contents: defaultdict[str, list[bytes]] = defaultdict(list)
    for mail_ in mails.taken:
        parts(mail_)
        contents[mail_.mail["Message-ID"]].append(mail_.content)
    assert set(contents) == {f"<{it['id']}@example.org>" for it in by_sink["mail"]}
    assert len({recipient for mail_ in mails.taken for recipient in mail_.recipients}) == len(contents)
    check_repeats(contents, hit)
    assert {it["state"] for name in ("hook", "mail") for it in by_sink[name]} == {"delivered"}

    # SMS: none twice. What a kill left open is said to be unknown, and everything else came.
    came = Counter((text.gateway, text.to) for text in texts.taken)
    assert set(came.values()) == {1}
    struck = [each for each in killer.hit if each[0] in GATEWAYS]
    assert all(came[each] == 1 for each in struck)
    told = Counter((it["sink"], it["state"], it["reason"]) for name in GATEWAYS for it in by_sink[name])
    dead = {(name, "dead", "outcome_unknown"): told[name, "dead", "outcome_unknown"] for name in GATEWAYS}
    assert set(told) == {*dead, *((name, "delivered", None) for name in GATEWAYS)}
    for name in GATEWAYS:
        assert dead[name, "dead", "outcome_unknown"] >= sum(way == name for way, _ in struck)
        assert sum(gateway == name for gateway, _ in came) >= told[name, "delivered", None]
        assert all(it["next_attempt_at"] is None for it in by_sink[name])


def check_repeats(came: dict[str, list[bytes]], hit: set[str]) -> None:
    """At most one repeat each, the same bytes; of what a kill has hit there is one: nobody knew that it had come."""
    for name, copies in came.items():
        assert len(set(copies)) == 1, name
        assert len(copies) == 2 if name in hit else len(copies) <= 2, (name, len(copies))
