"""A real service in a process of its own, polling the simulator, for the tests of the commands that ask one."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pytest
from click.testing import CliRunner, Result

from notifier.cli.main import program
from notifier.simulator.threaded import running

TOKEN = "full-token"
READING = "reading-token"

Command = Callable[..., Result]


class Running(NamedTuple):
    """`config` names the service's port as it is; `database` is its file."""

    url: str
    config: Path
    tokens: Path
    database: Path


@pytest.fixture
def command() -> Command:
    """`command("watch", "list", …)`: one command in this process, its exit code, stdout and stderr."""

    def run(*args: object, input: str | bytes | None = None) -> Result:
        result = CliRunner().invoke(program, [str(arg) for arg in args], input=input)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    return run


def start(config: Path) -> tuple["subprocess.Popen[bytes]", str]:
    """`notifier run`, and where it listens. The caller ends it."""
    process = subprocess.Popen(
        [sys.executable, "-m", "notifier", "run", "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    for line in process.stderr:
        said: dict[str, Any] = orjson.loads(line) if line.startswith(b"{") else {"event": line.decode()}
        if said["event"] == "listening":
            return process, said["url"]
    raise AssertionError(f"ended with {process.wait(10)} before it listened")


def end(process: "subprocess.Popen[bytes]") -> int:
    process.terminate()
    process.communicate(timeout=20)
    return process.returncode


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("service")
    tokens = folder / "tokens"
    tokens.write_text(f"{READING} read\n{TOKEN}\n")
    written = folder / "notifier.yaml"
    with running() as simulator:
        content = (
            "backend: {type: sqlite, path: '%s'}\n"
            "api: {port: %s, token_file: '%s'}\n"
            "sources:\n"
            "  cars: {type: progress, base_url: '%s', token: t, account: {client_id: c}, poll: {default: 100ms}}\n"
            "sinks: {out: {type: console}, dead: {type: webhook, url: 'http://127.0.0.1:9/', secret: %s}}\n"
            "rules:\n"
            "  - {name: all, when: {}, send: [{sink: out}]}\n"
            "  - {name: refused, when: {type: tracked}, send: [{sink: dead}]}\n"
        )
        secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        written.write_text(content % (folder / "n.db", 0, tokens, simulator.url, secret))
        process, url = start(written)
        try:
            port = url.rpartition(":")[2]
            written.write_text(content % (folder / "n.db", port, tokens, simulator.url, secret))
            yield Running(url, written, tokens, folder / "n.db")
        finally:
            end(process)
