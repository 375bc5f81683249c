"""Reading the topics on a real broker: what is committed and nothing else, whoever dies meanwhile."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import pytest

from notifier import codec
from notifier.backends import claim
from notifier.backends.base import Change, EventQuery, OrderQuery
from notifier.backends.kafka.records import Outgoing, state_key
from notifier.backends.kafka.scratch import PREFIX, Broken, Scratch, remove_leftovers
from notifier.backends.kafka.tail import PATIENCE
from notifier.backends.partition import shard_of
from notifier.clock import SystemClock
from notifier.errors import Refused, Unavailable
from notifier.model import Phase
from tests.backends.kafka.replicas import SHARDS, Owner, Replica, replica, topics_of, until
from tests.contracts.records import KEYS, T, a_put, a_state, a_step, a_watch, an_event
from tests.kafka.plugin import Clusters, Kafka

KEY = KEYS[0]
SHARD = shard_of(KEY, SHARDS)


async def phase_of(it: Replica, key: str = KEY) -> Phase | None:
    [order] = (await it.view.find(OrderQuery(key=key))).items
    return order.state.phase if order.state else None


def later(it: Replica, than: int) -> bool:
    return it.view.as_of() > than


# --- transactions ----------------------------------------------------------------------------------------------------


async def test_what_was_aborted_is_never_shown(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await owner.keep(a_watch(), 0)
        producer = await owner.producer(SHARD)
        for _ in range(3):
            await producer.begin_transaction()
            await owner.send(producer, SHARD, *owner.records(a_step()))
            await producer.abort_transaction()
        assert await phase_of(it) is None
        assert (await it.view.find(EventQuery(key=KEY))).items == ()
        await owner.commit([a_step()])
        assert await phase_of(it) is Phase.ASSIGNED


async def test_a_commit_is_seen_at_once_by_who_asks_about_its_order(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await owner.keep(a_watch(), 0)
        for sequence in range(1, 60):
            await owner.commit([Change(key=KEY, state=codec.pack_state(a_state(sequence=sequence)))])
            [order] = (await it.view.find(OrderQuery(key=KEY))).items
            assert order.state is not None
            assert order.state.sequence == sequence


async def test_an_owner_that_died_in_a_transaction_holds_nobody_up(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await owner.keep(a_watch(), 0)
        await owner.commit([a_step()])
        producer = await owner.producer(SHARD)
        await producer.begin_transaction()
        state = codec.pack_state(a_state(sequence=2, phase=Phase.CANCELLED))
        await owner.send(producer, SHARD, (owner.topics.shards, Outgoing(state_key(KEY), state)))
        began = time.monotonic()
        assert await phase_of(it) is Phase.ASSIGNED
        assert time.monotonic() - began < PATIENCE
        await producer.commit_transaction()
        assert await phase_of(it) is Phase.CANCELLED


async def test_as_of_goes_on_while_nothing_happens(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await until(lambda: it.view.as_of() > 0)
        first, started = it.view.as_of(), SystemClock().now()
        assert first <= started
        await until(lambda: it.view.as_of() > started)


# --- from the beginning ----------------------------------------------------------------------------------------------


async def test_a_replica_that_starts_reads_all_there_is(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as first:
        for number, key in enumerate(KEYS):
            await first.inbox.submit(a_put(key))
            await owner.keep(a_watch(key), number)
            await owner.commit([a_step(key)])
        async with replica(kafka.bootstrap_servers, prefix) as second:
            for key in KEYS:
                assert await phase_of(second, key) is Phase.ASSIGNED
                assert (await second.view.find(EventQuery(key=key))).items == (an_event(key),)
            assert await second.view.find(OrderQuery()) == await first.view.find(OrderQuery())


async def test_a_newer_format_stops_the_view_and_says_so(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await owner.write(KEY, (owner.topics.shards, Outgoing(state_key(KEY), b"\x02\x00..")))
        await until(lambda: "newer release" in (it.tail.trouble() or ""))
        with pytest.raises(Unavailable, match="newer release"):
            await phase_of(it)


async def test_topics_that_are_made_anew_are_read_anew(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        following = asyncio.create_task(anext(it.view.follow(None), None))
        for key in KEYS:
            await it.inbox.submit(a_put(key))
        admin = await owner.clients.admin()
        topics = [each.name for each in it.topics.wanted(SHARDS, 1, 1)]
        await admin.delete_topics(topics)
        await admin.close()
        await until(lambda: it.tail.trouble() is not None, 20)
        await topics_of(kafka.bootstrap_servers, prefix)
        await until(lambda: it.tail.trouble() is None, 20)
        await until(partial(later, it, SystemClock().now()), 20)
        assert (await it.view.find(OrderQuery())).items == ()
        await owner.close()
        owner.n.clear()
        again = Owner(kafka.bootstrap_servers, prefix)
        await again.commit([a_step()])
        async with asyncio.timeout(10):
            found = await following
        assert found is not None
        assert found[1] == an_event()
        await again.close()


async def test_a_file_that_breaks_is_thrown_away(kafka: Kafka, prefix: str, owner: Owner) -> None:
    async with replica(kafka.bootstrap_servers, prefix) as it:
        await it.inbox.submit(a_put())

        def damage(connection: sqlite3.Connection) -> None:
            """The root page of a table is another one's: 'database disk image is malformed'."""
            connection.execute("PRAGMA writable_schema = ON")
            connection.execute("UPDATE sqlite_schema SET rootpage = 1 WHERE name = 'orders'")
            connection.execute("PRAGMA writable_schema = RESET")

        file = it.tail._reader.scratch
        await file.write(damage)
        await owner.commit([a_step()])
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await phase_of(it) is Phase.ASSIGNED
                    break
                except Unavailable:
                    continue
        assert it.tail._reader.scratch is not file


# --- the brokers -----------------------------------------------------------------------------------------------------


async def test_no_broker_at_all(unused_tcp_port: int) -> None:
    async with replica((f"127.0.0.1:{unused_tcp_port}",), "none") as it:
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await it.view.find(OrderQuery(key=KEY))
        with pytest.raises(Unavailable):
            await it.view.count_sent(None, T)
        with pytest.raises(Unavailable):
            await it.inbox.known_facts()
        assert time.monotonic() - began < 3 * PATIENCE + 0.5
        assert (await it.view.find(OrderQuery())).items == ()
        assert it.view.as_of() == 0
        await until(lambda: "cannot be reached" in (it.tail.trouble() or ""))


@pytest.mark.slow
async def test_the_broker_is_away_for_a_while(clusters: Clusters, prefix: str) -> None:
    cluster = clusters()
    servers = cluster.bootstrap_servers
    await topics_of(servers, prefix)
    owner = Owner(servers, prefix)
    async with replica(servers, prefix) as it:
        for key in KEYS[:2]:
            await it.inbox.submit(a_put(key))
        await owner.keep(a_watch(), 0)
        await owner.commit([a_step()])
        assert await phase_of(it) is Phase.ASSIGNED
        await asyncio.to_thread(cluster.kill, 1)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await phase_of(it)
        with pytest.raises(Unavailable):
            await it.inbox.submit(a_put(KEYS[1]))
        assert time.monotonic() - began < 2 * PATIENCE + 2
        assert len((await it.view.find(OrderQuery())).items) == 2, "lists go on, as of then"
        stood = it.view.as_of()
        await until(lambda: it.tail.trouble() is not None, 15)
        await asyncio.to_thread(cluster.restart, 1)
        await until(partial(later, it, stood), 30)
        assert await phase_of(it) is Phase.ASSIGNED
        assert it.tail.trouble() is None
        await owner.close()
        again = Owner(servers, prefix)
        again.n[SHARD] = 100
        await again.commit([a_step(sequence=2, phase=Phase.ARRIVED)])
        assert await phase_of(it) is Phase.ARRIVED
        await it.inbox.submit(a_put(KEYS[1]))
        assert [event.sequence for event in (await it.view.find(EventQuery(key=KEY))).items] == [1, 2]
        await again.close()


@pytest.mark.slow
async def test_a_broker_that_hangs(clusters: Clusters, prefix: str) -> None:
    cluster = clusters()
    servers = cluster.bootstrap_servers
    await topics_of(servers, prefix)
    async with replica(servers, prefix) as it:
        await it.inbox.submit(a_put())
        cluster.pause(1)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            await phase_of(it)
        assert time.monotonic() - began < PATIENCE + 0.5
        await asyncio.sleep(8)  # longer than any answer is waited for: clients are made anew meanwhile
        cluster.resume(1)
        await until(lambda: it.tail.trouble() is None, 20)
        async with asyncio.timeout(20):
            while True:
                try:
                    assert await it.inbox.submit(a_put()) is False
                    break
                except Unavailable:
                    continue
        cluster.pause(1)
        began = time.monotonic()
    assert time.monotonic() - began < 6, "the end does not wait for the broker"
    cluster.resume(1)


# --- the file --------------------------------------------------------------------------------------------------------


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob(PREFIX + "*"))


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


async def test_the_file_is_gone_at_the_end(temporary: Path) -> None:
    scratch = Scratch(lambda connection: None)
    await scratch.open()
    [folder] = folders()
    assert folder.stat().st_mode & 0o077 == 0, "personal data: for this user alone"
    await scratch.write(lambda connection: connection.execute("CREATE TABLE a (b)").rowcount)
    assert await scratch.read(lambda connection: connection.execute("SELECT count(*) FROM a").fetchone()) == (0,)
    await scratch.close()
    assert folders() == set()
    with pytest.raises(Unavailable):
        await scratch.read(lambda connection: None)


async def test_who_reads_while_a_file_is_attached_sees_it_or_what_was_before(temporary: Path) -> None:
    def create(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE a (b)")

    def count(connection: sqlite3.Connection) -> int:
        (found,) = connection.execute("SELECT count(*) FROM a").fetchone()
        return int(found)

    async def counts() -> list[int]:
        return [await scratch.read(count) for _ in range(50)]

    scratch = Scratch(create)
    await scratch.open()
    with sqlite3.connect(scratch.folder / "more.db") as made:
        create(made)
        made.execute("INSERT INTO a VALUES (1)")
    made.close()
    reading = [asyncio.create_task(counts()) for _ in range(5)]
    await asyncio.sleep(0)
    await scratch.attach({"more": scratch.folder / "more.db"})
    await scratch.write(lambda connection: connection.execute("DROP TABLE main.a"))
    for seen in await asyncio.gather(*reading):
        assert seen == sorted(seen)
    assert await scratch.read(count) == 1
    with pytest.raises(Broken, match="TMPDIR"):
        await scratch.attach({"more": scratch.folder / "more.db"})
    await scratch.close()


async def test_what_a_killed_process_left_is_removed_and_nothing_else(temporary: Path) -> None:
    code = (
        "import asyncio\n"
        "from notifier.backends.kafka.scratch import Scratch\n"
        "async def main():\n"
        "    scratch = Scratch(lambda connection: None)\n"
        "    await scratch.open()\n"
        "    print('open', flush=True)\n"
        "    await asyncio.sleep(60)\n"
        "asyncio.run(main())"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as other:  # noqa: ASYNC220
        assert other.stdout is not None
        await asyncio.to_thread(other.stdout.readline)
        [theirs] = folders()
        foreign = temporary / f"{PREFIX}link"
        foreign.symlink_to(temporary)
        first = Scratch(lambda connection: None)
        await first.open()
        assert theirs in folders(), "its process lives"
        os.kill(other.pid, signal.SIGKILL)
    second = Scratch(lambda connection: None)
    await second.open()
    assert theirs not in folders()
    assert len(folders() - {foreign}) == 2
    assert foreign.is_symlink()
    await first.close()
    await second.close()


@pytest.mark.usefixtures("temporary")
async def test_a_folder_that_another_takes_for_a_leftover_while_it_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several replicas of one machine that start at the same moment."""
    lock = claim._lock
    taken: list[Path] = []

    def meanwhile(descriptor: int) -> None:
        monkeypatch.setattr(claim, "_lock", lock)
        taken.extend(folders())
        remove_leftovers()
        lock(descriptor)

    monkeypatch.setattr(claim, "_lock", meanwhile)
    scratch = Scratch(lambda connection: None)
    await scratch.open()
    assert folders() == {scratch.folder} != set(taken)
    await scratch.close()


async def test_no_room_for_the_file(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(temporary / "nowhere"))
    with pytest.raises(Refused, match="TMPDIR"):
        await Scratch(lambda connection: None).open()
