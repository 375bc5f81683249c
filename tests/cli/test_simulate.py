"""`notifier simulate`."""

import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import orjson
import pytest

from tests.cli.conftest import Command


@pytest.mark.parametrize("ends", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_the_order_apis_until_it_is_ended(tmp_path: Path, ends: signal.Signals) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('{"kind": "403", "order": "sim-waiting"}')
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "notifier",
            "simulate",
            "--port",
            "0",
            "--speed",
            "10",
            "--faults",
            str(faults),
            "--json",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    told = orjson.loads(process.stdout.readline())
    codes = []
    for order in ("sim-driving", "sim-waiting"):
        url = f"{told['base_urls']['progress']}/api/1.0/client/c/order/{order}/progress"
        try:
            with urllib.request.urlopen(
                urllib.request.Request(url, headers={"Authorization": "t"}), timeout=5
            ) as answer:
                codes.append(answer.status)
        except urllib.error.HTTPError as error:
            codes.append(error.code)
            error.close()
    process.send_signal(ends)
    _, err = process.communicate(timeout=20)
    assert codes == [200, 403]
    assert (process.returncode, err) == (0, b"")


def test_a_port_that_is_taken_is_told(command: Command) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        result = command("simulate", "--port", taken.getsockname()[1])
    assert (result.exit_code, "cannot listen" in result.stderr) == (1, True)


def test_wrong_faults_are_bad_input(command: Command, tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('[{"kind": "melt"}]')
    assert command("simulate", "--faults", faults).exit_code == 2
    assert command("simulate", "--faults", tmp_path / "none").exit_code == 2


def test_a_speed_of_nothing_is_bad_usage(command: Command) -> None:
    assert command("simulate", "--speed", "0").exit_code == 2
