"""Opening a file: made where it is missing, refused where it cannot be used: with what to do, the file untouched."""

import asyncio
import os
import random
import sqlite3
import stat
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest

from notifier import codec
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from notifier.errors import Refused
from tests.contracts.records import KEYS, a_put, a_step


async def a_file(path: Path, orders: int = 300) -> bytes:
    """A closed file with something in it; its bytes."""
    backend = SqliteBackend(path, SystemClock())
    await backend.open()
    keys = [f"trips/{number}" for number in range(orders)]
    for key in keys:
        await backend.submit(a_put(key))
    await (await anext(backend.leases())).commit([a_step(key) for key in keys])
    await backend.close(5)
    return await asyncio.to_thread(path.read_bytes)


async def refusal(path: Path) -> str:
    """Why it cannot be opened."""
    backend = SqliteBackend(path, SystemClock())
    with pytest.raises(Refused) as refused:
        await backend.open()
    assert path.name in str(refused.value)
    return str(refused.value)


async def test_the_folder_and_the_file_are_made_for_this_user_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "deeper" / "notifier.db"
    await a_file(path, 1)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {it.name for it in path.parent.iterdir()} == {"notifier.db", "notifier.db.lock"}, (
        "one file after a clean end"
    )


async def test_a_relative_path_begins_at_the_working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    backend = SqliteBackend("var/notifier.db", SystemClock())
    await backend.open()
    assert (tmp_path / "var" / "notifier.db").exists()
    await backend.close(5)


async def test_an_empty_file_is_taken_as_a_new_one(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    path.touch()
    await a_file(path, 1)


@pytest.mark.parametrize(
    "content", [b"not a database, but long enough " * 200, b"short", b"SQLite format 3\0" + b"x" * 5000]
)
async def test_what_is_no_database_is_refused_and_untouched(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "notifier.db"
    path.write_bytes(content)
    assert "restore a backup" in await refusal(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("seed", range(8))
async def test_a_damaged_file_is_refused_and_untouched(tmp_path: Path, seed: int) -> None:
    path = tmp_path / "notifier.db"
    whole = bytearray(await a_file(path))
    chance = random.Random(seed)
    if seed % 2:
        del whole[chance.randrange(1, len(whole) // 4096) * 4096 :]
    else:
        at = chance.randrange(1, len(whole) // 4096) * 4096
        whole[at : at + 4096] = chance.randbytes(4096)
    path.write_bytes(bytes(whole))
    assert "damaged" in await refusal(path)
    assert path.read_bytes() == bytes(whole)


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    connection.close()
    content = path.read_bytes()
    assert "another program" in await refusal(path)
    assert path.read_bytes() == content


async def test_a_newer_format_is_refused_with_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    await a_file(path, 1)
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {codec.FORMAT + 1}")
    connection.close()
    content = path.read_bytes()
    told = await refusal(path)
    assert f"format {codec.FORMAT + 1}" in told
    assert "newer release" in told
    assert path.read_bytes() == content


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notifier.db").mkdir()
    assert "folder" in await refusal(tmp_path / "notifier.db")


async def test_a_file_in_the_place_of_its_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "var").write_text("in the way")
    backend = SqliteBackend(tmp_path / "var" / "notifier.db", SystemClock())
    with pytest.raises(Refused, match="choose another path"):
        await backend.open()


AS_NOBODY = """
import asyncio, os, sys
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from notifier.errors import Refused
if os.getuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    asyncio.run(SqliteBackend(sys.argv[1], SystemClock()).open())
except Refused as error:
    print(error)
    sys.exit(1)
"""


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
@pytest.mark.parametrize("what", ["file", "folder"])
async def test_an_unwritable_place_is_refused_and_untouched(tmp_path: Path, what: str) -> None:
    folder = tmp_path / "var"
    path = folder / "notifier.db"
    content = await a_file(path, 1)
    for place in (tmp_path, *tmp_path.parents):
        if place.stat().st_uid == os.getuid() and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o055)
    path.with_name("notifier.db.lock").unlink()
    folder.chmod(0o555 if what == "folder" else 0o777)
    path.chmod(0o666 if what == "folder" else 0o444)
    run = await asyncio.create_subprocess_exec(sys.executable, "-c", AS_NOBODY, str(path), stdout=PIPE, stderr=PIPE)
    told, errors = await run.communicate()
    folder.chmod(0o755)
    assert (run.returncode, errors) == (1, b"")
    assert b"cannot be" in told
    assert str(folder).encode() in told
    assert path.read_bytes() == content
    assert not path.with_name("notifier.db-wal").exists()


async def test_it_opens_again_after_a_refusal(tmp_path: Path) -> None:
    path = tmp_path / "notifier.db"
    path.write_bytes(b"nothing of ours" * 500)
    backend = SqliteBackend(path, SystemClock())
    with pytest.raises(Refused):
        await backend.open()
    path.unlink()
    again = SqliteBackend(path, SystemClock())
    await again.open()
    assert await again.submit(a_put(KEYS[0])) is True
    await again.close(5)
