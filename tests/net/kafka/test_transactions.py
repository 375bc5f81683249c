"""A transaction's requests against brokers that answer as they are told; real ones are in tests/backends/kafka."""

import asyncio
from collections import deque
from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient, ConnectionGroup
from aiokafka.errors import (
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

from notifier.net.kafka.transactions import PAUSE, Messages, Transactions
from notifier.testing.virtual import virtually

SHARDS, EVENTS = TopicPartition("shards", 3), TopicPartition("events", 3)
NAMES = {
    InitProducerIdRequest: "init",
    AddPartitionsToTxnRequest: "add",
    ProduceRequest: "produce",
    EndTxnRequest: "end",
}
MESSAGES: Messages = {
    SHARDS: [(b"o:1", b"state", ()), (b"c:", b"cursor", ())],
    EVENTS: [(b"1", b"event", [("h", b"v")])],
}

UNKNOWN_TOPIC, NOT_LEADER, TOO_LARGE, COORDINATOR_LOADS, NOT_COORDINATOR = 3, 6, 10, 14, 16
TOPIC_FORBIDDEN, DUPLICATE, BAD_EPOCH, BAD_STATE, CONCURRENT = 29, 46, 47, 48, 51
ID_FORBIDDEN, NOT_ATTEMPTED, FENCED = 53, 55, 90


class Asked(NamedTuple):
    what: str
    node: int
    group: ConnectionGroup
    batches: Mapping[TopicPartition, bytes]
    at: float


class Brokers:
    """A stand-in for aiokafka's client. `say` is what each kind of request meets, in turn; then all goes well."""

    def __init__(self, leaders: Mapping[TopicPartition, int] | None = None) -> None:
        self.leaders = dict(leaders or {SHARDS: 1, EVENTS: 1})
        self.coordinators = deque([1])
        self.said: dict[str, deque[int | KafkaError | Mapping[TopicPartition, int]]] = {}
        self.asked: list[Asked] = []
        self.known: set[str] = set()
        self.updates = 0
        self.on_update: Callable[[], None] = lambda: None
        self.cluster = SimpleNamespace(
            leader_for_partition=lambda place: self.leaders.get(place) if place.topic in self.known else None,
            unauthorized_topics=set[str](),
        )

    def say(self, what: str, *said: int | KafkaError | Mapping[TopicPartition, int]) -> None:
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
        await asyncio.sleep(0)
        said = self.said.get(what)
        met = said.popleft() if said else 0
        if isinstance(met, KafkaError):
            raise met
        if what == "init":
            return SimpleNamespace(error_code=met, producer_id=7, producer_epoch=2)
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


def sequence(batch: bytes) -> int:
    read = DefaultRecordBatch(batch)
    assert (read.producer_id, read.producer_epoch) == (7, 2)
    base: int = read.base_sequence
    return base


@virtually
async def test_three_requests_carry_a_transaction_and_the_next_goes_on_with_its_numbers() -> None:
    brokers = Brokers()
    made = await started(brokers)
    await made.write(MESSAGES)
    await made.write({SHARDS: [(b"c:", b"later", ())]})

    assert brokers.steps() == ["add", "produce", "end"] * 2
    assert [each.group for each in brokers.asked[:3]] == [
        ConnectionGroup.COORDINATION,
        ConnectionGroup.DEFAULT,
        ConnectionGroup.COORDINATION,
    ]
    first, second = brokers.asked[1].batches, brokers.asked[4].batches
    assert [record.value for record in DefaultRecordBatch(first[SHARDS])] == [b"state", b"cursor"]
    assert [record.headers for record in DefaultRecordBatch(first[EVENTS])] == [[("h", b"v")]]
    assert (sequence(first[SHARDS]), sequence(first[EVENTS]), sequence(second[SHARDS])) == (0, 0, 2)


@virtually
async def test_each_leader_gets_its_own_and_all_must_confirm_before_it_is_committed() -> None:
    brokers = Brokers({SHARDS: 1, EVENTS: 2})
    made = await started(brokers)
    await made.write(MESSAGES)

    assert brokers.steps() == ["add", "produce", "produce", "end"]
    assert {each.node: set(each.batches) for each in brokers.asked[1:3]} == {1: {SHARDS}, 2: {EVENTS}}


@virtually
async def test_what_is_too_much_for_one_request_goes_in_several_before_the_commit() -> None:
    brokers = Brokers()
    made = await started(brokers)
    await made.write(
        {SHARDS: [(b"%d" % number, bytes(600_000), ()) for number in range(3)], EVENTS: [(b"1", b"e", ())]}
    )

    assert brokers.steps() == ["add", "produce", "produce", "produce", "end"]
    assert [set(each.batches) for each in brokers.asked[1:4]] == [{SHARDS, EVENTS}, {SHARDS}, {SHARDS}]
    assert [sequence(each.batches[SHARDS]) for each in brokers.asked[1:4]] == [0, 1, 2]


@virtually
async def test_while_the_marks_of_the_last_one_are_being_written_it_asks_again_soon() -> None:
    brokers = Brokers()
    made = await started(brokers)
    brokers.say("add", CONCURRENT, CONCURRENT, CONCURRENT)
    began = asyncio.get_running_loop().time()
    await made.write(MESSAGES)

    assert brokers.steps() == ["add"] * 4 + ["produce", "end"]
    assert brokers.asked[3].at - began < PAUSE


@pytest.mark.parametrize("what", ["init", "add", "end"])
@pytest.mark.parametrize("said", [NOT_COORDINATOR, COORDINATOR_LOADS, KafkaConnectionError("gone")])
@virtually
async def test_another_coordinator_is_asked_the_same(what: str, said: int | KafkaError) -> None:
    brokers = Brokers()
    brokers.coordinators = deque([1, 2])
    brokers.say(what, said)
    made = Transactions(cast(AIOKafkaClient, brokers), "p-3", 10)
    await made.start()
    await made.write(MESSAGES)

    assert [each.node for each in brokers.asked if each.what == what] == [1, 2]
    assert brokers.steps()[-1] == "end"


@virtually
async def test_what_one_leader_could_not_take_goes_to_the_next_one_the_same_bytes_and_nothing_else() -> None:
    brokers = Brokers()
    made = await started(brokers)
    brokers.say("produce", {SHARDS: 0, EVENTS: NOT_LEADER}, KafkaConnectionError("gone"))
    brokers.on_update = lambda: brokers.leaders.update({EVENTS: 2})
    await made.write(MESSAGES)

    tries = [each for each in brokers.asked if each.what == "produce"]
    assert [(each.node, set(each.batches)) for each in tries] == [(1, {SHARDS, EVENTS}), (2, {EVENTS}), (2, {EVENTS})]
    assert len({each.batches[EVENTS] for each in tries}) == 1
    assert brokers.steps()[-1] == "end"


@virtually
async def test_a_leader_that_is_not_known_yet_is_waited_for() -> None:
    brokers = Brokers({SHARDS: 1, EVENTS: -1})
    made = await started(brokers)
    brokers.on_update = lambda: brokers.leaders.update({EVENTS: 2})
    await made.write(MESSAGES)

    assert brokers.updates == 1
    assert brokers.steps()[-1] == "end"


@virtually
async def test_a_batch_that_an_earlier_try_has_written_is_written() -> None:
    brokers = Brokers()
    made = await started(brokers)
    brokers.say("produce", KafkaConnectionError("gone"), DUPLICATE)
    await made.write(MESSAGES)
    assert brokers.steps() == ["add", "produce", "produce", "end"]


@pytest.mark.parametrize(
    ("what", "said", "error"),
    [
        ("add", BAD_EPOCH, ProducerFenced),
        ("add", FENCED, ProducerFenced),
        ("add", {SHARDS: NOT_ATTEMPTED, EVENTS: TOPIC_FORBIDDEN}, TopicAuthorizationFailedError),
        ("add", ID_FORBIDDEN, TransactionalIdAuthorizationFailed),
        ("produce", {SHARDS: 0, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        ("produce", {SHARDS: NOT_LEADER, EVENTS: TOO_LARGE}, MessageSizeTooLargeError),
        ("produce", BAD_EPOCH, ProducerFenced),
        ("produce", {SHARDS: 0}, UnknownError),  # an answer that says nothing of a partition confirms nothing
        ("end", BAD_EPOCH, ProducerFenced),
        ("end", BAD_STATE, InvalidTxnState),
    ],
)
@virtually
async def test_what_cannot_be_mended_ends_it_before_the_commit(
    what: str, said: int | Mapping[TopicPartition, int], error: type[KafkaError]
) -> None:
    brokers = Brokers()
    made = await started(brokers)
    brokers.say(what, said)
    with pytest.raises(error):
        await made.write(MESSAGES)
    assert brokers.steps()[-1] == what


@virtually
async def test_a_topic_that_may_not_be_seen_is_named() -> None:
    brokers = Brokers({SHARDS: 1})
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
