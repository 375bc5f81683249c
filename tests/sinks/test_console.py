import fcntl
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.sinks import REGISTRY
from notifier.sinks.base import Message
from notifier.sinks.console import ConsoleSettings, ConsoleSink, write_all
from tests.contracts.sink import KEY, Rig, SinkContract, T, published

FILLER = b"."


class PipeRig:
    """Standard output as a pipe, whose reader may go away or stop reading."""

    to = None
    secrets = ()

    def __init__(self, format: str = "json") -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self._lines: list[bytes] = []
        settings = ConsoleSettings.model_validate({"type": "console", "timeout": "200ms", "format": format})
        self.sink = ConsoleSink(settings, lambda line: write_all(self._write, line))
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {"closed": self._close, "full": self._fill}

    async def _close(self) -> None:
        os.close(self._read)
        self._read = -1

    async def _fill(self) -> None:
        size = fcntl.fcntl(self._write, fcntl.F_GETPIPE_SZ)
        os.set_blocking(self._write, False)
        assert os.write(self._write, FILLER * size) == size
        os.set_blocking(self._write, True)

    async def heal(self) -> None:
        if self._read < 0:
            os.close(self._write)
            self._read, self._write = os.pipe()
            os.set_blocking(self._read, False)
        self._drain()

    async def received(self) -> list[bytes]:
        self._drain()
        return self._lines

    def _drain(self) -> None:
        data = b""
        try:
            while part := os.read(self._read, 1 << 20):
                data += part
        except BlockingIOError:
            pass  # all that was there
        self._lines += data.lstrip(FILLER).splitlines()

    def end(self) -> None:
        os.close(self._write)
        os.close(self._read)


class TestConsole(SinkContract):
    faults = ("closed", "full")
    hangs = "full"

    @pytest.fixture(params=["json", "text"])
    async def rig(self, request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
        rig = PipeRig(request.param)
        yield rig
        await rig.heal()
        await rig.sink.close()
        rig.end()

    async def test_a_message_arrives_once(self, rig: Rig) -> None:
        assert (await self.send(rig, self.message(rig))).kind == "delivered"
        (line,) = await rig.received()
        assert KEY.encode() in line


async def test_json_is_the_structured_event() -> None:
    rig = PipeRig()
    await rig.sink.send(SinkContract.message(rig), T)
    (line,) = await rig.received()
    await rig.sink.close()
    rig.end()

    told = json.loads(line)
    assert told["type"] == "notifier.order.status_changed.v1"
    assert told["data"] == json.loads(published().data)
    assert told["subject"] == KEY


async def test_text_is_one_printable_line() -> None:
    rig = PipeRig("text")
    await rig.sink.send(SinkContract.message(rig), T)
    (line,) = await rig.received()
    await rig.sink.close()
    rig.end()

    assert line.decode() == "2026-11-21T11:00:00.000Z     1  Order trips/885e has the status ждёт  [31m now."


async def test_what_went_wrong_is_told() -> None:
    rig = PipeRig()
    await rig.faults["closed"]()
    outcome = await rig.sink.send(SinkContract.message(rig), T)
    await rig.heal()
    await rig.sink.close()
    rig.end()

    assert (outcome.kind, outcome.reason, outcome.detail) == ("again", Reason.CONNECTION, "Broken pipe")


async def test_an_attempt_that_waited_in_vain_is_not_written_later() -> None:
    rig = PipeRig()
    await rig.faults["full"]()
    outcomes = [await rig.sink.send(SinkContract.message(rig, n), T) for n in (1, 2)]
    await rig.heal()
    done = await rig.sink.send(SinkContract.message(rig, 3), T)
    lines = await rig.received()
    await rig.sink.close()
    rig.end()

    assert [outcome.reason for outcome in outcomes] == [Reason.TIMEOUT, Reason.TIMEOUT]
    assert done.kind == "delivered"
    # The first was being written when its time was over; the second was not yet.
    assert [json.loads(line)["sequence"][-1] for line in lines] == ["1", "3"]


PROGRAM = textwrap.dedent("""
    import asyncio, sys
    from notifier.clock import SystemClock
    from notifier.sinks import REGISTRY
    from notifier.sinks.base import Message
    from tests.contracts.sink import T, published

    async def main():
        adapter = REGISTRY["console"]
        sink = adapter.build("out", adapter.settings(type="console"), SystemClock())
        outcome = await sink.send(Message("d", None, published()), T)
        await sink.close()
        print(outcome.kind, file=sys.stderr)

    asyncio.run(main())
""")


def test_it_writes_to_the_real_standard_output() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, timeout=60, check=True)

    assert json.loads(done.stdout)["id"] == published().id
    assert done.stderr == b"delivered\n"


def test_a_reader_that_left_is_no_traceback() -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run([sys.executable, "-c", PROGRAM], stdout=write, stderr=subprocess.PIPE, timeout=60)
    finally:
        os.close(write)

    assert (done.returncode, done.stderr) == (0, b"again\n")


async def test_an_output_in_memory_will_do(capsys: pytest.CaptureFixture[str]) -> None:
    adapter = REGISTRY["console"]
    sink = adapter.build("out", adapter.settings(type="console"), SystemClock())
    await sink.send(Message("d1", None, published()), T)
    await sink.close()

    assert json.loads(capsys.readouterr().out)["id"] == published().id
