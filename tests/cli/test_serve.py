"""`notifier run`: starts or says why not, and stops within its grace whatever happens."""

import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Command, end, start

STOP = """
import asyncio, os, signal, time
from notifier.cli.serve import Stop

async def main():
    stop = Stop({grace})
    print("ready", flush=True)
    await stop.asked
    {then}

asyncio.run(main())
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "notifier.yaml"
    path.write_text(f"backend: {{type: sqlite, path: '{tmp_path}/n.db'}}\napi: {{port: 0}}\nshutdown_grace: 5s\n")
    return path


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly(config: Path, number: signal.Signals) -> None:
    process, url = start(config)
    with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
        assert answer.status == 200
    asked = time.monotonic()
    process.send_signal(number)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 0
    assert time.monotonic() - asked < 5
    said = [orjson.loads(line)["event"] for line in err.splitlines()]
    assert [event for event in said if event.startswith("stop")] == ["stopping", "stopped"]
    assert said[-1] == "stopped"


EARLY = """
import os, signal, sys
from notifier.cli.main import main

class Terminating:
    def find_spec(self, name, *_):
        if name == "notifier.cli.serve":
            os.kill(os.getpid(), signal.SIGTERM)

sys.meta_path.insert(0, Terminating())
main(["run"])
"""


def test_a_signal_that_comes_before_anything_runs_is_a_clean_stop_too() -> None:
    done = subprocess.run([sys.executable, "-c", EARLY], capture_output=True, timeout=20, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_port_that_is_taken_is_told(command: Command, config: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        config.write_text(config.read_text().replace("port: 0", f"port: {port}"))
        done = subprocess.run(
            [sys.executable, "-m", "notifier", "run", "-c", str(config)], capture_output=True, timeout=20, check=False
        )
    assert done.returncode == 1
    assert f"cannot listen on 127.0.0.1, port {port}".encode() in done.stderr
    assert b"Traceback" not in done.stderr


def test_a_wrong_configuration_starts_nothing(command: Command, config: Path, tmp_path: Path) -> None:
    config.write_text(config.read_text() + "retenton: 5d\nrules: [{name: a, when: {}, send: [{sink: gone}]}]\n")
    result = command("run", "-c", config)
    assert result.exit_code == 2
    assert "retenton: unknown key" in result.stderr
    assert "rules[0].send[0].sink: unknown sink" in result.stderr
    assert not (tmp_path / "n.db").exists()


def test_a_second_service_on_one_file_is_refused_and_the_first_goes_on(config: Path) -> None:
    process, url = start(config)
    try:
        second = subprocess.run(
            [sys.executable, "-m", "notifier", "run", "-c", str(config)], capture_output=True, timeout=20, check=False
        )
        assert second.returncode == 1
        assert b"n.db" in second.stderr
        assert b"stopped" not in second.stderr  # it never ran
        with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
            assert answer.status == 200
    finally:
        assert end(process) == 0


@pytest.mark.parametrize(
    ("then", "signals", "code", "said"),
    [
        ("stop.end()", 1, 0, b""),
        ("time.sleep(60)", 1, 1, b"shutdown_grace is over"),
        ("await asyncio.sleep(60)", 1, 1, b"shutdown_grace is over"),
        ("print('stopping', flush=True); await asyncio.sleep(60)", 2, 128 + signal.SIGTERM, b"interrupted again"),
    ],
    ids=["clean", "loop hangs", "stop hangs", "second signal"],
)
def test_it_ends_within_its_grace_whatever_hangs(then: str, signals: int, code: int, said: bytes) -> None:
    grace = 0.3 if signals == 1 else 60
    process = subprocess.Popen(
        [sys.executable, "-c", STOP.format(grace=grace, then=then)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    for _ in range(signals):
        assert process.stdout.readline()
        process.terminate()
    _, err = process.communicate(timeout=20)
    assert process.returncode == code
    assert said in err
    assert b"Traceback" not in err
