"""compose.yaml fits the program: its commands, its files, its ports. (Docker itself is not asked.)"""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import click
import pytest
import yaml

from notifier.cli.main import program
from notifier.config.load import load

ROOT = Path(__file__).parents[1]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if "build" in service]
REPLICAS = [name for name in OURS if name.startswith("notifier")]
CONFIG = ROOT / "config" / "examples" / "compose.yaml"


@pytest.mark.parametrize("name", OURS)
def test_its_commands_are_ours(name: str) -> None:
    words = [str(word) for word in SERVICES[name]["command"]]
    with click.Context(program) as context:
        _, command, rest = program.resolve_command(context, words)
        assert command is not None
        command.make_context(words[0], rest)
    assert (ROOT / SERVICES[name]["build"] / "Dockerfile").is_file()


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_has_its_configuration_token_and_port(name: str, tmp_path: Path) -> None:
    service = SERVICES[name]
    (mount,) = service["volumes"]
    source, target, _ = mount.split(":")
    assert (ROOT / source) == CONFIG
    assert Path(target).name == service["command"][-1]  # relative to the image's working directory
    (token,) = service["configs"]
    assert COMPOSE["configs"][token["source"]]["content"]
    assert token["target"] in CONFIG.read_text(encoding="utf-8")

    (tmp_path / "token").write_text("given\n")
    config = load(CONFIG, {**service["environment"], "NOTIFIER_TOKEN_FILE": str(tmp_path / "token")})
    published = {port.split(":")[1] for port in SERVICES["kafka"]["ports"]}
    assert str(config.api.port) in published
    assert config.backend.type == "kafka"


def test_whatever_is_named_is_there() -> None:
    """On 127.0.0.1, since all of them share Kafka's network: else tokens would have to travel encrypted."""
    assert all(service["network_mode"] == "service:kafka" for name, service in SERVICES.items() if name != "kafka")
    text = CONFIG.read_text(encoding="utf-8")
    simulator = SERVICES["simulator"]["command"]
    assert f"http://127.0.0.1:{simulator[simulator.index('--port') + 1]}" in text
    kafka = SERVICES["kafka"]["environment"]
    assert kafka["KAFKA_ADVERTISED_LISTENERS"].removeprefix("PLAINTEXT://") in text


@pytest.mark.parametrize("name", REPLICAS)
def test_a_replica_says_whether_it_is_ready(name: str) -> None:
    """So that `docker compose up --wait` waits for it: asked for real, of a server that answers 200 or 503."""
    kind, *words = SERVICES[name]["healthcheck"]["test"]
    assert (kind, words[0]) == ("CMD", "python")
    for status, code in ((200, 0), (503, 1)):
        asked: list[str] = []
        with _server(status, asked) as port:
            env = {**os.environ, "NOTIFIER_PORT": str(port)}
            done = subprocess.run([sys.executable, *words[1:]], env=env, capture_output=True, timeout=30)
        assert (done.returncode, asked) == (code, ["/readyz"])


@contextlib.contextmanager
def _server(status: int, asked: list[str]) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Nothing on the terminal."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def test_each_replica_has_another_port() -> None:
    assert len({SERVICES[name]["environment"]["NOTIFIER_PORT"] for name in REPLICAS}) == len(REPLICAS) == 2


def test_every_published_port_is_for_this_machine_alone() -> None:
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in SERVICES["kafka"]["ports"])
