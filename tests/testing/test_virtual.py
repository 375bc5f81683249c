"""The virtual loop: waiting costs nothing, order is kept, and what would hang is told."""

import asyncio
import time

import pytest

from notifier.testing.virtual import START, Deadlock, VirtualClock, run


def test_a_day_passes_at_once_and_in_order() -> None:
    seen: list[tuple[str, float]] = []

    async def sleeper(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        seen.append((name, asyncio.get_running_loop().time()))

    async def main() -> int:
        await asyncio.gather(sleeper("late", 86_400), sleeper("early", 1.5))
        return VirtualClock().now()

    began = time.monotonic()
    assert run(main) == START + 86_400_000
    assert seen == [("early", 1.5), ("late", 86_400.0)]
    assert time.monotonic() - began < 5


def test_work_in_a_thread_is_waited_for_without_time_passing() -> None:
    async def main() -> tuple[int, float]:
        answer = await asyncio.to_thread(lambda: 42)
        return answer, asyncio.get_running_loop().time()

    assert run(main) == (42, 0.0)


def test_a_task_left_behind_is_an_error() -> None:
    async def main() -> None:
        task = asyncio.create_task(asyncio.sleep(1))
        task.set_name("forgotten")
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="forgotten"):
        run(main)


@pytest.mark.slow
def test_waiting_for_ever_is_told() -> None:
    async def main() -> None:
        await asyncio.Event().wait()

    with pytest.raises(Deadlock):
        run(main)
