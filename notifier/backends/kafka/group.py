"""Membership of the group that shares the shards: it only says who owns what. Nothing is read through it.

`owned` is what this replica may work on just now. It survives a rebalance as long as the group still answers that
nobody else can have got any of it: heartbeats go on while a join waits for others. It is empty from the moment at which
the group has not vouched for it for 0.8 session time-outs, by the monotonic clock, so that this replica falls silent
before another one takes over.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from typing import NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from notifier.backends.kafka.assignor import Member, assign, pack_member, unpack_member
from notifier.backends.kafka.protocol import Code, Coordinator, GroupError, Who
from notifier.clock import Clock
from notifier.errors import BackendError, Refused

log = structlog.get_logger()

SILENT = 0.8  # session time-outs without an answer after which nothing is owned any more
BEATS = 10  # heartbeats within a session time-out
STUCK = 3.0  # session time-outs without an assignment after which everything is begun anew
PAUSE = 0.25  # seconds before a failed step is tried again
COMING = 2.0  # seconds that a leader who lost the group waits for others who lost it, too

_FATAL = {
    Code.GROUP_AUTHORIZATION_FAILED: "the user may not use the consumer group {group!r}: grant Read on it",
    Code.INVALID_SESSION_TIMEOUT: (
        "the broker does not allow this `session_timeout`: see its group.min.session.timeout.ms and …max…"
    ),
    Code.INCONSISTENT_GROUP_PROTOCOL: (
        "the consumer group {group!r} is used by another program, too: give this one its own `group_id`"
    ),
    Code.INVALID_GROUP_ID: "{group!r} is not a name for a consumer group: change `group_id`",
    Code.FENCED_INSTANCE_ID: "another replica has the same `instance_id`: each needs its own",
}


class Names(NamedTuple):
    """`topic` is the one whose partitions are the shards; `name` the same after a restart; `instance` makes a static
    member: it keeps its shards over a restart without any rebalance."""

    group: str
    topic: str
    name: str
    instance: str | None


class Membership:
    """One member. `changed` is called, on the loop, whenever `owned` is another one than before."""

    def __init__(
        self,
        names: Names,
        shards: int,
        session: float,
        connect: Callable[[], Awaitable[AIOKafkaClient]],
        clock: Clock,
        changed: Callable[[], None],
    ) -> None:
        """`session` in seconds. `connect`: Refused, Unavailable."""
        self.owned: frozenset[int] = frozenset()
        self.refused: Refused | None = None
        self._names = names
        self._shards = shards
        self._session = session
        self._connect = connect
        self._clock = clock
        self._changed = changed
        self._who = Who(names.group, "", names.instance)
        self._generation = -1  # of the group, as far as we are in it
        self._given = -1  # the generation that gave `_assigned`
        self._assigned: frozenset[int] = frozenset()
        self._last_owned: tuple[int, tuple[int, ...]] = (-1, ())  # generation and shards: what the leader is told
        self._joining = True
        self._astray = False  # the group fell silent; where the brokers did, then for all of its members
        self._reachable = True
        self._vouched = self._begun = float("-inf")
        self._steady = float("-inf")
        self._steadied = asyncio.Event()
        self._trouble = "not yet a member of the group"
        self._client: AIOKafkaClient | None = None
        self._coordinator: Coordinator | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # --- what the backend asks -------------------------------------------------------------------------------------

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._vouched = self._begun = self._clock.monotonic()
        self._tasks = [
            loop.create_task(self._run(), name="group member"),
            loop.create_task(self._watch(), name="group watchdog"),
        ]

    def trouble(self) -> str | None:
        """Why nothing is owned just now; None when all is well."""
        return None if self.owned else self._trouble

    def assigned(self) -> bool:
        """Whether the group has said what this replica owns, be it nothing."""
        return self._given >= 0

    def fresh(self) -> bool:
        """Whether the group vouches for what is owned. Asked before each look and each send, it must not wait."""
        return bool(self.owned) and self._clock.monotonic() - self._vouched < SILENT * self._session

    def reachable(self) -> bool:
        """Whether any broker is: when none is, nothing need be begun."""
        return self._reachable

    def expire(self) -> None:
        """Nothing is owned if the group no longer vouches for it."""
        if self.owned and not self.fresh():
            self._astray = True
            self._lose(f"the group has not answered for {SILENT * self._session:g} s")

    async def steady(self, since: float, shard: int) -> None:
        """Until a heartbeat sent after `since` (monotonic) was answered without an error, with that shard assigned."""
        while not (self._steady > since and shard in self.owned):
            await self._steadied.wait()

    async def close(self, within: float) -> None:
        """Leaves the group, unless it is a static member: its shards are to wait for it."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=within / 4)
        self._lose("closed")
        if self._coordinator is not None and self._who.id and self._names.instance is None:
            with contextlib.suppress(KafkaError, GroupError, TimeoutError):
                async with asyncio.timeout(within / 2):
                    await self._coordinator.leave(self._who)
        await self._disconnect(within / 4)

    # --- the member ------------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        while self.refused is None:
            try:
                await self._member()
            except GroupError as error:
                await self._said_no(error)
            except Refused as error:
                self._refuse(error)
            except TimeoutError:
                await self._begin_anew("the group does not answer")
            except (KafkaError, BackendError, OSError) as error:
                await self._begin_anew(f"the group cannot be reached: {str(error) or type(error).__name__}")

    async def _begin_anew(self, why: str) -> None:
        self._note(why)
        await self._disconnect()
        await asyncio.sleep(PAUSE)

    async def _member(self) -> None:
        """Join and sync if need be, then heartbeats until the group says something else."""
        coordinator = await self._found()
        beats = asyncio.get_running_loop().create_task(self._beats(coordinator), name="group heartbeats")
        try:
            if self._joining:
                await self._join(coordinator)
            await beats
        finally:
            beats.cancel()
            await asyncio.wait([beats])

    async def _join(self, coordinator: Coordinator) -> None:
        async with asyncio.timeout(2 * self._session + 5):
            joined = await coordinator.join(
                self._who, self._names.topic, self._told(), session=self._session, rebalance=self._session
            )
        self._who = self._who._replace(id=joined.id)
        self._generation = joined.generation
        if joined.members and self._astray:
            # What was theirs is best left to them: they have seen what could not be committed. Whoever comes meanwhile
            # makes the group begin its round again.
            self._astray = False
            await asyncio.sleep(min(COMING, self._session / 3))
        plan = self._plan(joined.members) if joined.members else {}
        async with asyncio.timeout(self._session):
            owned = await coordinator.sync(self._who, joined.generation, self._names.topic, plan)
        self._assign(frozenset(owned))

    async def _beats(self, coordinator: Coordinator) -> None:
        """Until one fails. While a join waits for others they go on, and failures are the join's to hear."""
        while True:
            if self._generation >= 0:
                generation, sent = self._generation, self._clock.monotonic()
                try:
                    async with asyncio.timeout(self._session * 0.4):
                        await coordinator.heartbeat(self._who, generation)
                except (GroupError, KafkaError, TimeoutError, OSError) as error:
                    if isinstance(error, GroupError) and error.code == Code.REBALANCE_IN_PROGRESS:
                        self._vouch(generation, sent)  # of the former generation, which is still the last
                    if not self._joining:
                        raise
                else:
                    self._vouch(generation, sent)
                    if not self._joining:
                        self._steady = sent
                        self._steadied.set()
                        self._steadied.clear()
            await asyncio.sleep(self._session / BEATS)

    def _plan(self, members: Mapping[str, bytes]) -> dict[str, tuple[int, ...]]:
        known = {}
        for id, data in members.items():
            try:
                known[id] = unpack_member(data)
            except ValueError:
                known[id] = Member(name=id)
        plan = assign(self._shards, known)
        log.info("shards_shared_out", members=len(plan), generation=self._generation)
        return plan

    def _told(self) -> bytes:
        generation, owned = self._last_owned
        return pack_member(Member(name=self._names.name, generation=generation, owned=owned))

    async def _said_no(self, error: GroupError) -> None:
        match error.code:
            case Code.REBALANCE_IN_PROGRESS:
                self._joining = True  # owning what we own
                return
            case Code.UNKNOWN_MEMBER_ID:
                if self._generation < 0 or self._names.instance is None:
                    # A static member asks once more under its old id: if another has its name, it is told so.
                    self._who = self._who._replace(id="")
                self._leave("the group has taken this replica for dead, and its shards from it")
            case Code.ILLEGAL_GENERATION:
                self._leave("the group went on without this replica")
            case code if code in _FATAL:
                self._refuse(Refused(_FATAL[Code(code)].format(group=self._names.group)))
                return
            case _:
                self._coordinator = None  # another broker is, or will be, the coordinator
                self._note(str(error))
        await asyncio.sleep(PAUSE)

    # --- the connection --------------------------------------------------------------------------------------------

    async def _found(self) -> Coordinator:
        async with asyncio.timeout(max(self._session, 5.0)):
            if self._client is None:
                self._reachable = False  # until a broker says otherwise
                self._client = await self._connect()
                self._reachable = True
            if self._coordinator is None:
                self._coordinator = await Coordinator.find(self._client, self._names.group)
        return self._coordinator

    async def _disconnect(self, within: float = 1.0) -> None:
        client, self._client, self._coordinator = self._client, None, None
        if client is not None:
            with contextlib.suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(within):
                    await client.close()

    # --- what is owned ---------------------------------------------------------------------------------------------

    def _assign(self, assigned: frozenset[int]) -> None:
        self._assigned, self._given, self._joining = assigned, self._generation, False
        self._astray = False
        self._last_owned = (self._generation, tuple(sorted(assigned)))
        self._vouched = self._clock.monotonic()
        log.info("shards_assigned", shards=sorted(assigned), generation=self._generation)
        if not assigned:
            self._note("there are more replicas than shards: this one waits for another to go")
        self._own(assigned)

    def _vouch(self, generation: int, sent: float) -> None:
        """An answer to a heartbeat sent then: if the last assignment is ours, nobody else had any of it by then."""
        if generation == self._given == self._generation:
            self._vouched = max(self._vouched, sent)
            if self._assigned and not self.owned:
                self._own(self._assigned)

    def _leave(self, why: str) -> None:
        self._generation = self._given = -1
        self._assigned, self._joining = frozenset(), True
        self._lose(why)

    def _lose(self, why: str) -> None:
        if self.owned:
            log.warning("shards_given_up", shards=sorted(self.owned), reason=why)
        self._note(why)
        self._own(frozenset())

    def _own(self, owned: frozenset[int]) -> None:
        if owned != self.owned:
            self.owned = owned
            self._changed()

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.info("group_trouble", reason=trouble)
            self._trouble = trouble

    def _refuse(self, error: Refused) -> None:
        self.refused = error
        self._leave(str(error))
        self._changed()

    async def _watch(self) -> None:
        """Falls silent in time; and begins everything anew when the member is stuck, whatever holds it."""
        while self.refused is None:
            await asyncio.sleep(self._session / BEATS / 2)
            self.expire()
            if self._clock.monotonic() - max(self._vouched, self._begun) > STUCK * self._session:
                log.error("group_member_stuck", reason=self._trouble)
                self._begun = self._clock.monotonic()
                member = self._tasks[0]
                member.cancel()
                await asyncio.wait([member], timeout=1.0)
                await self._disconnect()
                self._leave("no answer for so long that everything is begun anew")
                self._tasks[0] = asyncio.get_running_loop().create_task(self._run(), name="group member")
