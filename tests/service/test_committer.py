"""Group commit: alone a change goes at once, many go together, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import ParamSpec

import pytest

from notifier.backends.base import Change
from notifier.errors import LeaseLost
from notifier.metrics import Metrics
from notifier.service.committer import GATHER, MANY, Committer
from notifier.testing.virtual import VirtualClock, run

WRITES = 0.01  # seconds for a commit


class Lease:
    """The part of a lease that commits; each commit takes `WRITES`."""

    shard = 0

    def __init__(self) -> None:
        self.commits: list[tuple[float, list[str]]] = []
        self.lost = False

    async def commit(self, changes: Sequence[Change], /) -> None:
        self.commits.append((now(), [change.key for change in changes]))
        await asyncio.sleep(WRITES)
        if self.lost:
            raise LeaseLost("gone")


P = ParamSpec("P")


def virtually(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """On virtual time."""

    @wraps(test)
    def on_loop(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: test(*args, **kwargs))

    return on_loop


def now() -> float:
    return asyncio.get_running_loop().time()


@asynccontextmanager
async def committing() -> AsyncIterator[tuple[Committer, Lease]]:
    lease = Lease()
    committer = Committer(lease, VirtualClock(), Metrics(), lambda _: None)  # type: ignore[arg-type]
    run = asyncio.create_task(committer.run())
    try:
        yield committer, lease
    finally:
        run.cancel()
        await asyncio.wait([run])


async def look(committer: Committer, key: str) -> float:
    """A changed answer's way; how long it took."""
    began = now()
    await committer.turn()
    await committer.commit(Change(key=key))
    return now() - began


async def looks(committer: Committer, count: int) -> list[float]:
    return list(await asyncio.gather(*(look(committer, f"t/{number}") for number in range(count))))


@virtually
async def test_a_change_alone_waits_for_nothing() -> None:
    async with committing() as (committer, _):
        for _ in range(3):
            assert await looks(committer, 1) == [pytest.approx(WRITES)]


@virtually
async def test_a_few_wait_for_the_commit_before_and_no_longer() -> None:
    async with committing() as (committer, lease):
        first = asyncio.create_task(look(committer, "t/first"))
        await asyncio.sleep(WRITES / 2)
        assert await looks(committer, MANY - 1) == [pytest.approx(WRITES * 1.5)] * (MANY - 1)
        assert [len(keys) for _, keys in lease.commits] == [1, MANY - 1]
        assert await first == pytest.approx(WRITES)


@virtually
async def test_where_many_come_more_are_gathered() -> None:
    async with committing() as (committer, lease):
        first = asyncio.create_task(look(committer, "t/first"))
        await asyncio.sleep(WRITES / 2)
        many = asyncio.create_task(looks(committer, MANY))
        await asyncio.sleep(WRITES)  # that commit has ended
        assert await look(committer, "t/late") == pytest.approx(GATHER + WRITES / 2)
        assert await many == [pytest.approx(GATHER + 1.5 * WRITES)] * MANY
        assert [len(keys) for _, keys in lease.commits] == [1, MANY + 1]
        await first


@virtually
async def test_what_waits_for_no_turn_goes_on_while_looks_are_gathered() -> None:
    """The outcome of a send: the next one of its lane waits for it."""
    async with committing() as (committer, lease):
        first = asyncio.create_task(look(committer, "t/first"))
        await asyncio.sleep(WRITES / 2)
        many = asyncio.create_task(looks(committer, MANY))
        await asyncio.sleep(WRITES)
        for _ in range(2):
            began = now()
            await committer.commit(Change(key="t/sent"))
            assert now() - began == pytest.approx(WRITES)
        assert await many == [pytest.approx(GATHER + 1.5 * WRITES)] * MANY
        await first
        assert [keys[0] for _, keys in lease.commits] == ["t/first", "t/sent", "t/sent", "t/0"]


@pytest.mark.parametrize("gathering", [False, True])
@virtually
async def test_a_lost_lease_is_told_to_everybody_at_once(gathering: bool) -> None:
    async with committing() as (committer, lease):
        lease.lost = not gathering
        first = asyncio.create_task(look(committer, "t/first"))
        await asyncio.sleep(WRITES / 2)
        waiting = [asyncio.create_task(look(committer, f"t/{number}")) for number in range(MANY)]
        await asyncio.sleep(WRITES)
        if gathering:
            committer.close()
        done, pending = await asyncio.wait(waiting, timeout=WRITES / 10)
        assert not pending
        assert {type(task.exception()) for task in done} == {LeaseLost}
        await asyncio.wait([first])
        assert isinstance(first.exception(), LeaseLost) is not gathering
        with pytest.raises(LeaseLost):
            await look(committer, "t/later")
