"""Backup while everything goes on, and restore: whole, refused where something could be lost, all in new lives."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from notifier import codec
from notifier.backends.base import Change, CursorGone, DeliveryQuery, EventQuery, OrderQuery, WatchQuery
from notifier.backends.sqlite import SqliteBackend, backup_file, restore_file
from notifier.clock import SystemClock
from notifier.errors import Refused
from notifier.model import Command, Fact, Phase
from tests.backends.committing import KEYS as COMMITTING
from tests.backends.test_sqlite_kill import committing
from tests.contracts.backend import restored, taken
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_step, a_watch, an_event

LATER = T + 86_400_000
LIVE, RETIRED, REMOVED, FRESH = KEYS[:4]


class Fixed(SystemClock):
    def now(self) -> int:
        return LATER


def restore(backup: Path, target: Path, force: bool = False) -> object:
    return restore_file(backup, target, force, clock=Fixed())


@pytest.fixture
async def backend(tmp_path: Path) -> AsyncIterator[SqliteBackend]:
    """With one order of each kind, and deliveries in every state."""
    backend = SqliteBackend(tmp_path / "notifier.db", SystemClock())
    await backend.open()
    for key in (LIVE, RETIRED, REMOVED):
        await backend.submit(a_put(key))
    lease = await anext(backend.leases())
    done = {command.key: (command,) for command in await taken(lease.commands(), 3)}
    states = ("pending", "sending", "dead", "delivered")
    deliveries = tuple(
        a_delivery(LIVE, number, state=state, facts=b"personal", to="a@example.org")
        for number, state in enumerate(states, 2)
    )
    await lease.commit(
        [
            a_step(LIVE, told=frozenset({"driver-arrived"}), done=done[LIVE]),
            Change(key=LIVE, deliveries=deliveries),
            a_step(RETIRED, retired_at=T, retirement="terminal", phase=Phase.COMPLETED, done=done[RETIRED]),
            a_step(REMOVED, retired_at=T, retirement="removed", done=done[REMOVED]),
        ]
    )
    await backend.submit(Command(kind="remove", key=REMOVED))
    await backend.submit(a_put(FRESH))
    await backend.submit(Command(kind="retry", key=LIVE, delivery=f"{LIVE}-4"))
    await backend.tell(Fact(subject="endpoint:hook:https://example.org/hook", disabled=True, at=T))
    yield backend
    await backend.close(5)


def parts(folder: Path) -> list[Path]:
    """Left behind by what did not come to its end."""
    return list(folder.glob(".*part*"))


# --- backup ----------------------------------------------------------------------------------------------------------


async def test_a_backup_is_one_whole_file_for_this_user_alone(backend: SqliteBackend, tmp_path: Path) -> None:
    target = tmp_path / "backups" / "first.db"
    target.parent.mkdir()
    await backend.backup(target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    assert [path.name for path in target.parent.iterdir()] == ["first.db"], "nothing is left beside it"
    with sqlite3.connect(target) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)
        assert connection.execute("SELECT count(*) FROM orders").fetchone() == (4,)
    connection.close()


async def test_a_backup_replaces_nothing(backend: SqliteBackend, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    target.write_bytes(b"dear to somebody")
    with pytest.raises(Refused, match="exists"):
        await backend.backup(target)
    assert target.read_bytes() == b"dear to somebody"
    assert parts(tmp_path) == []


def test_a_backup_of_what_is_no_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="does not exist"):
        backup_file(tmp_path / "missing.db", tmp_path / "backup.db")
    wrong = tmp_path / "wrong.db"
    wrong.write_bytes(b"no database " * 1000)
    with pytest.raises(Refused, match=r"wrong\.db"):
        backup_file(wrong, tmp_path / "backup.db")
    with pytest.raises(Refused, match="folder"):
        backup_file(wrong, tmp_path / "no such folder" / "backup.db")
    assert {path.name for path in tmp_path.iterdir()} == {"wrong.db"}


async def test_a_backup_of_a_file_that_another_process_commits_to(tmp_path: Path) -> None:
    source = tmp_path / "notifier.db"
    seen: list[tuple[int, int]] = []
    with committing(source) as process:
        assert process.stdout is not None
        while int(await asyncio.to_thread(process.stdout.readline)) < 80:
            pass  # a file of several steps
        for number in range(4):
            await asyncio.to_thread(
                backup_file, source, tmp_path / f"{number}.db", lambda done, total: seen.append((done, total))
            )
        assert process.poll() is None, "it went on"
    newest = []
    for number in range(4):
        with sqlite3.connect(tmp_path / f"{number}.db") as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            states = [codec.unpack_state(state) for (state,) in connection.execute("SELECT state FROM orders") if state]
            events = connection.execute("SELECT count(*) FROM events").fetchone()[0]
        connection.close()
        assert len({peek.sequence for peek in states}) <= 1, "whole commits only"
        assert events == sum(peek.sequence for peek in states)
        newest.append(events)
    assert newest == sorted(newest)
    assert newest[-1] > len(COMMITTING)
    assert seen[-1][0] == seen[-1][1] > 0, "the bar came to its end"
    assert len(seen) > 8, "in several steps, with commits in between"


# --- restore ---------------------------------------------------------------------------------------------------------


async def test_a_restored_order_begins_a_new_life(backend: SqliteBackend, tmp_path: Path) -> None:
    await backend.backup(tmp_path / "backup.db")
    target = tmp_path / "elsewhere" / "notifier.db"
    told = await asyncio.to_thread(restore, tmp_path / "backup.db", target)
    assert told == (4, 2 + 3, None), "orders, deliveries given up, nothing moved aside"
    again = SqliteBackend(target, SystemClock())
    await again.open()
    lease = await anext(again.leases())

    orders, deliveries = await restored(lease)
    assert {stored.key for stored in orders} == {LIVE, FRESH}
    assert deliveries == [], "nothing that may have been sent is sent again"
    states = {order.watch.key: order.state for order in (await again.view.find(OrderQuery())).items}
    live, retired = states[LIVE], states[RETIRED]
    assert live is not None
    assert retired is not None
    assert (live.life, live.sequence, live.tracked, live.snapshot, live.phase) == (LATER, 0, False, None, Phase.UNKNOWN)
    assert live.told == {"driver-arrived"}, "who was told once is not told again"
    assert (retired.life, retired.sequence, retired.tracked) == (LATER, 0, False)
    assert (retired.retired_at, retired.phase) == (T, Phase.COMPLETED)
    assert retired.snapshot is not None
    assert states[FRESH] is None
    for watch in (await again.view.find(WatchQuery())).items:
        assert watch == a_watch(watch.key, created_at=LATER)
    commands = await taken(lease.commands(), 2)
    assert [(it.kind, it.key) for it in commands] == [("remove", REMOVED), ("put", FRESH)]
    assert commands[1].watch == a_watch(FRESH, created_at=LATER), "its life begins now too"
    [fact] = await again.known_facts()
    assert fact.disabled

    assert (await again.view.find(EventQuery(key=LIVE))).items == (an_event(LIVE),), "the old life stays readable"
    await lease.commit([Change(key=LIVE, events=(an_event(LIVE, 1, life=LATER),))])
    assert len((await again.view.find(EventQuery(key=LIVE))).items) == 2
    await again.close(5)


async def test_what_was_open_is_dead_and_can_be_sent_all_the_same(backend: SqliteBackend, tmp_path: Path) -> None:
    await backend.backup(tmp_path / "backup.db")
    target = tmp_path / "restored.db"
    await asyncio.to_thread(restore, tmp_path / "backup.db", target)
    again = SqliteBackend(target, SystemClock())
    await again.open()
    found = {it.id: it for it in (await again.view.find(DeliveryQuery(key=LIVE))).items}
    pending, sending, dead, delivered = (found[f"{LIVE}-{number}"] for number in range(2, 6))
    for delivery in (pending, sending, found[f"{LIVE}-1"]):
        assert (delivery.state, delivery.reason, delivery.finished_at) == ("dead", "restored", LATER)
    assert pending.facts == b"personal", "a retry needs them"
    assert (dead.state, dead.reason) == ("dead", None)
    assert delivered.state == "delivered"
    assert await again.submit(Command(kind="retry", key=LIVE, delivery=pending.id)) is True
    await again.close(5)


async def test_a_cursor_of_a_stream_does_not_outlive_a_restore(backend: SqliteBackend, tmp_path: Path) -> None:
    [*_, (cursor, _)] = await taken(backend.view.follow(None, since=0), 3)
    await backend.backup(tmp_path / "backup.db")
    await asyncio.to_thread(restore, tmp_path / "backup.db", tmp_path / "restored.db")
    again = SqliteBackend(tmp_path / "restored.db", SystemClock())
    await again.open()
    with pytest.raises(CursorGone):
        await taken(again.view.follow(cursor), 1)
    await again.close(5)


async def test_a_life_is_later_than_any_that_the_backup_knows(backend: SqliteBackend, tmp_path: Path) -> None:
    lease = await anext(backend.leases())
    await lease.commit([Change(key=LIVE, events=(an_event(LIVE, 1, life=LATER + 5),))])
    await backend.backup(tmp_path / "backup.db")
    await asyncio.to_thread(restore, tmp_path / "backup.db", tmp_path / "restored.db")
    again = SqliteBackend(tmp_path / "restored.db", SystemClock())
    await again.open()
    [order] = (await again.view.find(OrderQuery(key=LIVE))).items
    assert order.state is not None
    assert order.state.life == order.watch.created_at == LATER + 6
    await again.close(5)


async def test_a_file_in_use_is_never_replaced(backend: SqliteBackend, tmp_path: Path) -> None:
    await backend.backup(tmp_path / "backup.db")
    for force in (False, True):
        with pytest.raises(Refused, match=f"{backend.path}.*in use"):
            await asyncio.to_thread(restore, tmp_path / "backup.db", backend.path, force)
    assert await backend.submit(a_put(KEYS[7])) is True


async def test_an_existing_file_is_replaced_by_force_only_and_kept_aside(
    backend: SqliteBackend, tmp_path: Path
) -> None:
    await backend.backup(tmp_path / "backup.db")
    await backend.submit(a_put(KEYS[9]))
    await backend.close(5)
    content = await asyncio.to_thread(backend.path.read_bytes)
    with pytest.raises(Refused, match="--force"):
        await asyncio.to_thread(restore, tmp_path / "backup.db", backend.path)
    assert await asyncio.to_thread(backend.path.read_bytes) == content
    told = await asyncio.to_thread(restore, tmp_path / "backup.db", backend.path, True)
    aside = tmp_path / f"notifier.db.replaced-{LATER}"
    assert told == (4, 5, aside)
    assert await asyncio.to_thread(aside.read_bytes) == content
    again = SqliteBackend(backend.path, SystemClock())
    await again.open()
    assert (await again.view.find(WatchQuery(key=KEYS[9]))).items == ()
    await again.close(5)


async def test_a_bad_backup_leaves_the_target_alone(backend: SqliteBackend, tmp_path: Path) -> None:
    backup = tmp_path / "backup.db"
    await backend.backup(backup)
    await backend.close(5)
    content = await asyncio.to_thread(backend.path.read_bytes)
    whole = await asyncio.to_thread(backup.read_bytes)
    newer = tmp_path / "newer.db"
    newer.write_bytes(whole)
    with sqlite3.connect(newer) as connection:
        connection.execute(f"PRAGMA user_version = {codec.FORMAT + 1}")
    connection.close()
    damaged = "damaged.*: name another file made by `notifier backup`$"
    for bad, why in ((whole[: len(whole) // 2], damaged), (b"nothing " * 999, damaged), (newer, "newer release")):
        if isinstance(bad, bytes):
            backup.write_bytes(bad)
        with pytest.raises(Refused, match=why):
            await asyncio.to_thread(restore, bad if isinstance(bad, Path) else backup, backend.path, True)
    with pytest.raises(Refused, match="does not exist"):
        await asyncio.to_thread(restore, tmp_path / "missing.db", backend.path, True)
    assert await asyncio.to_thread(backend.path.read_bytes) == content
    assert parts(tmp_path) == []
