"""Start and stop: in bounded time and without a task left behind (`virtual.run` looks), whatever hangs."""

import asyncio
import gc
from pathlib import Path

import pytest

from notifier.app import App
from notifier.service import shard as shards
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import Api, config, program


@pytest.mark.parametrize("hangs", ["sink", "api", "backend", "all"])
def test_stop_is_bounded_whatever_hangs(hangs: str, tmp_path: Path) -> None:
    async def main() -> None:
        loop = asyncio.get_running_loop()
        async with program(tmp_path, hook=FakeSink(timeout=10_000)) as it:
            for number in range(20):
                await it.follow(str(number))
            if hangs in ("sink", "all"):
                it.hook.hung = True
            if hangs in ("api", "all"):
                it.api.delay = 10_000
            for number in range(20):
                it.api.answers[str(number)] = "cooking"
            await asyncio.sleep(6 if hangs == "sink" else 3)
            if hangs in ("backend", "all"):
                it.backend.break_down("the disk is full")
            await asyncio.sleep(6)
            began = loop.time()
            await it.app.stop(4)
            assert loop.time() - began <= 4.3

    run(main)


def test_a_stop_lets_what_is_under_way_come_to_its_end(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        hook = FakeSink(timeout=3)
        hook.hung = True
        async with program(tmp_path, storage=storage, clock=clock, hook=hook) as it:
            await it.follow("1")
        async with program(tmp_path, storage=storage, clock=clock, api=Api()) as it:
            (delivery,) = await it.deliveries("1")
            assert len(delivery.attempts) == 1

    run(main)


def test_stop_after_a_loop_has_died_still_closes_everything(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")

            async def dies() -> None:
                raise ValueError("a fault of ours")

            it.app.supervisor._forget = dies  # type: ignore[method-assign]
            app = App(
                config(tmp_path),
                clock=it.clock,
                backend=MemoryBackend(clock=it.clock),
                fetches={"shop": it.api.fetch},
                sinks={"hook": it.hook},
            )
            app.supervisor._forget = dies  # type: ignore[method-assign]
            await app.start()
            await asyncio.sleep(1)
            assert app.failed.done()
            await app.stop(1)
            assert it.hook.closed
            assert app.failed.exception() is not None

    run(main)


def test_a_stop_at_once_after_the_start(tmp_path: Path) -> None:
    async def main() -> None:
        clock = VirtualClock()
        for wait in (0, 1, 2, 3, 5, 8):
            app = App(
                config(tmp_path),
                clock=clock,
                backend=MemoryBackend(clock=clock),
                fetches={"shop": Api().fetch},
                sinks={"hook": FakeSink()},
            )
            await app.start()
            for _ in range(wait):
                await asyncio.sleep(0)
            await app.stop(1)

    run(main)


def test_not_ready_before_the_restore_and_while_a_shard_is_away(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, shards=2) as it:
            assert it.app.desk.trouble() == ()
            for shard in (0, 1):
                it.backend.take(shard)
            await asyncio.sleep(0.1)
            assert it.app.desk.trouble() == ("no shard is owned yet",)
            it.backend.give(0)
            await asyncio.sleep(0.1)
            assert it.app.desk.trouble() == ()

    run(main)


def test_orders_past_a_short_retention_are_forgotten_with_all_that_is_theirs(tmp_path: Path) -> None:
    async def main() -> None:
        rules = "  - {name: everything, when: {}, send: [{sink: hook}]}\nretention: 20s"
        async with program(tmp_path, rules=rules, source="    retire_after: 10s") as it:
            for number in range(120):
                await it.put(str(number))
                it.api.answers[str(number)] = "done" if number % 2 else "new"
            await asyncio.sleep(20)
            assert len(await it.events("1")) == 1
            await asyncio.sleep(25)
            assert await it.events("1") == []
            assert await it.deliveries("1") == []
            assert len(await it.events("2")) == 1
            life = (await it.data("2", "tracked"))[0]["order"]["life"]
            await it.put("1")  # a new life
            await asyncio.sleep(5)
            (again,) = await it.data("1", "tracked")
            assert again["sequence"] == 1
            assert again["order"]["life"] > life

    run(main)


def test_after_a_big_restore_the_collector_leaves_the_records_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shards, "SETTLED", 50)
    before = gc.get_freeze_count()

    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock) as it:
            for number in range(60):
                await it.put(str(number))
            await asyncio.sleep(3)
            assert gc.get_freeze_count() == before
            it.backend.lose(0)
            await asyncio.sleep(1)
            assert gc.get_freeze_count() > before

    try:
        run(main)
    finally:
        gc.unfreeze()
