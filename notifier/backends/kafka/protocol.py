"""The requests of Kafka's group protocol as one member makes them: coordinator, join, sync, heartbeat, leave.

The classic protocol (KIP-62, KIP-345 static members, KIP-394 member ids) by aiokafka's client and structures. Its own
consumer would not do: it hears nothing of the group while it waits for a rebalance, and hides its heartbeats.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient, ConnectionGroup, CoordinationType
from aiokafka.coordinator.protocol import ConsumerProtocolMemberAssignment, ConsumerProtocolMemberMetadata
from aiokafka.errors import KafkaError
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest

PROTOCOL_TYPE = "consumer"  # so that Kafka's own tools show the group's members and what they own
PROTOCOL = "notifier-least-moves"


class Code(IntEnum):
    """Error codes that a group answers with (Kafka protocol, 'Error Codes')."""

    NONE = 0
    COORDINATOR_LOAD_IN_PROGRESS = 14
    COORDINATOR_NOT_AVAILABLE = 15
    NOT_COORDINATOR = 16
    ILLEGAL_GENERATION = 22
    INCONSISTENT_GROUP_PROTOCOL = 23
    INVALID_GROUP_ID = 24
    UNKNOWN_MEMBER_ID = 25
    INVALID_SESSION_TIMEOUT = 26
    REBALANCE_IN_PROGRESS = 27
    GROUP_AUTHORIZATION_FAILED = 30
    MEMBER_ID_REQUIRED = 79
    GROUP_MAX_SIZE_REACHED = 81
    FENCED_INSTANCE_ID = 82


FATAL = {
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
"""What no trying again will mend, and what to do."""


class GroupError(Exception):
    """The group said no. `code` is one of `Code`, or another number of Kafka's."""

    def __init__(self, code: int) -> None:
        self.code = code
        names = {each.value: each.name for each in Code}
        super().__init__(f"the group answered {names.get(code, f'error {code}')}")


class Who(NamedTuple):
    """One member: its group, and who it is there. `id` is given by the coordinator, empty at first."""

    group: str
    id: str
    instance: str | None


class Joined(NamedTuple):
    """`members` (id to what each tells of itself) has everybody where this member is the leader, else nobody."""

    generation: int
    id: str
    members: Mapping[str, bytes]


class Coordinator:
    """The group's coordinator, found anew by whoever makes another one of these. Raises GroupError and KafkaError."""

    def __init__(self, client: AIOKafkaClient, node: int) -> None:
        self._client = client
        self._node = node

    @classmethod
    async def find(cls, client: AIOKafkaClient, group: str) -> "Coordinator":
        node = await client.coordinator_lookup(CoordinationType.GROUP, group)
        return cls(client, node)

    async def join(self, who: Who, topic: str, data: bytes, *, session: float, rebalance: float) -> Joined:
        """Waits for all the other members, at most `rebalance` seconds and a dead one's session."""
        metadata = ConsumerProtocolMemberMetadata(0, [topic], data).encode()
        answer = await self._ask(
            JoinGroupRequest(
                who.group,
                round(session * 1000),
                round(rebalance * 1000),
                who.id,
                who.instance,
                PROTOCOL_TYPE,
                [(PROTOCOL, metadata)],
            ),
            ConnectionGroup.COORDINATION,
        )
        if answer.error_code == Code.MEMBER_ID_REQUIRED and not who.id:
            return await self.join(who._replace(id=answer.member_id), topic, data, session=session, rebalance=rebalance)
        _check(answer)
        members = {}
        if answer.leader_id == answer.member_id:
            members = {member[0]: _told(member[-1]) for member in answer.members}
        return Joined(answer.generation_id, answer.member_id, members)

    async def sync(self, who: Who, generation: int, topic: str, plan: Mapping[str, Sequence[int]]) -> tuple[int, ...]:
        """What this member owns; `plan`, of the leader alone, is what everybody does."""
        assignments = [
            (id, ConsumerProtocolMemberAssignment(0, [(topic, list(shards))], b"").encode())
            for id, shards in plan.items()
        ]
        answer = await self._ask(
            SyncGroupRequest(who.group, generation, who.id, who.instance, assignments),
            ConnectionGroup.COORDINATION,
        )
        _check(answer)
        owned = ConsumerProtocolMemberAssignment.decode(answer.member_assignment)
        return tuple(sorted(partition.partition for partition in owned.partitions()))

    async def heartbeat(self, who: Who, generation: int) -> None:
        """Over a connection of its own: a join that waits would hold up its answer."""
        _check(await self._ask(HeartbeatRequest(who.group, generation, who.id), ConnectionGroup.DEFAULT))

    async def leave(self, who: Who) -> None:
        _check(await self._ask(LeaveGroupRequest(who.group, who.id), ConnectionGroup.DEFAULT))

    async def _ask(self, request: Any, connection: ConnectionGroup) -> Any:
        return await self._client.send(self._node, request, group=connection)


class Link:
    """The connection to a group's coordinator, found when it is first needed, and anew after `close`.

    `reachable`: whether any broker is, as far as is known. `coordinator` None: another broker is, or will be.
    """

    def __init__(self, group: str, connect: Callable[[], Awaitable[AIOKafkaClient]]) -> None:
        """`connect`: Refused, Unavailable."""
        self.reachable = True
        self.coordinator: Coordinator | None = None
        self._group = group
        self._connect = connect
        self._client: AIOKafkaClient | None = None

    async def found(self) -> Coordinator:
        """GroupError, KafkaError, and what `connect` raises."""
        if self._client is None:
            self.reachable = False  # until a broker says otherwise
            self._client = await self._connect()
            self.reachable = True
        if self.coordinator is None:
            self.coordinator = await Coordinator.find(self._client, self._group)
        return self.coordinator

    async def close(self, within: float = 1.0) -> None:
        """Bounded, in seconds."""
        client, self._client, self.coordinator = self._client, None, None
        if client is not None:
            with contextlib.suppress(TimeoutError, KafkaError, OSError):
                async with asyncio.timeout(within):
                    await client.close()


def _told(metadata: bytes) -> bytes:
    told: bytes = ConsumerProtocolMemberMetadata.decode(metadata).user_data
    return told


def _check(answer: Any) -> None:
    if answer.error_code != Code.NONE:
        raise GroupError(answer.error_code)
