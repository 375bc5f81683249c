"""What the runbooks tell to type: it works in the very trouble that it is for."""

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.helm import chart
from tests.helm.chart import ROOT

RUNBOOKS = (ROOT / "docs" / "runbooks.md").read_text()
SOURCES = "\n".join(path.read_text() for path in (ROOT / "notifier").rglob("*.py"))
SOUGHT = sorted(
    {word for found in re.findall(r"\| grep (?:-E )?'?([a-z_|]+)'?$", RUNBOOKS, re.M) for word in found.split("|")}
)


class _NotReady(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(503 if self.path == "/readyz" else 404)
        self.end_headers()
        self.wfile.write(b'{"ready":false,"reasons":["no broker answers"]}')

    def log_message(self, format: str, *args: object) -> None:
        """Nothing on the terminal."""


def test_a_replica_that_is_not_ready_says_why() -> None:
    (code,) = re.findall(r'-- python -c "([^"]+)"', RUNBOOKS)
    with HTTPServer(("127.0.0.1", 0), _NotReady) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        asked = code.replace("8080", str(server.server_port))
        done = subprocess.run([sys.executable, "-c", asked], capture_output=True, text=True, timeout=30)
        thread.join()
    assert asked != code
    assert done.returncode == 0, done.stderr
    assert "no broker answers" in done.stdout


@pytest.mark.parametrize("event", SOUGHT)
def test_what_is_sought_in_the_log_is_written_there(event: str) -> None:
    """A word that ends in _ stands for all events that begin so."""
    assert re.search(rf'"{event}"' if not event.endswith("_") else rf'"{event}[a-z_]+"', SOURCES)


def test_something_is_sought() -> None:
    assert {"look_failed", "commits_blocked", "credential_", "delivery_attempted", "record_rejected"} <= set(SOUGHT)


def test_every_value_that_is_set_exists() -> None:
    values = set(re.findall(r"--set ([A-Za-z.]+)=", RUNBOOKS))
    assert len(values) >= 3
    for name in values:
        here = chart.loaded().values
        for part in name.split("."):
            assert part in here, name
            here = here[part]


def test_every_threshold_that_is_named_exists() -> None:
    named = set(re.findall(r"thresholds\.(\w+)", RUNBOOKS))
    assert named
    assert named <= set(chart.loaded().values["prometheusRule"]["thresholds"])
