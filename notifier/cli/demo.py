"""`notifier demo`: simulated order APIs, the service, webhooks and mails in one process, nothing to configure.

With `--kafka` the service is several processes beside it, which share the orders.
"""

import asyncio
import random
import signal
import sys
import tempfile
from collections.abc import Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import click
import uvloop

from notifier import demo as play
from notifier import log
from notifier.api.server import start_api
from notifier.app import App
from notifier.cli.board import Board, LiveBoard, PlainBoard
from notifier.cli.replicas import Replicas
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.errors import Refused
from notifier.simulator.server import Simulator
from notifier.sinks.mailroom import Mailroom
from notifier.sinks.receiver import Received, Receiver
from notifier.sinks.signing import SymmetricKey, parse_keys

PORT = 8080
HINTS_AFTER = 60.0  # seconds
REDRAW = 0.25  # seconds


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help=f"Of the API; default {PORT}, or a free one.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=None, help="End by itself after so long.")
@click.option(
    "--kafka", metavar="HOST:PORT,…", help="Run several replicas that share the orders through these brokers."
)
@click.option("--replicas", type=click.IntRange(1, 12), default=2, show_default=True, help="With --kafka, how many.")
def demo(port: int | None, seconds: float | None, kafka: str | None, replicas: int) -> None:
    """See it work: orders are followed, changes detected, people told. Ctrl-C ends it."""
    log.set_up("error", "console")
    board: Board = LiveBoard() if sys.stdout.isatty() else PlainBoard()
    service = Replicas(kafka.split(","), replicas) if kafka else OneProcess(port)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Demo(board, service).run(seconds))


class Shown(Protocol):
    """The service that a demo shows."""

    async def start(self, stack: AsyncExitStack, folder: Path, places: Mapping[str, str]) -> str:
        """Where it answers, one address or several; `places` fill in the configuration. Refused. `stack` ends it."""
        ...

    async def put(self, body: Mapping[str, Any], /) -> None:
        """A body of POST /v1/watches."""
        ...

    def counts(self) -> Mapping[tuple[str, str], int]:
        """Followed orders by source and phase."""
        ...

    @property
    def failed(self) -> "asyncio.Future[None]":
        """Done when there is nothing left to show."""
        ...


class OneProcess:
    """All in this process, kept in a file."""

    def __init__(self, port: int | None) -> None:
        self._port = port

    async def start(self, stack: AsyncExitStack, folder: Path, places: Mapping[str, str]) -> str:
        file = folder / "notifier.yaml"
        port = PORT if self._port is None else self._port
        file.write_text(play.CONFIG.format(backend=play.SQLITE.format(folder=folder), port=port, **places))
        config = load(file)
        app = self._app = App(config)
        await app.start()
        stack.push_async_callback(app.stop, 2.0)
        try:
            server = await start_api(app.desk, config.api.host, config.api.port)
        except Refused:
            if self._port is not None:
                raise
            server = await start_api(app.desk, config.api.host, 0)  # the usual port is taken: any other will do
        stack.push_async_callback(server.close)
        return f"http://{config.api.host}:{server.port}"

    async def put(self, body: Mapping[str, Any]) -> None:
        await self._app.desk.put(body)

    def counts(self) -> Mapping[tuple[str, str], int]:
        return self._app.desk.counts()

    @property
    def failed(self) -> "asyncio.Future[None]":
        return self._app.failed


class Demo:
    """One run; everything it keeps lies in a temporary folder, so that the next run begins anew."""

    def __init__(self, board: Board, service: Shown) -> None:
        self._board = board
        self._service = service
        self._story = play.Story()
        self._stopped = asyncio.Event()
        self._desk = Receiver(_own_keys, self._heard, SystemClock())
        self._people = Receiver(self._people_keys, self._told, SystemClock())
        self._mails = Mailroom()

    async def run(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        stopped = self._stopped
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notifier-demo-")))
            simulator = Simulator(speed=play.SPEED, seed=random.randrange(2**32))
            await simulator.start()
            stack.push_async_callback(simulator.close)
            for receiver in (self._desk, self._people, self._mails):
                await receiver.start()
                stack.push_async_callback(receiver.close)
            (folder / "secret").write_text(play.SECRET + "\n")
            self._story.mails = self._mails.url
            places = {
                "folder": str(folder),
                "url": simulator.url,
                "receiver": self._desk.url,
                "smtp": str(self._mails.smtp_port),
            }
            starting = asyncio.ensure_future(self._service.start(stack, folder, places))
            asked = asyncio.ensure_future(stopped.wait())
            await asyncio.wait((starting, asked), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            if not starting.done():
                starting.cancel()
                await asyncio.wait([starting])
                return
            if seconds is not None:
                loop.call_later(seconds, stopped.set)
            with self._board.open(starting.result(), self._story, self._service):
                feeding = asyncio.create_task(self._feed(simulator))
                await self._watch(stopped, self._service.failed)
                feeding.cancel()
                await asyncio.wait([feeding])
        self._board.farewell(self._story)

    async def _feed(self, simulator: Simulator) -> None:
        """Orders to begin with, then a new one every few seconds."""
        for number, body in enumerate(play.watches(self._people.url)):
            if number < play.BEGIN_WITH:
                # Those to begin with have been under way for a while, so that there is something to see at once.
                age = random.uniform(0, play.OLDEST)
                born = simulator.clock() - round(age * 1000)
                simulator.begin(play.APIS[body["source"]], body["ids"]["order_id"], born)
            await self._service.put(body)
            await asyncio.sleep(play.NEW_EVERY if number >= play.BEGIN_WITH else 0.05)

    async def _watch(self, stopped: asyncio.Event, failed: "asyncio.Future[None]") -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        asked = asyncio.create_task(stopped.wait())
        while not (asked.done() or failed.done()):
            self._board.draw(loop.time() - began, hints=loop.time() - began > HINTS_AFTER)
            await asyncio.wait((asked, failed), timeout=REDRAW, return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()

    def _heard(self, received: Received) -> None:
        if received.data is not None and received.attempt == 1:
            self._story.hear(received.data, received.type or "")

    def _told(self, received: Received) -> None:
        if received.data is not None and received.attempt == 1:
            try:
                self._board.told(self._story.tell(received.data))
            except BrokenPipeError:
                self._stopped.set()  # nobody looks any more: the farewell will find that out, too

    def _people_keys(self) -> list[SymmetricKey]:
        """Each person's webhook has a secret of its own, derived from the sink's for its URL."""
        urls = [play.address(self._people.url, person) for person in play.PEOPLE]
        return [key.derived(url) for key in _own_keys() for url in urls]


def _own_keys() -> list[SymmetricKey]:
    return [key for key in parse_keys(play.SECRET) if isinstance(key, SymmetricKey)]
