"""What every SMS gateway promises, on top of what every sink does: nothing is ever sent twice.

An adapter's test derives from `GatewayContract` and supplies its dialect; the other side is a real HTTP server.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, NamedTuple

import pytest

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.rendering.segments import size
from notifier.sinks import REGISTRY
from notifier.sinks.base import Message
from tests.contracts.sink import Rig, SinkContract, T, published
from tests.sinks import peer
from tests.sinks.peer import Peer, Taken

TO = "+79120995513"
SECRET = "s3cret-token"

BROKEN: Mapping[str, peer.Answer] = {
    "hang": peer.hang,
    "reset": peer.reset,
    "silence": peer.silence,
    "half": peer.half,
    "short": peer.short,
    "garbage": peer.garbage,
    "drip": peer.drip,
    "flood": peer.flood,
    "headers_without_end": peer.headers_without_end,
}
SPITEFUL = f"no, {TO} ({TO[1:]}), says {SECRET}".encode()


class Sms(NamedTuple):
    to: str  # E.164
    text: str


class Dialect(NamedTuple):
    """How one provider talks. `settings` are those of a sink at this URL; `refusal` is a body that says why not."""

    settings: Callable[[str], Mapping[str, Any]]
    accepted: peer.Answer
    read: Callable[[Taken], Sms]
    refusal: Callable[[str], bytes]
    secrets: Sequence[str]


class GatewayRig:
    to = TO

    def __init__(self, dialect: Dialect, other: Peer) -> None:
        self.peer = other
        self.dialect = dialect
        other.answer = dialect.accepted
        values = {"type": "sms", "timeout": "400ms", **dialect.settings(f"http://127.0.0.1:{other.port}")}
        adapter = REGISTRY["sms"]
        self.sink = adapter.build("text", adapter.settings.model_validate(values), SystemClock())
        self.secrets = (TO, TO[1:], SECRET, *dialect.secrets)
        answers = {
            **BROKEN,
            "throttled": peer.status(429, "retry-after: 7", body=SPITEFUL),
            "busy": peer.status(503, body=SPITEFUL),
            "server_error": peer.status(500, body=SPITEFUL),
            "bad_request": peer.status(400, body=dialect.refusal(SPITEFUL.decode())),
            "unauthorized": peer.status(401, body=dialect.refusal(SPITEFUL.decode())),
            "redirect": peer.status(302, "location: http://127.0.0.1:1/s3cret-elsewhere"),
            "unknown_status": peer.status(799),
        }
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            name: partial(self.set_answer, answer) for name, answer in answers.items()
        }
        self.faults["refuse"] = other.stop

    async def set_answer(self, answer: peer.Answer) -> None:
        self.peer.answer = answer

    async def heal(self) -> None:
        self.peer.answer = self.dialect.accepted
        await self.peer.stop()
        await self.peer.start()

    async def received(self) -> list[bytes]:
        return [self.dialect.read(taken).text.encode() for taken in self.peer.taken]


class GatewayContract(SinkContract):
    dialect: ClassVar[Dialect]
    faults = (*BROKEN, "throttled", "busy", "server_error", "bad_request", "unauthorized", "redirect", "refuse")
    hangs = "hang"

    @pytest.fixture
    async def rig(self) -> AsyncIterator[GatewayRig]:
        other = Peer()
        await other.start()
        rig = GatewayRig(self.dialect, other)
        yield rig
        await rig.sink.close()
        await other.stop()

    @staticmethod
    def message(rig: Rig, sequence: int = 1) -> Message:
        return Message(id=f"d{sequence}", to=rig.to, event=published(sequence), text=f"It waits. {sequence}")

    async def test_number_and_text_arrive_as_they_are(self, rig: GatewayRig) -> None:
        text = "Ваш водитель приехал: белый Kia Rio, А123ВС & «ждёт» {to} +1%20=€"
        outcome = await self.send(rig, self.message(rig)._replace(text=text))

        assert (outcome.kind, outcome.units) == ("delivered", 1)
        assert [self.dialect.read(taken) for taken in rig.peer.taken] == [Sms(TO, text)]

    async def test_a_number_is_brought_into_its_form(self, rig: GatewayRig) -> None:
        await self.send(rig, self.message(rig)._replace(to="+7 (912) 099-55-13"))

        assert self.dialect.read(rig.peer.taken[0]).to == TO

    @pytest.mark.parametrize("to", [None, "", "+79120995513,,95576", "89120995513", "a@example.org", f"{TO}\r\n"])
    async def test_what_is_no_number_is_dead_without_a_request(self, rig: GatewayRig, to: str | None) -> None:
        outcome = await self.send(rig, self.message(rig)._replace(to=to))

        assert (outcome.kind, outcome.reason, outcome.units) == ("dead", Reason.NO_ADDRESS, 0)
        assert rig.peer.taken == []

    async def test_a_long_text_is_shortened_to_its_segments(self, rig: GatewayRig) -> None:
        long = self.message(rig)._replace(text="Очень длинное сообщение о поездке. " * 40)
        outcome = await self.send(rig, long)
        text = self.dialect.read(rig.peer.taken[0]).text

        assert (size(text).segments, outcome.units) == (3, 3)
        assert text.endswith("…")

    async def test_units_are_known_before(self, rig: GatewayRig) -> None:
        sink: Any = rig.sink
        assert sink.units(self.message(rig)) == 1
        assert sink.units(self.message(rig)._replace(text="ы" * 71)) == 2

    async def test_it_is_sent_at_most_once(self, rig: GatewayRig) -> None:
        assert rig.sink.at_most_once
        assert rig.sink.people

    async def test_no_answer_is_the_end(self, rig: GatewayRig, fault: str) -> None:
        """Only what surely was not sent is sent again."""
        await rig.faults[fault]()
        outcome = await self.send(rig, self.message(rig))
        told = (outcome.kind, outcome.status, outcome.reason, outcome.after, outcome.units)

        match fault:
            case "refuse":
                assert told == ("again", None, Reason.CONNECTION, None, 0)
            case "throttled":
                assert told == ("again", "429", Reason.THROTTLED, 7.0, 0)
            case "busy":
                assert told == ("again", "503", Reason.SERVER_ERROR, None, 0)
            case "bad_request":
                assert told == ("dead", "400", Reason.REFUSED, None, 0)
                assert "no, *** (***), says ***" in outcome.detail
            case "unauthorized":
                assert told == ("dead", "401", Reason.UNAUTHORIZED, None, 0)
            case "redirect":
                assert told == ("dead", "302", Reason.REDIRECTED, None, 0)
            case _:
                assert told[0] == "dead"
                assert told[2:] == (Reason.OUTCOME_UNKNOWN, None, 1)

    @pytest.mark.parametrize("status", [404, 422, 409, 499])
    async def test_another_4xx_is_a_refusal(self, rig: GatewayRig, status: int) -> None:
        await rig.set_answer(peer.status(status))
        outcome = await self.send(rig, self.message(rig))

        assert (outcome.kind, outcome.status, outcome.reason) == ("dead", str(status), Reason.REFUSED)
        assert outcome.detail == f"HTTP {status}"

    @pytest.mark.parametrize("status", [500, 501, 502, 504, 507, 599, 600])
    async def test_another_5xx_leaves_it_open(self, rig: GatewayRig, status: int) -> None:
        await rig.set_answer(peer.status(status))
        outcome = await self.send(rig, self.message(rig))

        assert (outcome.kind, outcome.status, outcome.reason) == ("dead", str(status), Reason.OUTCOME_UNKNOWN)

    async def test_one_request_for_each_attempt(self, rig: GatewayRig, fault: str) -> None:
        await rig.faults[fault]()
        await self.send(rig, self.message(rig))

        assert len(rig.peer.taken) == (0 if fault == "refuse" else 1)

    async def test_connections_are_not_used_again(self, rig: GatewayRig) -> None:
        for _ in range(3):
            await self.send(rig, self.message(rig), T)

        assert {taken.headers["connection"].lower() for taken in rig.peer.taken} == {"close"}
