"""Group commit: alone a change goes at once, many go together, and nobody waits for ever."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from notifier.backends.base import Change
from notifier.errors import LeaseLost
from notifier.metrics import Metrics
from notifier.service.committer import BEAT, GATHER, LATELY, MANY, SOME, Committer
from notifier.testing.virtual import VirtualClock, virtually

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


async def flow(committer: Committer, rate: float, seconds: float) -> list[float]:
    """So many changed answers a second, one after the other; how long each took."""
    on_their_way = []
    for number in range(round(rate * seconds)):
        on_their_way.append(asyncio.create_task(look(committer, f"t/{number}")))
        await asyncio.sleep(1 / rate)
    return list(await asyncio.gather(*on_their_way))


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
        assert await looks(committer, 9) == [pytest.approx(WRITES * 1.5)] * 9
        assert [len(keys) for _, keys in lease.commits] == [1, 9]
        assert await first == pytest.approx(WRITES)


@virtually
async def test_those_that_come_at_once_but_seldom_are_not_held_up() -> None:
    """As those of an interval do, or what waited for a broker that was away."""
    async with committing() as (committer, _):
        for _ in range(5):
            assert max(await looks(committer, LATELY // 2)) <= 2 * WRITES
            await asyncio.sleep(0.5)


@virtually
async def test_where_few_come_each_waits_for_one_commit_at_most_before_its_own() -> None:
    async with committing() as (committer, lease):
        assert max(await flow(committer, 0.95 * SOME, 3)) < 2 * WRITES
        assert max(len(keys) for _, keys in lease.commits) == 1


@virtually
async def test_where_some_come_a_commit_lets_a_few_more_come_in_no_time_that_counts() -> None:
    async with committing() as (committer, lease):
        took = await flow(committer, 0.95 * MANY, 2)
        assert max(took) <= 2 * (BEAT + WRITES)
        later = lease.commits[LATELY:]
        assert sum(len(keys) for _, keys in later) / len(later) > 1.25
        assert all(at / BEAT == pytest.approx(round(at / BEAT)) for at, _ in later), "with those of other shards"
        await asyncio.sleep(2)
        assert await looks(committer, 1) == [pytest.approx(WRITES)], "it is over when fewer come"


@virtually
async def test_what_is_closed_while_more_is_let_come_commits_nothing() -> None:
    async with committing() as (committer, lease):
        await flow(committer, 2 * SOME, 1)
        await asyncio.sleep(1.5 * BEAT - now() % BEAT)
        commits = len(lease.commits)
        late = asyncio.create_task(look(committer, "t/late"))
        await asyncio.sleep(BEAT / 10)
        committer.close()
        with pytest.raises(LeaseLost):
            await late
        await asyncio.sleep(1)
        assert len(lease.commits) == commits


@virtually
async def test_where_many_come_more_are_gathered() -> None:
    async with committing() as (committer, lease):
        took = await flow(committer, 4 * MANY, 2)
        assert GATHER < max(took) < GATHER + 3 * WRITES
        sizes = [len(keys) for _, keys in lease.commits]
        assert sum(sizes) == len(took)
        assert min(sizes[20:-1]) >= 4 * MANY * GATHER
        await asyncio.sleep(1)
        assert await looks(committer, 1) == [pytest.approx(WRITES)]
        assert max(await flow(committer, SOME / 2, 1)) < 2 * WRITES, "it is over when fewer come"


@virtually
async def test_what_waits_for_no_turn_goes_on_while_looks_are_gathered() -> None:
    """The outcome of a send: the next one of its lane waits for it."""
    async with committing() as (committer, lease):
        await looks(committer, LATELY)
        late = asyncio.create_task(look(committer, "t/late"))
        for _ in range(2):
            began = now()
            await committer.commit(Change(key="t/sent"))
            assert now() - began == pytest.approx(WRITES)
        assert await late == pytest.approx(GATHER + WRITES)
        assert [keys[0] for _, keys in lease.commits] == ["t/0", "t/sent", "t/sent", "t/late"]


@pytest.mark.parametrize("gathering", [False, True])
@virtually
async def test_a_lost_lease_is_told_to_everybody_at_once(gathering: bool) -> None:
    async with committing() as (committer, lease):
        await looks(committer, LATELY if gathering else 1)
        await asyncio.sleep(GATHER + WRITES)
        lease.lost = not gathering
        first = asyncio.create_task(look(committer, "t/first"))
        await asyncio.sleep(WRITES / 2)
        waiting = [asyncio.create_task(look(committer, f"t/{number}")) for number in range(5)]
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
