"""The commands for receivers of webhooks; what listens is a process of its own."""

import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import pytest

from notifier.cli import main
from notifier.cli.listen import failures
from notifier.clock import SystemClock
from notifier.sinks.base import Message
from notifier.sinks.signing import SymmetricKey, derive, signing_keys
from notifier.sinks.webhook import build
from tests.contracts.sink import published
from tests.sinks.make import PRIVATE, SECRET, settings
from tests.sinks.peer import Peer
from tests.sinks.test_signing import BODY, ID, PUBLIC, TIMESTAMP, V1, V1A

NOTIFIER = [sys.executable, "-c", "from notifier.cli.main import main; main()"]
MESSAGE = ["--id", ID, "--timestamp", str(TIMESTAMP)]


class Done(NamedTuple):
    returncode: int
    stdout: bytes
    stderr: bytes


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> Run:
    """One command in this process, with BODY on standard input."""

    def run(*args: str) -> Done:
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(BODY)))
        code = main.run(args)
        return Done(code, *capsysbinary.readouterr())

    return run


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "key"
    path.write_text(f"{SECRET}\n{PRIVATE}\n")
    return str(path)


def test_sign_prints_the_three_headers(run: Run, key: str) -> None:
    done = run("sign", "--secret-file", key, *MESSAGE)

    assert done.stdout.decode().splitlines() == [
        f"webhook-id: {ID}",
        f"webhook-timestamp: {TIMESTAMP}",
        f"webhook-signature: {V1} {V1A}",
    ]
    told = json.loads(run("sign", "--secret-file", key, *MESSAGE, "--json").stdout)
    assert told["webhook-signature"] == f"{V1} {V1A}"


@pytest.mark.parametrize(
    ("signature", "extra", "code"),
    [(V1, [], 0), (V1A, [], 0), ("v1,AAAA", [], 1), (V1, ["--tolerance", "300"], 1)],
)
def test_verify_signature_exits_0_or_1(run: Run, key: str, signature: str, extra: list[str], code: int) -> None:
    args = ["verify-signature", "--secret-file", key, *MESSAGE, "--signature", signature, *extra]
    plain, told = run(*args), run(*args, "--json")

    assert (plain.returncode, told.returncode) == (code, code)
    assert json.loads(told.stdout)["verified"] is (code == 0)
    assert (plain.stdout, bool(plain.stderr)) == ((b"verified\n", False) if code == 0 else (b"", True))


def test_a_public_key_verifies_but_does_not_sign(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "public"
    path.write_text(PUBLIC)

    assert run("verify-signature", "--secret-file", str(path), *MESSAGE, "--signature", V1A).returncode == 0
    refused = run("sign", "--secret-file", str(path), *MESSAGE)
    assert refused.returncode == 2
    assert b"can only verify" in refused.stderr


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["sign", "--secret-file", "/nonexistent", *MESSAGE], b"cannot be read"),
        (["sign", *MESSAGE], b"--secret-file"),
        (["sign", "--secret-file", "KEY", "--id", "a\nb", "--timestamp", "1"], b"visible ASCII"),
        (["sign", "--secret-file", "KEY", "--id", "a", "--timestamp", "now"], b"--timestamp"),
        (["listen", "--secret-file", "KEY", "--fail", "503,no"], b"statuses from 300 to 599"),
        (["listen", "--secret-file", "KEY", "--fail", "200"], b"statuses from 300 to 599"),
        (["listen", "--secret-file", "KEY", "--forward", "ftp://x"], b"is not a web address"),
    ],
)
def test_bad_usage_is_2_with_words(run: Run, key: str, args: list[str], words: bytes) -> None:
    done = run(*[key if each == "KEY" else each for each in args])

    assert done.returncode == 2
    assert words in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.fixture
def config(tmp_path: Path, key: str) -> str:
    path = tmp_path / "notifier.yaml"
    path.write_text(
        f"sinks:\n  hook: {{type: webhook, secret_file: {key}}}\n  out: {{type: console}}\n"
        f"  keyed: {{type: webhook, secret: '{PRIVATE}'}}\n"
    )
    return str(path)


def test_webhook_secret_prints_what_the_sink_signs_with(run: Run, config: str) -> None:
    url = "https://example.org/a"
    first = signing_keys(SECRET)[0]
    assert isinstance(first, SymmetricKey)

    assert run("webhook-secret", "hook", url, "-c", config).stdout.decode() == derive(first, url) + "\n"


@pytest.mark.parametrize(
    ("sink", "url", "code", "words"),
    [
        ("nope", "https://example.org/", 2, b"sinks.nope: is not a webhook sink"),
        ("out", "https://example.org/", 2, b"sinks.out: is not a webhook sink"),
        ("hook", "example.org", 2, b"is not a web address"),
        ("keyed", "https://example.org/", 1, b"no whsec_ key"),
    ],
)
def test_webhook_secret_says_what_is_wrong(run: Run, config: str, sink: str, url: str, code: int, words: bytes) -> None:
    done = run("webhook-secret", sink, url, "-c", config)

    assert (done.returncode, words in done.stderr) == (code, True)


@contextmanager
def listening(key: str, *args: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A `notifier listen` on a free port, and its URL."""
    command = [*NOTIFIER, "listen", "--port", "0", "--secret-file", key, *args]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ) as process:
        assert process.stderr is not None
        found = re.search(rb"http://\S+", process.stderr.readline())
        assert found is not None
        try:
            yield process, found[0].decode()
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)


async def tell(url: str, *sequences: int) -> list[str | None]:
    """The statuses that deliveries of these sequences got."""
    hook = build("hook", settings(url, timeout="10s"), SystemClock())
    outcomes = [await hook.send(Message(f"d{each}", None, published(each)), SystemClock().now()) for each in sequences]
    await hook.close()
    return [outcome.status for outcome in outcomes]


async def test_listen_shows_repeats_gaps_and_ends_cleanly(key: str) -> None:
    with listening(key, "--fail", "503,429", "--json") as (process, url):
        assert await tell(url, 1, 1, 1, 4) == ["503", "429", "200", "200"]
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)

    lines = [json.loads(line) for line in out.splitlines()]
    assert [(each["sequence"], each["attempt"], each["missing"], each["status"]) for each in lines] == [
        (1, 1, 0, 503),
        (1, 2, 0, 429),
        (1, 3, 0, 200),
        (4, 1, 2, 200),
    ]
    assert lines[0]["type"] == "notifier.order.status_changed.v1"
    assert err.decode().strip() == "2 events, 2 repeats, 2 missing, 0 refused"
    assert process.returncode == 0


async def test_listen_is_readable_and_keeps_control_characters_off_the_terminal(key: str) -> None:
    with listening(key) as (process, url):
        await tell(url, 1, 1)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=30)

    first, second = out.decode().splitlines()
    assert first.endswith("1  Order trips/885e has the status ждёт  [31m now.")
    assert second.endswith("[repeat 2]")


async def test_listen_hands_on_what_was_verified(key: str) -> None:
    other = Peer()
    await other.start()
    with listening(key, "--forward", other.url) as (_, url):
        assert await tell(url, 1) == ["204"]
        await other.stop()
        assert await tell(url, 2) == ["502"]

    (taken,) = other.taken
    assert taken.headers["webhook-id"] == "d1"
    assert json.loads(taken.body)["data"]["sequence"] == 1


def test_listen_on_a_taken_port_is_1(run: Run, key: str) -> None:
    with listening(key) as (_, url):
        port = url.split(":")[2].strip("/")
        done = run("listen", "--port", port, "--secret-file", key)

    assert done.returncode == 1
    assert b"cannot listen on port" in done.stderr


def test_failures_in_turn_and_by_share() -> None:
    draws = iter([0.1, 0.9, 0.2, 0.1])

    assert list(islice(failures((), None, lambda: 0.0), 3)) == [None] * 3
    assert list(islice(failures((503, 410), None, lambda: 0.0), 4)) == [503, 410, None, None]
    assert list(islice(failures((503, 410), 0.5, lambda: next(draws)), 4)) == [503, None, 410, 503]
    assert list(islice(failures((503,), 0.0, lambda: 0.0), 2)) == [None, None]
