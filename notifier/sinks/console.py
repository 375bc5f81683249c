"""Events on standard output: one line each, JSON or readable text."""

import asyncio
import io
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Literal

import orjson

from notifier.clock import Clock
from notifier.envelope import structured
from notifier.errors import Reason
from notifier.model import CloudEvent, Instant
from notifier.sinks.base import Address, Message, Outcome, SinkSettings
from notifier.sinks.body import sentence
from notifier.sinks.reach import Reached
from notifier.unseen import escaped

Write = Callable[[bytes], None]
"""Writes all of it, however long that takes, or raises OSError."""


_WHOLE_LINES = threading.Lock()


class ConsoleSettings(SinkSettings):
    """`json` is the structured CloudEvent, as `GET /v1/orders/{key}/events` shows it."""

    type: Literal["console"]
    format: Literal["json", "text"] = "json"


class ConsoleSink:
    people = False
    at_most_once = False
    address: Address | None = None

    def __init__(self, settings: ConsoleSettings, write: Write) -> None:
        self._format = _FORMATS[settings.format]
        self._timeout = settings.timeout / 1000
        self._writer = _Writer(write)

    def endpoint(self, _to: str | None) -> str:
        return "stdout"

    async def send(self, message: Message, _now: Instant) -> Outcome:
        line = self._format(message.event) + b"\n"
        try:
            async with asyncio.timeout(self._timeout):
                await self._writer.write(line)
        except TimeoutError:
            return Outcome("again", reason=Reason.TIMEOUT, detail="nobody reads standard output")
        except OSError as error:
            # A reader that went away may be back after the next start, when standard output is another one.
            return Outcome("again", reason=Reason.CONNECTION, detail=os.strerror(error.errno) if error.errno else "")
        return Outcome("delivered")

    async def close(self) -> None:
        self._writer.close()


async def reach(_settings: ConsoleSettings, _clock: Clock) -> Reached:
    return Reached(None, "writes to standard output")


def build(_name: str, settings: ConsoleSettings, _clock: Clock) -> ConsoleSink:
    return ConsoleSink(settings, standard_output())


def standard_output() -> Write:
    """Past Python's buffer: a line is out, or has failed, when it returns, and nothing is left to flush at exit."""
    try:
        number = sys.stdout.fileno()
    except (AttributeError, io.UnsupportedOperation):  # none, or replaced by an object in memory
        return _print
    return lambda line: write_all(number, line)


def write_all(number: int, line: bytes) -> None:
    """To a file descriptor. A pipe takes a long line in parts: those of two sinks must not mix."""
    with _WHOLE_LINES:
        rest = memoryview(line)
        while rest:
            rest = rest[os.write(number, rest) :]


def _print(line: bytes) -> None:
    if sys.stdout is not None:
        sys.stdout.write(line.decode())
        sys.stdout.flush()


def _json(event: CloudEvent) -> bytes:
    return escaped(structured(event).decode()).encode()


def _text(event: CloudEvent) -> bytes:
    said = f"{event.attributes['time']}  {event.sequence:>4}  {sentence(event, orjson.loads(event.data))}"
    # What an API tells may hold line ends and control sequences of terminals.
    return "".join(each if each.isprintable() else " " for each in said).encode()


_FORMATS = {"json": _json, "text": _text}


class _Writer:
    """A thread of its own: a full pipe holds up this thread, not the loop. A daemon, for it cannot be interrupted."""

    def __init__(self, write: Write) -> None:
        self._write = write
        self._queue: SimpleQueue[tuple[bytes, Future[None]] | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    async def write(self, line: bytes) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="console", daemon=True)
            self._thread.start()
        done: Future[None] = Future()
        self._queue.put((line, done))
        await asyncio.wrap_future(done)  # cancelling it takes the line out, unless it is being written

    def close(self) -> None:
        if self._thread is not None:
            self._thread = None
            self._queue.put(None)

    def _run(self) -> None:
        while item := self._queue.get():
            line, done = item
            if not done.set_running_or_notify_cancel():
                continue
            try:
                self._write(line)
            except Exception as error:
                done.set_exception(error)
            else:
                done.set_result(None)
