"""`notifier verify` on the embedded file."""

import sqlite3
from pathlib import Path

import orjson
import pytest
from msgspec.structs import replace

from notifier import codec
from notifier.backends.base import Change
from notifier.backends.sqlite.backend import SqliteBackend
from notifier.clock import SystemClock
from notifier.model import Command
from notifier.tracking.orders import begin
from tests.backends.test_audit import timeline
from tests.cli.conftest import Command as Run
from tests.test_envelope import WATCH


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    """A service's, which has followed one order."""
    file = tmp_path / "notifier.yaml"
    file.write_text(f"backend: {{type: sqlite, path: {tmp_path / 'n.db'}}}\n")
    backend = SqliteBackend(tmp_path / "n.db", SystemClock())
    await backend.open()
    await backend.submit(Command(kind="put", key=WATCH.key, watch=WATCH, at=1))
    lease = await anext(aiter(backend.leases()))
    life = orjson.loads(timeline()[0].data)["order"]["life"]
    state = codec.pack_state(replace(begin(WATCH.key, life), sequence=6))
    await lease.commit([Change(key=WATCH.key, state=state, events=tuple(timeline()))])
    await backend.close(5)
    return file


def test_a_sound_file(command: Run, config: Path) -> None:
    result = command("verify", "-c", str(config))
    assert (result.exit_code, result.stdout) == (0, "6 events of 1 order: nothing wrong\n")


def test_planted_harm_is_named_and_ends_with_1(command: Run, config: Path) -> None:
    with sqlite3.connect(config.parent / "n.db") as connection:
        connection.execute("DELETE FROM events WHERE sequence = 3")
    connection.close()
    result = command("verify", "-c", str(config))
    assert result.exit_code == 1
    assert f"lost\t{WATCH.key}\t3" in result.stdout
    told = orjson.loads(command("verify", "-c", str(config), "--json").stdout)
    assert told["counts"] == {"lost": 1}
    assert (told["events"], told["orders"], told["findings"][0]["sequence"]) == (5, 1, 3)


def test_a_file_that_is_not_there(command: Run, tmp_path: Path) -> None:
    file = tmp_path / "notifier.yaml"
    file.write_text(f"backend: {{type: sqlite, path: {tmp_path / 'none.db'}}}\n")
    result = command("verify", "-c", str(file))
    assert result.exit_code == 1
    assert "does not exist" in result.stderr
