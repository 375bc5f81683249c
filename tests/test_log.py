"""Logs: one form for all of them, on stderr, without secrets; repeated lines counted instead of written."""

import asyncio
import json
import logging
import subprocess
import sys
from typing import Any, Literal

import pytest
import structlog

from notifier import log
from notifier.log import Repeats, mask


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    out, err = capsys.readouterr()
    assert out == ""
    return [json.loads(line) for line in err.splitlines()]


def test_a_line_is_json_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()
    structlog.get_logger().info("look_failed", source="trips", times=3)
    (line,) = lines(capsys)
    assert line.pop("at").endswith("Z")
    assert line == {"event": "look_failed", "level": "info", "source": "trips", "times": 3}


@pytest.mark.parametrize(("level", "written"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_lower_levels_are_left_out(
    capsys: pytest.CaptureFixture[str], level: Literal["debug", "info", "warning", "error"], written: int
) -> None:
    log.set_up(level)
    logger = structlog.get_logger()
    for name in ("debug", "info", "warning", "error"):
        getattr(logger, name)("said")
    assert len(lines(capsys)) == written


def test_other_libraries_write_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up("warning")
    logging.getLogger("aiohttp.server").error("failed: %s", "token=hunter2")
    logging.getLogger("asyncio").info("left out")
    (line,) = lines(capsys)
    assert (line["event"], line["level"], line["logger"]) == ("failed: token=…", "error", "aiohttp.server")


def test_an_exception_is_written_with_its_trace_and_masked(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()
    try:
        raise ValueError("Bearer hunter2hunter2")
    except ValueError:
        structlog.get_logger().exception("broken")
        logging.getLogger("x").exception("broken too")
    ours, theirs = lines(capsys)
    for line in (ours, theirs):
        assert "Traceback" in line["exception"]
        assert "Bearer …" in line["exception"]
        assert "hunter2hunter2" not in json.dumps(line)


def test_what_asyncio_has_to_say_is_written_in_the_same_form(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()

    async def forget() -> None:
        asyncio.get_running_loop().call_exception_handler({"message": "never retrieved"})

    asyncio.run(forget())
    assert [line["logger"] for line in lines(capsys)] == ["asyncio"]


def test_the_console_form_is_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up(format="console")
    structlog.get_logger().info("listening", url="http://127.0.0.1:8080")
    err = capsys.readouterr().err
    assert "listening" in err
    assert "url=http://127.0.0.1:8080" in err
    assert "\x1b" not in err


def test_set_up_twice_does_not_write_twice(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()
    log.set_up()
    logging.getLogger("x").warning("once")
    structlog.get_logger().warning("once")
    assert len(lines(capsys)) == 2


def test_a_value_of_any_kind_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.set_up()
    structlog.get_logger().info(
        "odd", error=OSError("token: hunter2"), raw=b"x", big=2**70, keys={1: {2}}, half="\ud800"
    )
    err = capsys.readouterr().err
    assert "hunter2" not in err
    assert json.loads(err)["event"] == "odd"


def test_a_reader_that_has_left_does_not_end_the_program() -> None:
    code = (
        "import os, structlog; from notifier import log; log.set_up(); os.close(2)\n"
        "structlog.get_logger().error('x'); import logging; logging.error('y'); print('still here')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False)
    assert done.stdout == "still here\n"  # how it ends is the interpreter's, which cannot flush a closed stderr


@pytest.mark.parametrize(
    "key",
    ["token", "access_token", "client_secret", "password", "authorization", "Authorization", "api_key", "set-cookie"],
)
def test_a_value_under_a_secret_name_is_masked(key: str) -> None:
    event = log.redact(None, "info", {"event": "x", key: "hunter2", "below": {key: ["hunter2"]}})
    assert "hunter2" not in repr(event)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Authorization: Bearer abc.def-123", "Authorization: Bearer …"),
        ("sent OAuth y0_AgAAAAAA", "sent OAuth …"),
        ("key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "key whse…"),
        ("whsk_6Xb/dCcHpPea21PS1N9VY==", "whsk…"),
        ("https://user:hunter2@example.org/x", "https://…@example.org/x"),
        ("?access_token=hunter2&x=1", "?access_token=…&x=1"),
        ("{'client_secret': 'hunter2'}", "{'client_secret': '…'}"),
        ('{"password":"hunter2"}', '{"password":"…"}'),
        ("to anna@example.org", "to …@example.org"),
        ("call +79120995513,,95576", "call +…,,95576"),
    ],
)
def test_what_looks_like_a_secret_or_an_address_is_masked(text: str, masked: str) -> None:
    assert mask(text) == masked


@pytest.mark.parametrize(
    "text",
    [
        "trips/885e440dc70acc3bb6ce0cc5c67d7f2e",
        "api_tokens_read",
        "2026-11-21T10:00:00.000+03:00",
        "the token is missing",
        "http://127.0.0.1:8080/v1",
    ],
)
def test_what_is_neither_stays(text: str) -> None:
    assert mask(text) == text


def test_a_repeated_line_is_written_first_then_once_a_minute_with_a_count() -> None:
    repeats = Repeats()
    assert [repeats.ok("a", now) for now in (0.0, 1.0, 59.9, 60.0, 61.0, 120.0, 300.0)] == [
        0,
        None,
        None,
        2,
        None,
        1,
        0,
    ]


def test_lines_of_different_keys_do_not_hide_each_other() -> None:
    repeats = Repeats()
    assert repeats.ok(("trips", "timeout"), 0.0) == 0
    assert repeats.ok(("trips", "tls"), 0.0) == 0
    assert repeats.ok(("cars", "timeout"), 0.0) == 0
    assert repeats.ok(("trips", "timeout"), 1.0) is None


def test_the_memory_for_keys_is_bounded() -> None:
    repeats = Repeats(most=3)
    for number in range(1000):
        assert repeats.ok(number, 0.0) == 0
    assert repeats.ok(999, 1.0) is None
    assert repeats.ok(0, 1.0) == 0
