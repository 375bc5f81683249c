"""Records become tables, in whatever order the topics are read. No broker: plain records and SQLite's memory."""

import sqlite3
from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from notifier import codec
from notifier.backends import commits
from notifier.backends.kafka.apply import Tables
from notifier.backends.kafka.history import FAREWELL
from notifier.backends.kafka.inputs import removal_record, retirement_record, watch_record
from notifier.backends.kafka.records import (
    Headers,
    Kept,
    Outgoing,
    delivery_key,
    event_record,
    fact_record,
    number_header,
    pack_delivery,
    pack_kept,
    state_key,
    watch_key,
)
from notifier.backends.kafka.topics import Topics
from notifier.backends.partition import shard_of
from notifier.errors import Refused
from notifier.model import Delivery, Fact, Recipient, Watch
from tests.backends.kafka.replicas import SHARDS, parse
from tests.contracts.records import KEYS, T, a_delivery, a_state, a_watch, an_event

KEY = KEYS[0]
SHARD = shard_of(KEY, SHARDS)
TOPICS = Topics("t")


class Stored(NamedTuple):
    topic: str
    partition: int
    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers


class Shelf:
    """Tables, and the log that fills them."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        self.tables = Tables(TOPICS, SHARDS, parse)
        self.tables.create(self.connection)
        self.now = 0.0

    def put(
        self, topic: str, record: Outgoing, offset: int = 0, n: int = 1, partition: int = SHARD, at: int = T
    ) -> None:
        headers = (*record.headers, *number_header(n))
        stored = Stored(topic, partition, offset, at, record.key, record.value, headers)
        self.tables.apply(self.connection, [[stored]], self.now)

    def kept(self, watch: Watch | None, offset: int, n: int = 1, removed_at: int | None = None) -> None:
        value = None
        if watch is not None:
            value = pack_kept(Kept(offset=offset, removed_at=removed_at, watch=codec.pack_watch(watch)))
        self.put(TOPICS.shards, Outgoing(watch_key(KEY), value), n=n)

    def input(self, watch: Watch | None, offset: int, at: int = T) -> None:
        self.put(TOPICS.watches, watch_record(watch, at) if watch else removal_record(KEY, at), offset)

    def later(self) -> None:
        self.now += FAREWELL + 1
        self.tables.apply(self.connection, [], self.now)

    def order(self) -> tuple[Watch, bytes | None, int | None] | None:
        row = self.connection.execute("SELECT watch, state, removed_at FROM orders WHERE key = ?", (KEY,)).fetchone()
        return None if row is None else (codec.unpack_watch(row[0]), row[1], row[2])

    def deliveries(self) -> list[Delivery]:
        rows = self.connection.execute(f"SELECT {commits.DELIVERY} ORDER BY d.id").fetchall()
        return [commits.unpack_delivery(*row) for row in rows]

    def count(self, table: str) -> int:
        (count,) = self.connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(count)


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


# --- watches and states ----------------------------------------------------------------------------------------------


def test_a_state_that_a_compaction_put_before_its_watch(shelf: Shelf) -> None:
    state = codec.pack_state(a_state(retired_at=T + 5, retirement="terminal"))
    shelf.put(TOPICS.shards, Outgoing(state_key(KEY), state))
    assert shelf.order() is None, "without its watch it is no order yet"
    shelf.kept(a_watch(), 3)
    assert shelf.order() == (a_watch(), state, None)
    row = shelf.connection.execute("SELECT phase, retired_at FROM orders").fetchone()
    assert row == ("assigned", T + 5)
    assert shelf.count("early") == 0


def test_a_record_that_the_owner_has_dealt_with_changes_nothing(shelf: Shelf) -> None:
    shelf.kept(a_watch(labels={"team": "owner"}), 7)
    shelf.input(a_watch(labels={"team": "late"}), 6)
    shelf.input(a_watch(labels={"team": "late"}), 7)
    shelf.input(None, 5)
    assert shelf.order() == (a_watch(labels={"team": "owner"}), None, None)


def test_a_watch_is_shown_before_its_owner_has_seen_it_and_stays_what_he_makes_of_it(shelf: Shelf) -> None:
    first = a_watch()
    shelf.input(first, 1)
    assert shelf.order() == (first, None, None)
    shelf.input(a_watch(at=T + 9), 4)
    resolved = a_watch(ids={"order_id": "00", "client_id": "resolved"}, created_at=T - 1)
    shelf.kept(resolved, 1)
    shown = shelf.order()
    assert shown is not None
    assert (shown[0].ids, shown[0].created_at, shown[0].updated_at) == (resolved.ids, T - 1, T + 9)
    again = msgspec.structs.replace(resolved, updated_at=T + 9)
    shelf.kept(again, 4)
    assert shelf.order() == (again, None, None)


def test_removed_and_added_again(shelf: Shelf) -> None:
    shelf.input(a_watch(), 1)
    shelf.input(None, 2, at=T + 2)
    assert shelf.order() == (a_watch(), None, T + 2)
    shelf.input(a_watch(at=T + 3), 3)
    assert shelf.order() == (a_watch(updated_at=T + 3), None, None), "its life goes on"
    outcomes = [shelf.tables.outcome(SHARD, offset) for offset in (1, 2, 3)]
    assert [outcome and outcome.there for outcome in outcomes] == [False, True, False]


def test_the_outcome_is_known_also_where_the_owner_was_quicker(shelf: Shelf) -> None:
    shelf.kept(a_watch(), 1)
    shelf.kept(a_watch(), 2, removed_at=T)
    shelf.kept(a_watch(), 3)
    outcomes = [shelf.tables.outcome(SHARD, offset) for offset in (1, 2, 3, 4)]
    assert [outcome and outcome.there for outcome in outcomes] == [False, True, False, None]


@pytest.mark.parametrize(
    "record",
    [
        Outgoing(KEY.encode(), b"{"),
        Outgoing(KEY.encode(), b"[]"),
        Outgoing(KEY.encode(), orjson.dumps({"source": "nobody", "ids": {"order_id": "00"}})),
        Outgoing(KEY.encode(), orjson.dumps({"source": "trips", "ids": {"order_id": "another"}})),
        Outgoing(b"\xff", b"{}"),
        Outgoing(KEY.encode(), b" " * 300_000),
    ],
)
def test_bad_input_is_shown_to_nobody_and_told_by_its_owner_alone(shelf: Shelf, record: Outgoing) -> None:
    with capture_logs() as logs:
        shelf.put(TOPICS.watches, record)
    assert logs == []
    assert shelf.count("orders") == 0


def test_a_watch_in_a_partition_that_is_not_its_own_is_shown_to_nobody(shelf: Shelf) -> None:
    shelf.put(TOPICS.watches, watch_record(a_watch(), T), partition=(SHARD + 1) % SHARDS)
    assert shelf.count("orders") == 0


def test_a_watch_of_another_service_is_read_as_the_api_would(shelf: Shelf) -> None:
    body = {"source": "trips", "ids": {"order_id": 885}, "recipients": [{"email": "a@example.org"}]}
    record = Outgoing(b"trips/885", orjson.dumps(body))
    shelf.put(TOPICS.watches, record, partition=shard_of("trips/885", SHARDS), at=T + 7)
    (packed,) = shelf.connection.execute("SELECT watch FROM orders").fetchone()
    watch = codec.unpack_watch(packed)
    assert (watch.key, watch.ids, watch.created_at) == ("trips/885", {"order_id": "885", "client_id": "a2d"}, T + 7)
    assert watch.recipients == (Recipient(email="a@example.org"),)


# --- deliveries, in two topics ---------------------------------------------------------------------------------------

Step = tuple[str, Delivery | None, int]  # topic, value, n

PENDING = a_delivery()
DEAD = a_delivery(state="dead", due=None)
DELIVERED = a_delivery(state="delivered", due=None, finished_at=T)


def way_of(*states: Delivery | None) -> tuple[list[Step], list[Step]]:
    """What commits write to `shards` and to `deliveries` as a delivery goes through these; None: forgotten."""
    shards: list[Step] = []
    finished: list[Step] = []
    is_open = False
    for n, delivery in enumerate(states, 1):
        if delivery is None:
            finished.append((TOPICS.deliveries, None, n))
        elif delivery.open:
            shards.append((TOPICS.shards, delivery, n))
            if not is_open and n > 1:
                finished.append((TOPICS.deliveries, None, n))
        else:
            finished.append((TOPICS.deliveries, delivery, n))
            if is_open:
                shards.append((TOPICS.shards, None, n))
        is_open = delivery is not None and delivery.open
    return shards, finished


def write(shelf: Shelf, step: Step) -> None:
    topic, delivery, n = step
    key = delivery_key(PENDING.id) if topic == TOPICS.shards else PENDING.id.encode()
    shelf.put(topic, Outgoing(key, None if delivery is None else pack_delivery(delivery)), n=n)


WAYS = {
    "open": (PENDING,),
    "delivered": (PENDING, DELIVERED),
    "delivered at once": (DELIVERED,),
    "tried again": (PENDING, DEAD, PENDING),
    "tried again and delivered": (PENDING, DEAD, PENDING, DELIVERED),
    "forgotten": (PENDING, DEAD, PENDING, DELIVERED, None),
}


@pytest.mark.parametrize("name", WAYS)
@given(data=st.data())
@settings(deadline=None, max_examples=40)
def test_two_topics_read_in_any_order_come_to_the_same(name: str, data: st.DataObject) -> None:
    way = WAYS[name]
    shelf = Shelf()
    topics: Sequence[list[Step]] = [steps for steps in way_of(*way) if steps]
    while topics := [steps for steps in topics if steps]:
        steps = data.draw(st.sampled_from(topics))
        write(shelf, steps.pop(0))
        if data.draw(st.booleans()):
            shelf.now += FAREWELL / 2
    shelf.later()
    last = way[-1]
    assert shelf.deliveries() == ([] if last is None else [last])


def test_one_that_goes_over_to_the_other_topic_is_never_away(shelf: Shelf) -> None:
    (pending, gone), (done,) = way_of(PENDING, DELIVERED)
    write(shelf, pending)
    write(shelf, gone)
    assert shelf.deliveries() == [PENDING]
    write(shelf, done)
    shelf.later()
    assert shelf.deliveries() == [DELIVERED]


def test_what_queries_ask_by_is_peeked(shelf: Shelf) -> None:
    write(shelf, (TOPICS.deliveries, a_delivery(sequence=7, id=PENDING.id, state="dead", to="a", sink="mail"), 4))
    row = shelf.connection.execute(
        "SELECT id, key, state, sink, recipient, created_at, finished_at, n, sequence FROM deliveries"
    ).fetchone()
    assert row == (PENDING.id, KEY, "dead", "mail", "a", T + 7, None, 4, 7)


# --- the end of retention --------------------------------------------------------------------------------------------


def lived(shelf: Shelf) -> None:
    """An order with a state, two events and a delivery."""
    shelf.kept(a_watch(), 1)
    shelf.put(TOPICS.shards, Outgoing(state_key(KEY), codec.pack_state(a_state(retired_at=T))))
    for sequence in (1, 2):
        shelf.put(TOPICS.events, event_record(an_event(sequence=sequence)), offset=sequence * 10)
    write(shelf, (TOPICS.deliveries, DELIVERED, 1))


@pytest.mark.parametrize("first", ["watch", "state"])
def test_an_order_is_forgotten_with_all_that_is_its(shelf: Shelf, first: str) -> None:
    lived(shelf)
    keys = [watch_key(KEY), state_key(KEY)]
    for key in keys if first == "watch" else reversed(keys):
        shelf.put(TOPICS.shards, Outgoing(key, None), n=9)
    assert [shelf.count(table) for table in ("orders", "events", "deliveries", "early")] == [0, 0, 0, 0]
    assert shelf.connection.execute("SELECT part, offset FROM horizon").fetchall() == [(SHARD, 21)]


def test_the_tombstone_of_the_watch_alone_does_it_too(shelf: Shelf) -> None:
    """After compactions nothing else may be left."""
    shelf.input(a_watch(), 1)
    shelf.put(TOPICS.watches, retirement_record(KEY, 1), offset=5)
    assert shelf.order() is None


def test_what_was_put_in_between_stays(shelf: Shelf) -> None:
    lived(shelf)
    shelf.input(a_watch(at=T + 50), 4)
    shelf.put(TOPICS.watches, retirement_record(KEY, 3), offset=5)
    shelf.kept(None, 0, n=9)
    assert shelf.order() == (a_watch(at=T + 50), None, None), "a new life, as its owner will begin it"
    assert [shelf.count(table) for table in ("events", "deliveries")] == [0, 0]


def test_a_new_life_that_is_read_before_the_end_of_the_old_one_stays(shelf: Shelf) -> None:
    lived(shelf)
    shelf.put(TOPICS.events, event_record(an_event(sequence=1, life=T + 99)), offset=30)
    newer = a_delivery(sequence=8, id="newer", state="dead")
    shelf.put(TOPICS.deliveries, Outgoing(b"newer", pack_delivery(newer)), n=12)
    shelf.kept(None, 0, n=9)
    assert shelf.connection.execute("SELECT life FROM events").fetchall() == [(T + 99,)]
    assert shelf.deliveries() == [newer]


def test_events_that_kafka_no_longer_keeps_go(shelf: Shelf) -> None:
    lived(shelf)
    shelf.tables.prune(shelf.connection, {SHARD: 15, (SHARD + 1) % SHARDS: 99})
    assert shelf.connection.execute("SELECT offset FROM events").fetchall() == [(20,)]
    assert shelf.connection.execute("SELECT part, offset FROM horizon").fetchall() == [(SHARD, 11)]


# --- what cannot be read ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        (TOPICS.shards, Outgoing(state_key(KEY), b"\x02\x00..")),
        (TOPICS.shards, Outgoing(watch_key(KEY), pack_kept(Kept(format=2, offset=0, watch=b"")))),
        (TOPICS.shards, Outgoing(delivery_key("x"), b"\x02\x00..")),
        (TOPICS.deliveries, Outgoing(b"x", b"\x02\x00..")),
    ],
)
def test_a_newer_format_is_refused(shelf: Shelf, topic: str, record: Outgoing) -> None:
    with pytest.raises(Refused, match="newer release"):
        shelf.put(topic, record)


@pytest.mark.parametrize(
    ("topic", "record"),
    [
        (TOPICS.shards, Outgoing(state_key(KEY), b"\x01\x00damaged")),
        (TOPICS.shards, Outgoing(watch_key(KEY), b"\x91damaged")),
        (TOPICS.shards, Outgoing(b"x:of a newer release", b"?")),
        (TOPICS.shards, Outgoing(b"\xff:", b"?")),
        (TOPICS.deliveries, Outgoing(b"x", b"")),
        (TOPICS.events, Outgoing(b"x", b"{}")),
        (TOPICS.events, event_record(an_event())._replace(value=b"no json")),
        (TOPICS.facts, Outgoing(b"_partitions", b"12")),
    ],
)
def test_what_is_damaged_hides_nothing_else(shelf: Shelf, topic: str, record: Outgoing) -> None:
    shelf.put(topic, record)
    lived(shelf)
    assert [shelf.count(table) for table in ("orders", "events", "deliveries", "facts")] == [1, 2, 1, 0]


def test_an_event_or_fact_that_is_read_again_is_there_once(shelf: Shelf) -> None:
    fact = Fact(subject="endpoint:hook:a", disabled=True, at=T)
    for _ in range(2):
        lived(shelf)
        shelf.put(TOPICS.facts, fact_record(fact))
    assert shelf.count("events") == 2
    assert shelf.tables.events >= 2
    assert shelf.count("facts") == 1
