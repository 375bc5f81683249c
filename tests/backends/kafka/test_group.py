"""Who owns which shard, by a real group: none is in two hands, and a replica that is cut off falls silent in time."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable

import pytest
from aiokafka.admin import NewTopic
from aiokafka.client import AIOKafkaClient
from structlog.testing import capture_logs

from notifier.backends.kafka.group import Membership, Names
from notifier.backends.kafka.ownership import SILENT
from notifier.backends.kafka.protocol import Who
from notifier.clock import SystemClock
from notifier.errors import Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end
from tests.backends.kafka.bench import settings
from tests.kafka.plugin import Clusters, Kafka

SHARDS = 12
SESSION = 6.0  # the least that a broker allows by default


class Member:
    """A replica as far as the group goes."""

    def __init__(self, group: "Group", name: str, instance: str | None = None, session: float = SESSION) -> None:
        self.changes: list[tuple[float, frozenset[int]]] = []
        self._group = group
        names = Names(group.prefix, f"{group.prefix}.shards", name, instance)
        self.it = Membership(names, SHARDS, session, self._connect, SystemClock(), self._changed)
        self.it.start()

    @property
    def owned(self) -> frozenset[int]:
        return self.it.owned

    def _changed(self) -> None:
        self.changes.append((time.monotonic(), self.it.owned))

    async def _connect(self) -> AIOKafkaClient:
        client = AIOKafkaClient(**self._group.clients.options())
        await client.bootstrap()
        return client

    async def kill(self) -> None:
        """As kill -9: it says nothing."""
        for task in self.it._tasks:
            task.cancel()
        await asyncio.wait(self.it._tasks)
        self.it._ownership.owned = frozenset()
        await self.it._link.close()

    async def deaf(self) -> None:
        """As SIGSTOP: connections stay, nothing is sent."""
        for task in self.it._tasks:
            task.cancel()
        await asyncio.wait(self.it._tasks)

    async def wake(self) -> None:
        """As SIGCONT."""
        self.it._tasks = [asyncio.create_task(self.it._run()), asyncio.create_task(self.it._watch())]


class Group:
    def __init__(self, servers: tuple[str, ...], prefix: str) -> None:
        self.prefix = prefix
        self.clients = Clients(settings(servers, prefix))
        self.members: list[Member] = []

    async def create(self) -> None:
        admin = await self.clients.admin()
        await admin.create_topics([NewTopic(f"{self.prefix}.shards", SHARDS, 1)])
        await end(admin)

    def join(self, name: str, instance: str | None = None, session: float = SESSION) -> Member:
        self.members.append(Member(self, name, instance, session))
        return self.members[-1]

    async def settled(self, *members: Member, within: float = 20) -> None:
        """Until these own everything, each its share."""
        await until(
            lambda: (
                sorted(shard for member in members for shard in member.owned) == list(range(SHARDS))
                and all(member.owned for member in members)
            ),
            within,
        )

    async def close(self) -> None:
        await asyncio.gather(*(member.it.close(2) for member in self.members))


async def until(condition: Callable[[], bool], within: float = 10) -> float:
    """How many seconds it took."""
    began = time.monotonic()
    async with asyncio.timeout(within):
        while not condition():
            await asyncio.sleep(0.01)
    return time.monotonic() - began


@pytest.fixture
async def group(kafka: Kafka, prefix: str) -> AsyncIterator[Group]:
    group = Group(kafka.bootstrap_servers, prefix)
    await group.create()
    yield group
    await group.close()


async def test_one_owns_all_and_two_share(group: Group) -> None:
    a = group.join("a")
    assert a.it.trouble() == "not yet a member of the group"
    await group.settled(a)
    assert a.it.trouble() is None
    mine = a.owned
    b = group.join("b")
    await group.settled(a, b)
    assert len(a.owned) == len(b.owned) == SHARDS / 2
    assert a.owned < mine
    assert [owned for _, owned in a.changes] == [mine, a.owned], "it never gave up what it keeps"


async def test_a_fourth_takes_three_shards_of_twelve_and_when_it_leaves_they_go_back(group: Group) -> None:
    three = [group.join(name) for name in "abc"]
    await group.settled(*three)
    before = [member.owned for member in three]
    fourth = group.join("d")
    await group.settled(*three, fourth)
    assert len(fourth.owned) <= 0.4 * SHARDS
    for member, owned in zip(three, before, strict=True):
        assert member.owned <= owned
    after = [member.owned for member in three]
    took = time.monotonic()
    await fourth.it.close(2)
    await group.settled(*three)
    assert time.monotonic() - took < SESSION, "it said that it goes"
    for member, owned in zip(three, after, strict=True):
        assert member.owned >= owned


@pytest.mark.slow
async def test_survivors_of_a_dead_member_go_on_all_the_time(group: Group) -> None:
    """Although the group waits for it, nothing is given up, and nothing is in doubt."""
    a, b = group.join("a"), group.join("b")
    await group.settled(a, b)
    mine, steady = a.owned, len(a.changes)
    await b.kill()
    c = group.join("c")  # so that the group rebalances at once, and waits for the dead one
    doubts = 0
    began = time.monotonic()
    async with asyncio.timeout(4 * SESSION):
        while sorted(a.owned | c.owned) != list(range(SHARDS)):
            doubts += not a.it.fresh()
            assert mine <= a.owned
            await asyncio.sleep(0.02)
    assert doubts == 0
    assert time.monotonic() - began < SESSION + 5, "the take-over"
    assert len(a.changes) <= steady + 1


@pytest.mark.slow
async def test_a_member_that_was_stopped_finds_out_before_it_does_anything(group: Group) -> None:
    a, b = group.join("a"), group.join("b")
    await group.settled(a, b)
    await b.deaf()
    await group.settled(a, within=3 * SESSION)
    assert b.owned, "it knows nothing yet"
    assert not b.it.fresh(), "but asked, it does not say that it may work"
    b.it.expire()
    assert b.owned == frozenset()
    since = time.monotonic()
    await b.wake()
    await group.settled(a, b)
    assert min(at for at, owned in b.changes if at > since and owned) > since


@pytest.mark.slow
async def test_without_an_answer_a_replica_falls_silent_in_time_and_goes_on_when_it_is_answered(
    clusters: Clusters, prefix: str
) -> None:
    cluster = clusters()
    group = Group(cluster.bootstrap_servers, prefix)
    await group.create()
    a = group.join("a")
    await group.settled(a)
    await until(lambda: a.it._steady > 0)
    cluster.pause(1)
    began = time.monotonic()
    await until(lambda: not a.owned, SESSION)
    silent = time.monotonic() - began
    assert SILENT * SESSION - SESSION / 5 < silent < SESSION, "before anybody else may have them"
    assert "not answered" in (a.it.trouble() or "")
    cluster.resume(1)
    await group.settled(a, within=3 * SESSION)
    await group.close()


@pytest.mark.slow
async def test_a_broker_that_was_killed_and_is_back_in_time_changes_nothing(clusters: Clusters, prefix: str) -> None:
    cluster = clusters()
    group = Group(cluster.bootstrap_servers, prefix)
    await group.create()
    a = group.join("a", session=30.0)
    await group.settled(a)
    cluster.kill(1)
    await until(lambda: not a.it.reachable())
    await asyncio.to_thread(cluster.restart, 1)
    await until(a.it.reachable, 20)
    steady = time.monotonic()
    await asyncio.wait_for(a.it.steady(steady, next(iter(a.owned))), 30)
    assert len(a.changes) == 1
    await group.close()


async def test_a_heartbeat_after_a_fence_is_waited_for(group: Group) -> None:
    a = group.join("a")
    await group.settled(a)
    since = time.monotonic()
    await asyncio.wait_for(a.it.steady(since, 3), 5)
    assert a.it._steady > since
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(a.it.steady(since, SHARDS + 1), 1)


async def test_a_static_member_comes_back_to_what_it_had_without_any_rebalance(group: Group) -> None:
    a, b = group.join("a", "a"), group.join("b", "b")
    await group.settled(a, b)
    mine, others = a.owned, b.owned
    generation = b.it._ownership.generation
    await a.it.close(2)
    again = group.join("a", "a")
    await until(lambda: bool(again.owned))
    assert (again.owned, b.owned) == (mine, others)
    assert b.it._ownership.generation == generation
    assert len(b.changes) == 1 or b.changes[-1][1] == others


async def test_of_two_with_one_instance_id_the_former_is_refused(group: Group) -> None:
    a = group.join("a", "same")
    await group.settled(a)
    again = group.join("a", "same")
    await until(lambda: a.it.refused is not None)
    assert "instance_id" in str(a.it.refused)
    assert a.owned == frozenset()
    await group.settled(again)


async def test_a_group_of_another_program_is_refused(group: Group) -> None:
    consumer = group.clients.unstarted_consumer(group_id=group.prefix)
    consumer.subscribe([f"{group.prefix}.shards"])
    await group.clients.started(consumer)
    await until(lambda: bool(consumer.assignment()))
    a = group.join("a")
    await until(lambda: a.it.refused is not None)
    assert "group_id" in str(a.it.refused)
    await end(consumer)


async def test_a_session_timeout_that_the_broker_does_not_allow(group: Group) -> None:
    a = group.join("a", session=1.0)
    await until(lambda: a.it.refused is not None)
    assert "session_timeout" in str(a.it.refused)


async def test_more_replicas_than_shards(group: Group) -> None:
    members = [group.join(f"r{number}") for number in range(SHARDS + 1)]
    await until(lambda: sum(len(member.owned) for member in members) == SHARDS, 20)
    await until(lambda: sum("more replicas than shards" in (each.it.trouble() or "") for each in members) == 1)


async def test_a_member_that_is_stuck_is_begun_anew(group: Group) -> None:
    """Whatever holds it: here, an answer that never comes."""
    a = group.join("a")
    await group.settled(a)
    coordinator = a.it._link.coordinator
    assert coordinator is not None

    async def never(who: Who, generation: int) -> None:
        await asyncio.get_running_loop().create_future()

    coordinator.heartbeat = never  # type: ignore[method-assign]
    await until(lambda: a.it._link.coordinator is not coordinator, SESSION)
    await group.settled(a)


async def test_a_member_whose_brokers_are_away_is_not_taken_for_stuck() -> None:
    tries = 0

    async def connect() -> AIOKafkaClient:
        nonlocal tries
        tries += 1
        raise Unavailable("the brokers cannot be reached")

    with capture_logs() as logs:
        member = Membership(Names("g", "p.shards", "a", None), SHARDS, 0.1, connect, SystemClock(), lambda: None)
        member.start()
        await until(lambda: tries > 5)
        await member.close(1)
    assert "the brokers cannot be reached" in str([each.get("reason") for each in logs])
    assert "group_member_stuck" not in [each["event"] for each in logs]
