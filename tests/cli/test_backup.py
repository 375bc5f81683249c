"""`notifier backup` and `notifier restore`."""

import sqlite3
from pathlib import Path

import orjson

from tests.cli.conftest import Command, Running


def config(folder: Path) -> Path:
    """Only `backend` of the file counts: the rest may be wrong where a backup is restored."""
    path = folder / "notifier.yaml"
    path.write_text(f"backend: {{type: sqlite, path: '{folder}/restored.db'}}\nsources: {{x: {{token: ${{UNSET}}}}}}\n")
    return path


def test_a_running_service_is_saved_and_put_back(command: Command, service: Running, tmp_path: Path) -> None:
    assert command("watch", "add", "cars", "backup-1", "-c", service.config).exit_code == 0
    saved = tmp_path / "saved.db"
    result = command("backup", saved, "-c", service.config, "--json")
    assert (result.exit_code, orjson.loads(result.stdout)) == (0, {"from": str(service.database), "to": str(saved)})
    assert sqlite3.connect(f"file:{saved}?mode=ro", uri=True).execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    result = command("restore", saved, "-c", config(tmp_path), "--json")
    told = orjson.loads(result.stdout)
    assert result.exit_code == 0
    assert told["to"] == str(tmp_path / "restored.db")
    assert told["orders"] >= 1
    assert told["aside"] is None

    again = command("restore", saved, "-c", config(tmp_path))
    assert (again.exit_code, "--force" in again.stderr) == (1, True)
    forced = command("restore", saved, "-c", config(tmp_path), "--force")
    assert forced.exit_code == 0
    assert "begin a new life" in forced.stdout
    assert "the former file is" in forced.stdout


def test_a_file_that_is_there_is_not_overwritten(command: Command, service: Running, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    result = command("backup", taken, "-c", service.config)
    assert (result.exit_code, taken.read_text()) == (1, "mine")


def test_what_is_no_backup_is_told(command: Command, tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk" * 1000)
    result = command("restore", tmp_path / "junk", "-c", config(tmp_path))
    assert (result.exit_code, result.stdout) == (1, "")
    assert not (tmp_path / "restored.db").exists()


def test_another_backend_has_no_file(command: Command, tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("backend: {type: kafka, bootstrap_servers: [k]}\n")
    result = command("backup", tmp_path / "b.db", "-c", path)
    assert (result.exit_code, "must be sqlite" in result.stderr) == (2, True)
