"""What every sink promises. An adapter's test derives from `SinkContract` and supplies a rig: sink and other side."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, ClassVar, Protocol

import pytest

from notifier.envelope import seal
from notifier.errors import Reason
from notifier.model import CloudEvent, Event, EventType, Phase, Watch
from notifier.sinks.base import Message, Outcome, Sink

T = 1_795_258_800_000
KEY = "trips/885e"
PATIENCE = 10.0
"""Seconds within which any attempt must have ended; the rigs' time-outs are far below."""


class Rig(Protocol):
    """A sink and its other side, which is real, in this process, and can misbehave.

    `to` is an address that works. `faults` break the other side, each in its way, until `heal`. `secrets` must never
    show: keys, passwords, whole addresses.
    """

    @property
    def sink(self) -> Sink: ...

    @property
    def to(self) -> str | None: ...

    @property
    def secrets(self) -> Sequence[str]: ...

    @property
    def faults(self) -> Mapping[str, Callable[[], Awaitable[None]]]: ...

    async def heal(self) -> None: ...

    async def received(self) -> list[bytes]:
        """The bodies of the attempts that the other side took, in order."""
        ...


def published(sequence: int = 1) -> CloudEvent:
    watch = Watch(key=KEY, source="trips", ids={"order_id": "885e"}, created_at=T, updated_at=T)
    event = Event(
        key=KEY,
        life=T,
        sequence=sequence,
        type=EventType.STATUS_CHANGED,
        before={"status": "driving"},
        after={"status": "ждёт\u2028\x1b[31m"},
        status="ждёт\u2028\x1b[31m",
        phase=Phase.ARRIVED,
        certain=True,
        at=None,
        not_before=T - 5_000,
        not_after=T,
        observed_at=T,
    )
    return seal(event, watch, personal_data=False)


class SinkContract:
    faults: ClassVar[Sequence[str]]
    """The names of the rig's faults."""

    hangs: ClassVar[str]
    """The one of them under which the other side takes an attempt and never ends it."""

    @pytest.fixture
    def rig(self) -> Any:
        """A Rig; the fixture of the adapter's test ends it."""
        raise NotImplementedError

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "fault" in metafunc.fixturenames:
            metafunc.parametrize("fault", self.faults)

    @staticmethod
    def message(rig: Rig, sequence: int = 1) -> Message:
        event = published(sequence)
        return Message(
            id=f"d{sequence}", to=rig.to, event=event, subject="Your order", text="It waits.", html="<p>It waits.</p>"
        )

    @staticmethod
    async def send(rig: Rig, message: Message, now: int = T) -> Outcome:
        async with asyncio.timeout(PATIENCE):
            return await rig.sink.send(message, now)

    @staticmethod
    def assert_discreet(rig: Rig, outcome: Outcome) -> None:
        """Logs, `why` and lists of deliveries show an outcome as it stands."""
        for text in (outcome.detail, outcome.status or "", repr(outcome)):
            assert not [secret for secret in rig.secrets if secret in text]
            assert text.isprintable()
        assert len(outcome.detail) <= 200

    async def test_a_message_arrives_once(self, rig: Rig) -> None:
        outcome = await self.send(rig, self.message(rig))

        assert outcome.kind == "delivered"
        self.assert_discreet(rig, outcome)
        (body,) = await rig.received()
        assert published().id.encode() in body or b"It waits." in body

    async def test_every_attempt_carries_the_same_bytes(self, rig: Rig) -> None:
        for now in (T, T + 5_000, T + 86_400_000):
            await self.send(rig, self.message(rig), now)

        first, *others = await rig.received()
        assert others == [first, first]

    async def test_different_events_are_told_apart(self, rig: Rig) -> None:
        for sequence in (1, 2):
            await self.send(rig, self.message(rig, sequence))

        assert len(set(await rig.received())) == 2

    async def test_many_at_once_all_arrive(self, rig: Rig) -> None:
        outcomes = await asyncio.gather(*(self.send(rig, self.message(rig, n)) for n in range(1, 21)))

        assert {outcome.kind for outcome in outcomes} == {"delivered"}
        assert len(set(await rig.received())) == 20

    async def test_a_fault_of_the_other_side_is_an_outcome(self, rig: Rig, fault: str) -> None:
        await rig.faults[fault]()
        outcome = await self.send(rig, self.message(rig))

        assert outcome.kind in ("again", "dead", "gone")
        assert isinstance(outcome.reason, Reason)
        assert outcome.after is None or outcome.after >= 0
        self.assert_discreet(rig, outcome)

    async def test_it_recovers_with_the_other_side(self, rig: Rig, fault: str) -> None:
        await rig.faults[fault]()
        await self.send(rig, self.message(rig))
        await rig.heal()

        assert (await self.send(rig, self.message(rig, 2))).kind == "delivered"

    async def test_a_cancelled_attempt_ends_at_once_and_harms_no_other(self, rig: Rig) -> None:
        await rig.faults[self.hangs]()
        attempt = asyncio.create_task(rig.sink.send(self.message(rig), T))
        for _ in range(20):  # a few turns of the loop: enough for a request to be on its way
            await asyncio.sleep(0)
        assert not attempt.done()
        attempt.cancel()
        with pytest.raises(asyncio.CancelledError):
            await attempt
        await rig.heal()

        assert (await self.send(rig, self.message(rig, 2))).kind == "delivered"

    async def test_an_address_has_one_endpoint(self, rig: Rig) -> None:
        before = rig.sink.endpoint(rig.to)
        await self.send(rig, self.message(rig))

        assert rig.sink.endpoint(rig.to) == before != ""

    async def test_people_have_addresses(self, rig: Rig) -> None:
        assert rig.sink.address is not None or not rig.sink.people

    async def test_it_closes_at_once_and_twice(self, rig: Rig) -> None:
        await self.send(rig, self.message(rig))
        async with asyncio.timeout(PATIENCE):
            await rig.sink.close()
            await rig.sink.close()

    async def test_its_repr_shows_no_secret(self, rig: Rig) -> None:
        assert not [secret for secret in rig.secrets if secret in repr(rig.sink)]
