"""Membership of the group that shares the shards: it only says who owns what. Nothing is read through it.

Heartbeats go on while a join waits for others, so that what stays owned is never given up meanwhile.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import NamedTuple

import structlog
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError

from notifier.backends.kafka.assignor import Member, assign, pack_member, unpack_members
from notifier.backends.kafka.ownership import Ownership
from notifier.backends.kafka.protocol import FATAL, Code, Coordinator, GroupError, Link, Who
from notifier.clock import Clock
from notifier.errors import BackendError, Refused

log = structlog.get_logger()

BEATS = 10  # heartbeats within a session time-out
STUCK = 3.0  # session time-outs without an assignment after which everything is begun anew
PAUSE = 0.25  # seconds before a failed step is tried again
COMING = 2.0  # seconds that a leader who lost the group waits for others who lost it, too


class Names(NamedTuple):
    """`topic` is the one whose partitions are the shards; `name` the same after a restart; `instance` makes a static
    member: it keeps its shards over a restart without any rebalance."""

    group: str
    topic: str
    name: str
    instance: str | None


class Membership:
    """One member. `changed` is called, on the loop, whenever `owned` is another one than before, and when it is
    `refused`."""

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
        self.refused: Refused | None = None
        self._ownership = Ownership(session, clock, changed)
        self._names = names
        self._shards = shards
        self._session = session
        self._link = Link(names.group, connect)
        self._clock = clock
        self._changed = changed
        self._who = Who(names.group, "", names.instance)
        self._joining = True
        self._astray = False  # the group fell silent; where the brokers did, then for all of its members
        self._begun = float("-inf")
        self._steady = float("-inf")
        self._steadied = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # --- what the backend asks -------------------------------------------------------------------------------------

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._begun = self._clock.monotonic()
        self._ownership.begin()
        self._tasks = [
            loop.create_task(self._run(), name="group member"),
            loop.create_task(self._watch(), name="group watchdog"),
        ]

    @property
    def owned(self) -> frozenset[int]:
        """What this replica may work on just now; see `Ownership`."""
        return self._ownership.owned

    def trouble(self) -> str | None:
        """Why nothing is owned just now; None when all is well."""
        return self._ownership.trouble()

    def assigned(self) -> bool:
        """Whether the group has said what this replica owns, be it nothing."""
        return self._ownership.given >= 0

    def fresh(self) -> bool:
        """Whether the group vouches for what is owned. Asked before each look and each send, it must not wait."""
        return self._ownership.fresh()

    def reachable(self) -> bool:
        """Whether any broker is: when none is, nothing need be begun."""
        return self._link.reachable

    def expire(self) -> None:
        """Nothing is owned if the group no longer vouches for it."""
        if self._ownership.expire():
            self._astray = True

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
        self._ownership.lose("closed", asked=True)
        coordinator = self._link.coordinator
        if coordinator is not None and self._who.id and self._names.instance is None:
            with contextlib.suppress(KafkaError, GroupError, TimeoutError):
                async with asyncio.timeout(within / 2):
                    await coordinator.leave(self._who)
        await self._link.close(within / 4)

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
        self._ownership.note(why)
        await self._link.close()
        await asyncio.sleep(PAUSE)

    async def _member(self) -> None:
        """Join and sync if need be, then heartbeats until the group says something else."""
        async with asyncio.timeout(max(self._session, 5.0)):
            coordinator = await self._link.found()
        beats = asyncio.get_running_loop().create_task(self._beats(coordinator), name="group heartbeats")
        try:
            if self._joining:
                await self._join(coordinator)
            await beats
        finally:
            beats.cancel()
            await asyncio.wait([beats])

    async def _join(self, coordinator: Coordinator) -> None:
        generation, had = self._ownership.last
        told = pack_member(Member(name=self._names.name, generation=generation, owned=had))
        async with asyncio.timeout(2 * self._session + 5):
            joined = await coordinator.join(
                self._who, self._names.topic, told, session=self._session, rebalance=self._session
            )
        self._who = self._who._replace(id=joined.id)
        self._ownership.generation = joined.generation
        if joined.members and self._astray:
            # What was theirs is best left to them: they have seen what could not be committed. Whoever comes meanwhile
            # makes the group begin its round again.
            self._astray = False
            await asyncio.sleep(min(COMING, self._session / 3))
        plan = assign(self._shards, unpack_members(joined.members)) if joined.members else {}
        if plan:
            log.info("shards_shared_out", members=len(plan), generation=joined.generation)
        async with asyncio.timeout(self._session):
            owned = await coordinator.sync(self._who, joined.generation, self._names.topic, plan)
        self._joining = self._astray = False
        self._ownership.assign(frozenset(owned))

    async def _beats(self, coordinator: Coordinator) -> None:
        """Until one fails. While a join waits for others they go on, and failures are the join's to hear."""
        while True:
            if self._ownership.generation >= 0:
                generation, sent = self._ownership.generation, self._clock.monotonic()
                try:
                    async with asyncio.timeout(self._session * 0.4):
                        await coordinator.heartbeat(self._who, generation)
                except (GroupError, KafkaError, TimeoutError, OSError) as error:
                    if isinstance(error, GroupError) and error.code == Code.REBALANCE_IN_PROGRESS:
                        self._ownership.vouch(generation, sent)  # of the former generation, which is still the last
                    if not self._joining:
                        raise
                else:
                    self._ownership.vouch(generation, sent)
                    if not self._joining:
                        self._steady = sent
                        self._steadied.set()
                        self._steadied.clear()
            await asyncio.sleep(self._session / BEATS)

    async def _said_no(self, error: GroupError) -> None:
        match error.code:
            case Code.REBALANCE_IN_PROGRESS:
                self._joining = True  # owning what we own
                return
            case Code.UNKNOWN_MEMBER_ID:
                if self._ownership.generation < 0 or self._names.instance is None:
                    # A static member asks once more under its old id: if another has its name, it is told so.
                    self._who = self._who._replace(id="")
                self._leave("the group has taken this replica for dead, and its shards from it")
            case Code.ILLEGAL_GENERATION:
                self._leave("the group went on without this replica")
            case code if code in FATAL:
                self._refuse(Refused(FATAL[Code(code)].format(group=self._names.group)))
                return
            case _:
                self._link.coordinator = None  # another broker is, or will be
                self._ownership.note(str(error))
        await asyncio.sleep(PAUSE)

    # --- what goes wrong -------------------------------------------------------------------------------------------

    def _leave(self, why: str) -> None:
        self._joining = True
        self._ownership.leave(why)

    def _refuse(self, error: Refused) -> None:
        self.refused = error
        self._leave(str(error))
        self._changed()

    async def _watch(self) -> None:
        """Falls silent in time; and begins everything anew when the member is stuck, whatever holds it."""
        while self.refused is None:
            await asyncio.sleep(self._session / BEATS / 2)
            self.expire()
            if self._clock.monotonic() - max(self._ownership.vouched, self._begun) > STUCK * self._session:
                if self._link.reachable:  # else it is the brokers that are away, and that is told already
                    log.error("group_member_stuck", reason=self.trouble())
                self._begun = self._clock.monotonic()
                member = self._tasks[0]
                member.cancel()
                await asyncio.wait([member], timeout=1.0)
                await self._link.close()
                self._leave("no answer for so long that everything is begun anew")
                self._tasks[0] = asyncio.get_running_loop().create_task(self._run(), name="group member")
