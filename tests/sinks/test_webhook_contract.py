from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial

import pytest

from notifier.clock import SystemClock
from notifier.sinks import REGISTRY
from tests.contracts.sink import Rig, SinkContract
from tests.sinks import peer
from tests.sinks.make import SECRET, settings
from tests.sinks.peer import Peer

ANSWERS: Mapping[str, peer.Answer] = {
    "redirect": peer.status(302, "location: http://127.0.0.1:1/s3cret-elsewhere"),
    "bad_request": peer.status(400, body=b"s3cret-answer"),
    "unauthorized": peer.status(401),
    "gone": peer.status(410),
    "throttled": peer.status(429, "retry-after: 7"),
    "broken": peer.status(500, body=b"<html>s3cret-answer</html>"),
    "unknown_status": peer.status(799),
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


class WebhookRig:
    secrets = (SECRET, SECRET.removeprefix("whsec_"), "s3cret", "127.0.0.1:")

    def __init__(self, other: Peer, recipient: bool) -> None:
        self._peer = other
        self.to = other.url if recipient else None
        self.sink = REGISTRY["webhook"].build("hook", settings(None if recipient else other.url), SystemClock())
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            name: partial(self._answer, answer) for name, answer in ANSWERS.items()
        }
        self.faults["refuse"] = other.stop

    async def _answer(self, answer: peer.Answer) -> None:
        self._peer.answer = answer

    async def heal(self) -> None:
        self._peer.answer = peer.status(204)
        await self._peer.stop()
        await self._peer.start()

    async def received(self) -> list[bytes]:
        return [taken.body for taken in self._peer.taken]


class TestWebhook(SinkContract):
    faults = (*ANSWERS, "refuse")
    hangs = "hang"

    @pytest.fixture(params=["own", "recipient"])
    async def rig(self, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
        other = Peer()
        await other.start()
        rig = WebhookRig(other, recipient=request.param == "recipient")
        yield rig
        await rig.sink.close()
        await other.stop()
