"""The shipped fixture, the thread behind it, and the package's independence of the rest."""

import ast
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.request import Request, urlopen

import aiohttp
import pytest

import notifier.simulator
from notifier.simulator.server import Simulator
from notifier.simulator.threaded import running


def test_the_fixture_serves_a_test_without_a_loop(order_api_simulator: Simulator) -> None:
    asked = Request(order_api_simulator.url + "/order/sim-NEW/status", headers={"Authorization": "t"})
    with urlopen(asked, timeout=5) as answer:
        assert b'"NEW"' in answer.read()
    assert order_api_simulator.timeline("restaurant", "sim-NEW")[0].value == "NEW"


async def test_the_fixture_serves_an_async_test(order_api_simulator: Simulator) -> None:
    async with (
        aiohttp.ClientSession(order_api_simulator.url, headers={"Authorization": "t"}) as session,
        session.get("/order/sim-READY/status") as answer,
    ):
        assert (await answer.json())["status"] == "READY"


def test_a_server_that_cannot_start_says_why() -> None:
    class Taken(Simulator):
        async def start(self, host: str = "127.0.0.1", port: int = 0) -> str:
            with socket.create_server((host, 0)) as taken:
                return await super().start(host, taken.getsockname()[1])

    with pytest.raises(OSError, match="address already in use"), running(Taken()):
        pass


def test_the_plugin_imports_nothing_heavy() -> None:
    code = "import sys, notifier.simulator.plugin; sys.exit('aiohttp' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_package_imports_nothing_of_the_program() -> None:
    root = Path(notifier.simulator.__file__).parent
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            foreign = [n for n in names if n.split(".")[0] == "notifier" and not n.startswith("notifier.simulator")]
            assert foreign == [], path


def test_it_runs_alone_and_stops_when_interrupted(tmp_path: Path) -> None:
    faults = tmp_path / "faults.json"
    faults.write_text('{"kind": "500"}')
    command = [sys.executable, "-m", "notifier.simulator", "--port", "0", "--seed", "3", "--faults", str(faults)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        url = process.stdout.readline().split()[3].rstrip(",")
        with urlopen(url + "/sim/faults", timeout=5) as answer:
            assert b'"500"' in answer.read()
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "stopped\n"
    assert process.returncode == 0
