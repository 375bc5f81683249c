"""`stalled`, once, in time, whatever keeps the looks from ending."""

import asyncio
from pathlib import Path

from notifier.errors import LookFailed, Reason
from notifier.net.fetch import Request, Response
from notifier.testing.fetch import reply
from notifier.testing.virtual import run
from tests.service.build import failing, program

SOON = "    stalled_after: 60s"


def test_when_every_look_fails(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source=SOON) as it:
            await it.follow("1")
            it.api.answers["1"] = LookFailed(Reason.TIMEOUT, "no answer in time")
            await asyncio.sleep(50)
            assert await it.types("1") == ["tracked"]
            await asyncio.sleep(300)
            assert await it.types("1") == ["tracked", "stalled"]
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(30)
            it.api.answers["1"] = failing()
            await asyncio.sleep(200)
            assert await it.types("1") == ["tracked", "stalled", "status_changed", "phase_changed", "stalled"]

    run(main)


async def _never(_: Request) -> Response:
    await asyncio.sleep(100_000)
    return reply(200)


def test_when_the_api_hangs_and_few_looks_can_be_under_way(tmp_path: Path) -> None:
    async def main() -> None:
        source = SOON + "\n    budget: {requests_per_second: 100, concurrency: 2}"
        async with program(tmp_path, source=source) as it:
            for number in range(30):
                await it.follow(str(number))
            for number in range(30):
                it.api.answers[str(number)] = _never
            await asyncio.sleep(100)
            for number in range(30):
                assert await it.types(str(number)) == ["tracked", "stalled"]
            await asyncio.sleep(500)
            for number in range(30):
                assert await it.types(str(number)) == ["tracked", "stalled"]

    run(main)


def test_when_the_credential_is_held_for_long(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source=SOON) as it:
            await it.follow("1")
            it.api.answers["1"] = lambda _: reply(429, b"", {"Retry-After": "3600"})
            await asyncio.sleep(6)
            asked = len(it.api.asked)
            await asyncio.sleep(80)
            assert await it.types("1") == ["tracked", "stalled"]
            await asyncio.sleep(3_000)
            assert len(it.api.asked) == asked  # telling it did not forget the hold
            it.api.answers["1"] = "new"
            await asyncio.sleep(700)
            live = it.app.desk.live("shop/1")
            assert live is not None
            assert live.last_error is None

    run(main)


def test_an_answer_that_comes_while_it_is_told_follows_it(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source=SOON) as it:
            await it.follow("1")
            it.api.delay = 64
            it.api.answers["1"] = "cooking"
            (shard,) = it.app.supervisor.shards.values()
            order = shard.orders["shop/1"]
            while order.committing is None:
                it.backend.faults[0].append("unavailable")
                await asyncio.sleep(0.01)
            assert order.busy
            while it.api.under_way["1"]:  # the commit goes on until the answer is there
                it.backend.faults[0].append("unavailable")
                await asyncio.sleep(0.1)
            await asyncio.sleep(0.1)
            assert order.committing is not None
            it.backend.faults[0].clear()
            await asyncio.sleep(20)
            assert await it.types("1") == ["tracked", "stalled", "status_changed", "phase_changed"]
            assert it.sent("1") == await it.types("1")

    run(main)


def test_a_rhythm_slower_than_that_is_not_silence(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source="    stalled_after: 10s\n    poll: {default: 10m}") as it:
            await it.follow("1")
            await asyncio.sleep(3_600)
            assert await it.types("1") == ["tracked"]
            assert 6 <= len(it.api.asked) <= 8

    run(main)
