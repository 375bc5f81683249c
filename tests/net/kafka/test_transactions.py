"""A transaction's requests against brokers that answer as they are told; real ones are in tests/backends/kafka.

`Brokers(version=…)`: the version of transactions that they have agreed on, 1 (up to Kafka 3) or 2.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, TypeAlias, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import (
    IncompatibleBrokerVersion,
    InvalidTxnState,
    KafkaConnectionError,
    KafkaError,
    MessageSizeTooLargeError,
    ProducerFenced,
    TopicAuthorizationFailedError,
    TransactionalIdAuthorizationFailed,
    UnknownError,
)
from aiokafka.protocol.produce import ProduceRequest
from aiokafka.protocol.transaction import AddPartitionsToTxnRequest, EndTxnRequest, InitProducerIdRequest
from aiokafka.record.default_records import DefaultRecordBatch

from notifier.net.kafka.coordinator import PAUSE
from notifier.net.kafka.requests import ApiVersions, Commit, Produce
from notifier.net.kafka.transactions import MARKS, Messages, Transactions
from notifier.testing.virtual import virtually

SHARDS, EVENTS = TopicPartition("shards", 3), TopicPartition("events", 3)
NAMES = {
    InitProducerIdRequest: "init",
    AddPartitionsToTxnRequest: "add",
    ProduceRequest: "produce",
    EndTxnRequest: "end",
    ApiVersions: "versions",
    Produce: "produce",
    Commit: "end",
}
MESSAGES: Messages = {
    SHARDS: [(b"o:1", b"state", ()), (b"c:", b"cursor", ())],
    EVENTS: [(b"1", b"event", [("h", b"v")])],
}

UNKNOWN_TOPIC, NOT_LEADER, TOO_LARGE, COORDINATOR_LOADS, NOT_COORDINATOR = 3, 6, 10, 14, 16
TOPIC_FORBIDDEN, DUPLICATE, BAD_EPOCH, BAD_STATE, CONCURRENT = 29, 46, 47, 48, 51
ID_FORBIDDEN, NOT_ATTEMPTED, FENCED = 53, 55, 90
LAST_EPOCH = 3

both = pytest.mark.parametrize("version", [1, 2])


Said: TypeAlias = int | Exception | Mapping[TopicPartition, int]


class Asked(NamedTuple):
    what: str
    node: int
    group: ConnectionGroup
    batches: Mapping[TopicPartition, bytes]
    at: float


class Brokers:
    """A stand-in for aiokafka's client. `say` is what each kind of request meets, in turn; then all goes well."""

    def __init__(self, leaders: Mapping[TopicPartition, int] | None = None, *, version: int = 2) -> None:
        self.version = version
        self.producer = (7, 2)
        self.leaders = dict(leaders or {SHARDS: 1, EVENTS: 1})
        self.coordinators = deque([1])
        self.said: dict[str, deque[Said]] = {}
        self.asked: list[Asked] = []
        self.known: set[str] = set()
        self.under_way = self.at_once = 0
        self.updates = 0
        self.on_update: Callable[[], None] = lambda: None
        self.cluster = SimpleNamespace(
            leader_for_partition=lambda place: self.leaders.get(place) if place.topic in self.known else None,
            unauthorized_topics=set[str](),
        )

    def say(self, what: str, *said: Said) -> None:
        self.said[what] = deque(said)

    async def bootstrap(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def add_topic(self, topic: str) -> None:
        self.known.add(topic)

    async def force_metadata_update(self) -> None:
        self.updates += 1
        self.on_update()

    async def coordinator_lookup(self, kind: int, key: str) -> int:
        assert key == "p-3"
        return self.coordinators.popleft() if len(self.coordinators) > 1 else self.coordinators[0]

    async def send(self, node: int, request: Any, *, group: ConnectionGroup = ConnectionGroup.DEFAULT) -> Any:
        what = NAMES[type(request)]
        topics: list[tuple[str, list[Any]]] = getattr(request, "_topics", [])
        batches = {}
        if what == "produce":
            batches = {TopicPartition(topic, number): bytes(data) for topic, those in topics for number, data in those}
        now = asyncio.get_running_loop().time()
        self.asked.append(Asked(what, node, group, batches, now))
        self.under_way += 1
        self.at_once = max(self.at_once, self.under_way)
        await asyncio.sleep(0)
        self.under_way -= 1
        said = self.said.get(what)
        met = said.popleft() if said else 0
        if isinstance(met, Exception):
            raise met
        if what == "versions":
            return SimpleNamespace(level={"transaction.version": self.version}.get)
        if what == "init":
            return SimpleNamespace(error_code=met, producer_id=7, producer_epoch=2)
        if isinstance(request, Commit):
            if met == 0:
                self.producer = (7, self.producer[1] + 1) if self.producer[1] < LAST_EPOCH else (8, 0)
            id, epoch = self.producer
            return SimpleNamespace(error_code=met, producer_id=id, producer_epoch=epoch)
        if what == "end":
            return SimpleNamespace(error_code=met)
        if what == "add":
            codes = met if isinstance(met, Mapping) else dict.fromkeys((SHARDS, EVENTS), met)
            return SimpleNamespace(
                errors=[
                    (topic, [(number, codes[TopicPartition(topic, number)]) for number in those])
                    for topic, those in topics
                ]
            )
        codes = met if isinstance(met, Mapping) else dict.fromkeys(batches, met)
        codes = {place: code for place, code in codes.items() if place in batches}
        return SimpleNamespace(
            topics=[(place.topic, [(place.partition, code, 0, -1, 0)]) for place, code in codes.items()]
        )

    def steps(self) -> list[str]:
        return [each.what for each in self.asked]


async def started(brokers: Brokers) -> Transactions:
    made = Transactions(cast(AIOKafkaClient, brokers), "p-3", 10)
    await made.start()
    brokers.asked.clear()
    return made


def numbers(batch: bytes) -> tuple[int, int, int]:
    """The producer's id and epoch, and the first record's sequence."""
    read = DefaultRecordBatch(batch)
    return read.producer_id, read.producer_epoch, read.base_sequence


@virtually
async def test_two_requests_carry_a_transaction_and_the_next_has_the_next_epoch() -> None:
    brokers = Brokers()
    made = await started(brokers)
    await made.write(MESSAGES)
    await made.write({SHARDS: [(b"c:", b"later", ())]})
    await made.write({SHARDS: [(b"c:", b"later", ())]})

    assert brokers.steps() == ["produce", "end"] * 3
    assert [each.group for each in brokers.asked[:2]] == [ConnectionGroup.DEFAULT, ConnectionGroup.COORDINATION]
    first, second, third = (each.batches for each in brokers.asked if each.what == "produce")
    assert [record.value for record in DefaultRecordBatch(first[SHARDS])] == [b"state", b"cursor"]
    assert [record.headers for record in DefaultRecordBatch(first[EVENTS])] == [[("h", b"v")]]
    assert numbers(first[SHARDS]) == numbers(first[EVENTS]) == (7, 2, 0)
    assert numbers(second[SHARDS]) == (7, 3, 0)
    assert numbers(third[SHARDS]) == (8, 0, 0), "the epochs of one producer have an end"


@virtually
async def test_three_requests_where_the_brokers_are_older_and_the_next_goes_on_with_its_numbers() -> None:
    brokers = Brokers(version=1)
    made = await started(brokers)
    await made.write(MESSAGES)
    await made.write({SHARDS: [(b"c:", b"later", ())]})

    assert brokers.steps() == ["add", "produce", "end"] * 2
    assert brokers.asked[0].group == ConnectionGroup.COORDINATION
    first, second = brokers.asked[1].batches, brokers.asked[4].batches
    assert numbers(first[SHARDS]) == numbers(first[EVENTS]) == (7, 2, 0)
    assert numbers(second[SHARDS]) == (7, 2, 2)


@pytest.mark.parametrize("error", [IncompatibleBrokerVersion("unknown"), NotImplementedError("not yet added")])
@virtually
async def test_brokers_that_cannot_tell_their_version_are_older_ones(error: Exception) -> None:
    brokers = Brokers()
    brokers.say("versions", error)
    made = await started(brokers)
    await made.write(MESSAGES)
    assert brokers.steps() == ["add", "produce", "end"]


@both
@virtually
async def test_each_leader_gets_its_own_and_all_must_confirm_before_it_is_committed(version: int) -> None:
    brokers = Brokers({SHARDS: 1, EVENTS: 2}, version=version)
    made = await started(brokers)
    await made.write(MESSAGES)

    assert brokers.steps()[-3:] == ["produce", "produce", "end"]
    assert {each.node: set(each.batches) for each in brokers.asked[-3:-1]} == {1: {SHARDS}, 2: {EVENTS}}
    # Where a leader itself adds its partitions, another one would be told to wait meanwhile, which it does for 20 ms.
    assert brokers.at_once == {1: 2, 2: 1}[version]


@both
@virtually
async def test_what_is_too_much_for_one_request_goes_in_several_before_the_commit(version: int) -> None:
    brokers = Brokers(version=version)
    made = await started(brokers)
    await made.write(
        {SHARDS: [(b"%d" % number, bytes(600_000), ()) for number in range(3)], EVENTS: [(b"1", b"e", ())]}
    )

    assert brokers.steps()[-4:] == ["produce", "produce", "produce", "end"]
    sent = [each.batches for each in brokers.asked[-4:-1]]
    assert [set(batches) for batches in sent] == [{SHARDS, EVENTS}, {SHARDS}, {SHARDS}]
    assert [numbers(batches[SHARDS]) for batches in sent] == [(7, 2, 0), (7, 2, 1), (7, 2, 2)]


@pytest.mark.parametrize(
    ("version", "first", "said"),
    [(1, "add", CONCURRENT), (2, "produce", CONCURRENT), (2, "produce", {SHARDS: CONCURRENT, EVENTS: 0})],
)
@virtually
async def test_while_the_marks_of_the_last_one_are_being_written_it_asks_again_soon(
    version: int, first: str, said: Said
) -> None:
    brokers = Brokers(version=version)
    made = await started(brokers)
    brokers.say(first, said, said, said)
    began = asyncio.get_running_loop().time()
    await made.write(MESSAGES)

    assert brokers.steps()[:4] == [first] * 4
    assert brokers.steps()[-1] == "end"
    assert brokers.asked[3].at - began < PAUSE
    assert brokers.updates == 0


@virtually
async def test_one_that_follows_at_once_leaves_the_brokers_the_time_for_the_marks() -> None:
    brokers = Brokers()
    made = await started(brokers)
    await made.write(MESSAGES)
    await made.write(MESSAGES)
    await asyncio.sleep(1)
    await made.write(MESSAGES)

    _, first_end, second, second_end, third, _ = (each.at for each in brokers.asked)
    assert second - first_end == pytest.approx(MARKS)
    assert third - second_end == pytest.approx(1)


@pytest.mark.parametrize(("version", "what"), [(1, "init"), (1, "add"), (1, "end"), (2, "end")])
@pytest.mark.parametrize("said", [NOT_COORDINATOR, COORDINATOR_LOADS, KafkaConnectionError("gone")])
@virtually
async def test_another_coordinator_is_asked_the_same(version: int, what: str, said: Said) -> None:
    brokers = Brokers(version=version)
    brokers.coordinators = deque([1, 2])
    brokers.say(what, said)
    made = Transactions(cast(AIOKafkaClient, brokers), "p-3", 10)
    await made.start()
    await made.write(MESSAGES)

    assert [each.node for each in brokers.asked if each.what == what] == [1, 2]
    assert brokers.steps()[-1] == "end"


@virtually
async def test_another_one_is_asked_for_its_version() -> None:
    brokers = Brokers()
    brokers.coordinators = deque([1, 2])
    brokers.say("versions", KafkaConnectionError("gone"))
    await Transactions(cast(AIOKafkaClient, brokers), "p-3", 10).start()
    assert [each.node for each in brokers.asked if each.what == "versions"] == [1, 2]


@both
@virtually
async def test_what_one_leader_could_not_take_goes_to_the_next_one_the_same_bytes_and_nothing_else(
    version: int,
) -> None:
    brokers = Brokers(version=version)
    made = await started(brokers)
    brokers.say("produce", {SHARDS: 0, EVENTS: NOT_LEADER}, KafkaConnectionError("gone"))
    brokers.on_update = lambda: brokers.leaders.update({EVENTS: 2})
    await made.write(MESSAGES)

    tries = [each for each in brokers.asked if each.what == "produce"]
    assert [(each.node, set(each.batches)) for each in tries] == [(1, {SHARDS, EVENTS}), (2, {EVENTS}), (2, {EVENTS})]
    assert len({each.batches[EVENTS] for each in tries}) == 1
    assert brokers.steps()[-1] == "end"


@both
@virtually
async def test_a_leader_that_is_not_known_yet_is_waited_for(version: int) -> None:
    brokers = Brokers({SHARDS: 1, EVENTS: -1}, version=version)
    made = await started(brokers)
    brokers.on_update = lambda: brokers.leaders.update({EVENTS: 2})
    await made.write(MESSAGES)

    assert brokers.updates == 1
    assert brokers.steps()[-1] == "end"


@both
@virtually
async def test_a_batch_that_an_earlier_try_has_written_is_written(version: int) -> None:
    brokers = Brokers(version=version)
    made = await started(brokers)
    brokers.say("produce", KafkaConnectionError("gone"), DUPLICATE)
    await made.write(MESSAGES)
    assert brokers.steps()[-3:] == ["produce", "produce", "end"]


@pytest.mark.parametrize(
    ("version", "what", "said", "error"),
    [
        (1, "add", BAD_EPOCH, ProducerFenced),
        (1, "add", FENCED, ProducerFenced),
        (1, "add", {SHARDS: NOT_ATTEMPTED, EVENTS: TOPIC_FORBIDDEN}, TopicAuthorizationFailedError),
        (1, "add", ID_FORBIDDEN, TransactionalIdAuthorizationFailed),
        (1, "produce", {SHARDS: 0, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        (2, "produce", {SHARDS: 0, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        (1, "produce", {SHARDS: NOT_LEADER, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        (2, "produce", {SHARDS: NOT_LEADER, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        (1, "produce", BAD_EPOCH, ProducerFenced),
        (2, "produce", BAD_EPOCH, ProducerFenced),
        (1, "produce", {SHARDS: 0}, UnknownError),  # an answer that says nothing of a partition confirms nothing
        (2, "produce", {SHARDS: 0}, UnknownError),  # an answer that says nothing of a partition confirms nothing
        (1, "end", BAD_EPOCH, ProducerFenced),
        (2, "end", BAD_EPOCH, ProducerFenced),
        (1, "end", BAD_STATE, InvalidTxnState),
        (2, "end", BAD_STATE, InvalidTxnState),
    ],
)
@virtually
async def test_what_cannot_be_mended_ends_it_before_the_commit(
    version: int, what: str, said: Said, error: type[KafkaError]
) -> None:
    brokers = Brokers(version=version)
    made = await started(brokers)
    brokers.say(what, said)
    with pytest.raises(error):
        await made.write(MESSAGES)
    assert brokers.steps()[-1] == what


@both
@virtually
async def test_a_topic_that_may_not_be_seen_is_named(version: int) -> None:
    brokers = Brokers({SHARDS: 1}, version=version)
    made = await started(brokers)
    brokers.cluster.unauthorized_topics.add("events")
    with pytest.raises(TopicAuthorizationFailedError, match="events"):
        await made.write(MESSAGES)
    assert "end" not in brokers.steps()


@virtually
async def test_a_fence_that_is_not_allowed_says_so() -> None:
    brokers = Brokers()
    brokers.say("init", ID_FORBIDDEN)
    with pytest.raises(TransactionalIdAuthorizationFailed):
        await Transactions(cast(AIOKafkaClient, brokers), "p-3", 10).start()
