from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field

import aiohttp
import pytest

from notifier.clock import SystemClock
from notifier.errors import Refused
from notifier.sinks.base import Message
from notifier.sinks.body import payload
from notifier.sinks.receiver import Counts, Received, Receiver
from notifier.sinks.signing import parse_keys, sign, signing_keys
from notifier.sinks.webhook import build
from tests.contracts.sink import KEY, published
from tests.sinks.make import PRIVATE, SECRET, settings


@dataclass
class Desk:
    """A receiver, what it told, and the statuses that it answers next."""

    told: list[Received] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.receiver = Receiver(lambda: parse_keys(SECRET), self.told.append, SystemClock(), self.answer)

    async def answer(self, headers: Mapping[str, str], body: bytes) -> int:
        return self.statuses.pop(0) if self.statuses else 200


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    desk = Desk()
    await desk.receiver.start()
    yield desk
    await desk.receiver.close()


async def post(desk: Desk, body: bytes, id: str, key: str = SECRET, now: int | None = None) -> int:
    seconds = (SystemClock().now() if now is None else now) // 1000
    headers = {
        "webhook-id": id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": sign(id, seconds, body, signing_keys(key)),
    }
    async with (
        aiohttp.ClientSession() as session,
        session.post(desk.receiver.url, data=body, headers=headers) as answer,
    ):
        return answer.status


async def events(desk: Desk, *sequences: int) -> list[tuple[int, int, bool]]:
    """(attempt, missing, behind) of deliveries of these sequences."""
    for sequence in sequences:
        assert await post(desk, payload(published(sequence)), f"d{sequence}") == 200
    return [(each.attempt, each.missing, each.behind) for each in desk.told]


async def test_the_sink_and_the_receiver_understand_each_other(desk: Desk) -> None:
    hook = build("hook", settings(desk.receiver.url), SystemClock())
    outcome = await hook.send(Message("d1", None, published()), SystemClock().now())
    await hook.close()

    assert outcome.kind == "delivered"
    (received,) = desk.told
    assert (received.refused, received.type) == ("", "notifier.order.status_changed.v1")
    assert received.data is not None
    assert received.data["order"]["key"] == KEY


async def test_in_order_there_is_nothing_to_tell(desk: Desk) -> None:
    assert await events(desk, 4, 5, 6) == [(1, 0, False)] * 3
    assert desk.receiver.counts == Counts(events=3)


async def test_repeats_and_gaps_are_told(desk: Desk) -> None:
    assert await events(desk, 1, 1, 4, 2, 5) == [
        (1, 0, False),
        (2, 0, False),
        (1, 2, False),
        (1, 0, True),
        (1, 0, False),
    ]
    assert desk.receiver.counts == Counts(events=4, repeats=1, missing=2)


async def test_a_failed_attempt_and_its_repeat_are_one_event(desk: Desk) -> None:
    desk.statuses = [503]
    body = payload(published())

    assert [await post(desk, body, "d1"), await post(desk, body, "d1")] == [503, 200]
    assert [(each.attempt, each.status) for each in desk.told] == [(1, 503), (2, 200)]


async def test_a_forged_or_old_request_is_refused_and_counts_for_nothing(desk: Desk) -> None:
    assert await post(desk, payload(published()), "d1", key=PRIVATE) == 401
    assert await post(desk, payload(published()), "d1", now=SystemClock().now() - 400_000) == 401
    assert [each.refused for each in desk.told] == [
        "no signature matches the body and a key",
        "the timestamp is more than 300 s off",
    ]
    assert desk.receiver.counts == Counts(refused=2)
    assert await events(desk, 1) == [(1, 0, False)] * 3


@pytest.mark.parametrize("body", [b"not json", b"[]", b"{}", b'{"type": 1, "data": {"order": 5}}', b'{"text": "hi"}'])
async def test_a_body_of_another_shape_is_taken_as_it_is(desk: Desk, body: bytes) -> None:
    assert await post(desk, body, "d1") == 200
    assert [(each.data, each.body) for each in desk.told] == [(None, body)]


async def test_only_posts_are_taken(desk: Desk) -> None:
    async with aiohttp.ClientSession() as session, session.get(desk.receiver.url + "any/path") as answer:
        assert answer.status == 405


async def test_a_port_has_one_receiver(desk: Desk) -> None:
    with pytest.raises(Refused, match=f"cannot listen on port {desk.receiver.port}"):
        await Desk().receiver.start(desk.receiver.port)
