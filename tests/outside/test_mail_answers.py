"""What a mail server's answers lead to, from outside: greylisting, a no for good, a wrong password, no encryption."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.net import certificates
from tests.outside.bodies import business, driver
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.people import mail, parts
from tests.outside.program import Program
from tests.outside.waiting import until
from tests.sinks.mail_server import PASSWORD, USERNAME, MailServer, says

RIDER = "anna.personal@example.org"
RULES = [{"name": "first", "when": {"type": "tracked"}, "send": [{"sink": "mail", "to": "recipients"}]}]
WRONG = "wr0ng-password-of-ours"


def settings(api: OrderApi, server: MailServer, **more: Any) -> dict[str, Any]:
    whole = config(api, None, rules=RULES, log={"level": "debug"})
    return whole | {"sinks": {"mail": mail(server, **more)}}


async def follow(api: OrderApi, program: Program, order: str = "o") -> None:
    api.show(order, business("driving", performer=driver("Ivan", "A123BC")))
    await program.watch("trips", order, recipients=[{"email": RIDER}])


async def finished(program: Program) -> Any:
    """The only delivery, when it is over."""
    found: list[Any] = []

    async def over() -> bool:
        found[:] = await program.items("/v1/deliveries")
        return bool(found) and found[0]["next_attempt_at"] is None

    await until(over, lambda: f"{found}\n{program.log()}")
    (one,) = found
    return one


def attempts(delivery: Any) -> list[tuple[int | None, str | None]]:
    return [(it["status"], it["reason"]) for it in delivery["attempts"]]


async def shows(program: Program, *words: str, never: tuple[str, ...] = ()) -> None:
    """In `deliveries` and `why`; nowhere the address or a secret, in the log at its most talkative neither."""
    for command in (("deliveries",), ("why", "trips/o")):
        shown = await program.run(*command)
        assert shown.code == 0, shown
        assert all(word in shown.out for word in words), (command, shown.out)
        assert not [word for word in (RIDER, *never) if word in shown.out]
    assert not [word for word in (RIDER, *never) if word in program.stderr.read_text()]


async def test_greylisting(api: OrderApi, mails: MailServer, programs: Start) -> None:
    mails.faults["RCPT"] = says("451 4.7.1 Greylisted, come again")
    program = programs(settings(api, mails, retries=["300ms"] * 20))
    await program.start()
    await follow(api, program)
    await until(lambda: mails.commands.count("RCPT") >= 2)
    (waiting,) = await program.items("/v1/deliveries")
    assert (waiting["state"], waiting["reason"]) == ("pending", "retrying")
    assert waiting["next_attempt_at"] is not None
    assert mails.taken == []
    del mails.faults["RCPT"]
    done = await finished(program)
    assert (done["state"], done["reason"]) == ("delivered", None)
    *before, last = attempts(done)
    assert len(before) >= 2
    assert {status for status, _ in before} == {451}
    assert last == (250, None)
    (taken,) = mails.taken
    parts(taken)
    assert taken.mail["Message-ID"] == f"<{done['id']}@example.org>"
    shown = await program.run("deliveries", "--attempts")
    assert shown.out.count("451") == len(before)


async def test_no_for_good_is_dead_with_the_servers_words(api: OrderApi, mails: MailServer, programs: Start) -> None:
    mails.faults["RCPT"] = says(f"550-5.1.1 <{RIDER}>:", "550 5.1.1 No such user, ask +79120995513")
    program = programs(settings(api, mails))
    await program.start()
    await follow(api, program)
    dead = await finished(program)
    assert dead["state"] == "dead"
    assert "<a***@example.org>: " in dead["reason"]
    assert "No such user" in dead["reason"]
    assert [status for status, _ in attempts(dead)] == [550]
    await shows(program, "No such user", "a***@example.org", never=("+79120995513",))
    # Mended, an operator tries again: the same mail.
    del mails.faults["RCPT"]
    again = await program.run("deliveries", "retry", dead["id"])
    assert again.code == 0, again
    await until(lambda: mails.taken)
    assert mails.taken[0].mail["Message-ID"] == f"<{dead['id']}@example.org>"
    assert "Ivan" in parts(mails.taken[0])[0]


@pytest.fixture
async def encrypted(tmp_path: Path) -> AsyncIterator[MailServer]:
    """Its certificate is in `tmp_path`, as `peer.pem`."""
    server = MailServer(certificates.make(tmp_path).server)
    await server.start()
    yield server
    await server.stop()


async def test_a_wrong_password(api: OrderApi, tmp_path: Path, encrypted: MailServer, programs: Start) -> None:
    login = {"tls": "starttls", "ca_file": str(tmp_path / "peer.pem"), "username": USERNAME}
    program = programs(settings(api, encrypted, **login, password_file=str(tmp_path / "password")))
    (tmp_path / "password").write_text(WRONG)
    tried = await program.run("send-test", "mail", "--to", RIDER)
    assert tried.code == 1
    assert tried.err.startswith("not delivered: unauthorized (535")
    await program.start()
    await follow(api, program)
    dead = await finished(program)
    assert dead["state"] == "dead"
    assert "credentials invalid" in dead["reason"]
    assert attempts(dead) == [(535, "unauthorized")]
    await shows(program, "credentials invalid", never=(WRONG, USERNAME))
    # The file is put right, and the mail tried again: no restart.
    (tmp_path / "password").write_text(PASSWORD)
    assert (await program.run("deliveries", "retry", dead["id"])).code == 0
    await until(lambda: encrypted.taken, program.log)
    await shows(program, "delivered", never=(WRONG, PASSWORD, USERNAME))


@pytest.mark.parametrize("why", ["refused", "not trusted"])
async def test_without_encryption_nothing_is_sent(
    why: str, api: OrderApi, tmp_path: Path, encrypted: MailServer, programs: Start
) -> None:
    """A server that refuses STARTTLS, or whose certificate nobody vouches for, gets neither password nor mail."""
    login: dict[str, Any] = {"tls": "starttls", "username": USERNAME, "password": PASSWORD}
    if why == "refused":
        login["ca_file"] = str(tmp_path / "peer.pem")
        encrypted.faults["STARTTLS"] = says("454 4.7.0 TLS not available now")
    program = programs(settings(api, encrypted, **login, retries=["50ms", "50ms"]))
    await program.start()
    await follow(api, program)
    dead = await finished(program)
    assert (dead["state"], dead["reason"]) == ("dead", "retries_exhausted")
    assert attempts(dead) == [(454, "deferred") if why == "refused" else (None, "tls")] * 3
    assert {"AUTH", "MAIL", "DATA"}.isdisjoint(encrypted.commands)
    assert encrypted.taken == []
    await shows(program, "retries_exhausted", never=(PASSWORD, USERNAME))


async def test_greylisting_of_many_does_not_hold_the_server(api: OrderApi, mails: MailServer, programs: Start) -> None:
    """More in a row than the breaker counts (10): each probe of a held server would be greylisted, too."""
    mails.faults["RCPT"] = says("451 4.7.1 Greylisted, come again")
    program = programs(settings(api, mails, retries=["4s", "4s", "4s"]))
    await program.start()
    for number in range(15):
        await follow(api, program, f"o{number}")
    await until(lambda: mails.commands.count("RCPT") >= 15, lambda: program.log())
    del mails.faults["RCPT"]
    await until(lambda: len(mails.taken) == 15, lambda: program.log())
    assert {it["state"] for it in await program.items("/v1/deliveries")} <= {"delivered", "pending"}
