"""A shard that comes from a replica whose clock is ahead: times go on from where they were, and nothing waits."""

import asyncio
from pathlib import Path
from typing import Any

import orjson

from notifier.net.fetch import Request, Response
from notifier.sinks.base import Outcome
from notifier.testing.backend import Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import Program, failing, program

AHEAD = 20 * 60_000  # ms: more than `stalled_after`


async def told(it: Program, order: str) -> list[dict[str, Any]]:
    return [orjson.loads(event.data) for event in await it.events(order)]


async def never(_: Request) -> Response:
    return await asyncio.Future()


def test_what_is_recorded_goes_on_and_nothing_waits_for_the_clock(tmp_path: Path) -> None:
    async def main() -> None:
        storage, hook, clock = Storage(1), FakeSink(), VirtualClock()
        clock.skew = AHEAD
        async with program(tmp_path, storage=storage, hook=hook, clock=clock) as it:
            await it.follow("3")
            it.api.answers["3"] = failing()
            await asyncio.sleep(14.5 * 60)
            await it.follow("1")
            await it.follow("2", "cooking")
        clock.skew = 0
        async with program(tmp_path, storage=storage, hook=hook, clock=clock) as it:
            [shard] = it.app.supervisor.shards.values()
            assert AHEAD - 10_000 < shard.ahead() < AHEAD
            delivered = len(hook.delivered)
            it.api.answers |= {"1": "cooking", "2": "cooking", "3": never}
            await asyncio.sleep(7)
            assert len(hook.delivered) == delivered + 2, "sent at once"
            first, *later = await told(it, "1")
            assert all(event["observed_at"] > first["observed_at"] for event in later)
            assert all(event["occurred"]["not_before"] <= event["occurred"]["not_after"] for event in later)
            for each in await it.deliveries():
                assert each.created_at <= each.attempts[0].at <= (each.finished_at or 0)
            await asyncio.sleep(110)
            assert shard.ahead() < AHEAD - 11_000, "it waits for the clock"
            assert await it.types("3") == ["tracked"], "this replica has not waited for it for so long"
            await asyncio.sleep(16 * 60)
            assert await it.types("3") == ["tracked", "stalled"]
            await asyncio.sleep(10 * AHEAD / 1000)
            assert shard.ahead() == 0
            await it.remove("2")
            await it.put("2")
            await asyncio.sleep(1)
            assert [event["sequence"] for event in await told(it, "2")] == [1, 2]

    run(main)


def test_a_repeat_comes_when_it_would_have_come_there(tmp_path: Path) -> None:
    async def main() -> None:
        storage, hook, clock = Storage(1), FakeSink(), VirtualClock()
        hook.answer = Outcome("again")
        clock.skew = AHEAD
        retries = ", retries: [60s, 60s]"
        async with program(tmp_path, sink=retries, storage=storage, hook=hook, clock=clock) as it:
            await it.follow("1")
            assert len(hook.sent) == 1
        clock.skew = 0
        async with program(tmp_path, sink=retries, storage=storage, hook=hook, clock=clock) as it:
            await asyncio.sleep(80)
            assert len(hook.sent) == 2
            await asyncio.sleep(80)
            assert len(hook.sent) == 3
            [delivery] = await it.deliveries()
            at = [each.at for each in delivery.attempts]
            assert at == sorted(at)

    run(main)


def test_an_order_added_again_goes_on_after_what_it_was_retired_at(tmp_path: Path) -> None:
    async def main() -> None:
        storage, clock = Storage(1), VirtualClock()
        clock.skew = AHEAD
        async with program(tmp_path, storage=storage, clock=clock) as it:
            await it.follow("1")
            await it.remove("1")
            await asyncio.sleep(1)
        clock.skew = 0
        async with program(tmp_path, storage=storage, clock=clock) as it:
            await it.put("1")
            await asyncio.sleep(1)
            first, again = await told(it, "1")
            assert again["observed_at"] > first["observed_at"]

    run(main)
