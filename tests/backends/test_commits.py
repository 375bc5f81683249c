"""A commit of many orders is the same as many commits of one, whatever their number."""

import sqlite3
from collections.abc import Iterator

import pytest
from structlog.testing import capture_logs

from notifier import codec
from notifier.backends import commits, tables
from notifier.model import Phase
from tests.contracts.records import T, a_put, a_state, a_step


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    tables.create(connection, T)
    yield connection
    connection.close()


def keys(count: int) -> list[str]:
    return [f"trips/{number:03}" for number in range(count)]


def events(connection: sqlite3.Connection) -> list[tuple[str, int]]:
    return connection.execute("SELECT key, sequence FROM events ORDER BY number").fetchall()


@pytest.mark.parametrize("count", [1, 2, 3, 7, 8, 31, 32, 33, 100])
def test_every_row_is_written_in_its_order(connection: sqlite3.Connection, count: int) -> None:
    for key in keys(count):
        tables.submit(connection, a_put(key))
    commits.commit(connection, [a_step(key) for key in keys(count)])
    changed = [
        a_step(key, 2, phase=Phase.ARRIVED if number % 3 else Phase.ASSIGNED) for number, key in enumerate(keys(count))
    ]
    commits.commit(connection, changed)
    assert events(connection) == [(key, sequence) for sequence in (1, 2) for key in keys(count)]
    stored = connection.execute("SELECT key, phase, state FROM orders ORDER BY key").fetchall()
    assert [key for key, _, _ in stored] == keys(count)
    for number, (key, phase, state) in enumerate(stored):
        assert phase == ("arrived" if number % 3 else "assigned")
        assert codec.unpack_state(state) == a_state(key, 2, phase=Phase(phase))


def test_what_was_stored_or_forgotten_before_is_told_and_hinders_nothing(connection: sqlite3.Connection) -> None:
    here, gone = keys(40)[::2], keys(40)[1::2]
    for key in here:
        tables.submit(connection, a_put(key))
    commits.commit(connection, [a_step(key) for key in here[:5]])
    with capture_logs() as logs:
        commits.commit(connection, [a_step(key) for key in sorted(here + gone)])
    assert sorted(events(connection)) == [(key, 1) for key in keys(40)]
    assert [(line["event"], line["count"]) for line in logs] == [
        ("states_without_order", len(gone)),
        ("events_stored_before", 5),
    ]
