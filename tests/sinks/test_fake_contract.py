import pytest

from notifier.errors import Reason
from notifier.sinks.base import Outcome
from notifier.testing.sink import FakeSink
from tests.contracts.sink import Rig, SinkContract

URL = "https://example.org/s3cret-path"


class FakeRig:
    to = URL
    secrets = (URL, "s3cret")

    def __init__(self) -> None:
        self.sink = FakeSink(timeout=0.05)
        self.faults = {"hang": self._hang, "down": self._down, "refuse": self._refuse}

    async def _hang(self) -> None:
        self.sink.hung = True

    async def _down(self) -> None:
        self.sink.answer = Outcome("again", "503", Reason.SERVER_ERROR, after=5)

    async def _refuse(self) -> None:
        self.sink.outcomes.append(Outcome("dead", "550", Reason.REFUSED, "no such mailbox"))

    async def heal(self) -> None:
        self.sink.hung = False
        self.sink.answer = Outcome("delivered", "200")

    async def received(self) -> list[bytes]:
        return [sent.body for sent in self.sink.sent]


class TestFake(SinkContract):
    faults = ("hang", "down", "refuse")
    hangs = "hang"

    @pytest.fixture
    def rig(self) -> Rig:
        return FakeRig()


async def test_it_remembers_what_it_was_told_and_when() -> None:
    rig = FakeRig()
    await rig.faults["refuse"]()
    first, second = SinkContract.message(rig, 1), SinkContract.message(rig, 2)
    await rig.sink.send(first, 5)
    await rig.sink.send(second, 6)

    assert [(sent.message, sent.at, sent.outcome.kind) for sent in rig.sink.sent] == [
        (first, 5, "dead"),
        (second, 6, "delivered"),
    ]
    assert [sent.message for sent in rig.sink.delivered] == [second]
    assert not rig.sink.closed
    await rig.sink.close()
    assert rig.sink.closed
