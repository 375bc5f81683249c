"""One timer for all: each request has its whole time, and no longer."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from notifier.net.limit import Limit
from notifier.testing.virtual import run

SECONDS = 10.0

Test = Callable[[], Coroutine[Any, Any, None]]


def now() -> float:
    return asyncio.get_running_loop().time()


async def request(limit: Limit, begins: float, takes: float) -> float | None:
    """When it was late; None: it was not."""
    await asyncio.sleep(begins)
    try:
        with limit.each():
            await asyncio.sleep(takes)
    except TimeoutError:
        return now()
    return None


def test_each_is_late_after_its_own_time() -> None:
    async def test() -> None:
        limit = Limit(SECONDS)
        cases = [(0, 1, None), (0, 30, 10), (3, 9.9, None), (4, 10.1, 14), (4, 30, 14), (50, 30, 60), (90, 1, None)]
        found = await asyncio.gather(*(request(limit, begins, takes) for begins, takes, _ in cases))
        assert list(found) == [None if late is None else pytest.approx(late) for _, _, late in cases]

    run(test)


def test_whose_time_is_over_has_only_itself_to_end() -> None:
    """A block that goes on after its time-out, to clean up, is not ended again, nor does it hold up others."""

    async def test() -> None:
        limit = Limit(SECONDS)

        async def slow_to_end() -> float:
            try:
                with limit.each():
                    try:
                        await asyncio.sleep(30)
                    finally:
                        await asyncio.sleep(25)
            except TimeoutError:
                return now()
            raise AssertionError("nothing was late")

        assert list(await asyncio.gather(slow_to_end(), request(limit, 5, 30))) == [35, 15]

    run(test)


@pytest.mark.parametrize("at", [5.0, SECONDS])
def test_a_cancellation_stays_one(at: float) -> None:
    """Also one that comes together with the time-out."""

    async def test() -> None:
        limit = Limit(SECONDS)
        task = asyncio.create_task(request(limit, 0, 30))
        asyncio.get_running_loop().call_at(now() + at, task.cancel)
        await asyncio.wait([task])
        assert task.cancelled()

    run(test)


def test_an_error_of_its_own_passes() -> None:
    async def test() -> None:
        limit = Limit(SECONDS)
        with pytest.raises(ValueError, match="mine"), limit.each():
            raise ValueError("mine")
        assert await request(limit, 0, 30) == SECONDS

    run(test)


def test_closed_it_ends_nothing_more() -> None:
    async def test() -> None:
        limit = Limit(SECONDS)
        task = asyncio.create_task(request(limit, 0, 30))
        await asyncio.sleep(1)
        limit.close()
        assert await task is None

    run(test)
