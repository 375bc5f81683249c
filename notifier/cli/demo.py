"""`notifier demo`: simulated order APIs, the service and a webhook receiver in one process, nothing to configure."""

import asyncio
import random
import signal
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import click
import uvloop

from notifier import demo as play
from notifier import log
from notifier.api.server import start_api
from notifier.app import App
from notifier.cli.board import Board, LiveBoard, PlainBoard
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.errors import Refused
from notifier.simulator.server import Simulator
from notifier.sinks.receiver import Received, Receiver
from notifier.sinks.signing import SymmetricKey, parse_keys

PORT = 8080
HINTS_AFTER = 60.0  # seconds
REDRAW = 0.25  # seconds


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=None, help=f"Of the API; default {PORT}, or a free one.")
@click.option("--seconds", type=click.FloatRange(min=0.1), default=None, help="End by itself after so long.")
def demo(port: int | None, seconds: float | None) -> None:
    """See it work: orders are followed, changes detected, people told. Ctrl-C ends it."""
    log.set_up("error", "console")
    board: Board = LiveBoard() if sys.stdout.isatty() else PlainBoard()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(Demo(board).run(port, seconds))


class Demo:
    """One run; everything it keeps lies in a temporary folder, so that the next run begins anew."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._story = play.Story()
        self._desk = Receiver(_own_keys, self._heard, SystemClock())
        self._people = Receiver(self._people_keys, self._told, SystemClock())

    async def run(self, port: int | None, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        stopped = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        if seconds is not None:
            loop.call_later(seconds, stopped.set)
        async with AsyncExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="notifier-demo-")))
            simulator = Simulator(speed=play.SPEED, seed=random.randrange(2**32))
            await simulator.start()
            stack.push_async_callback(simulator.close)
            for receiver in (self._desk, self._people):
                await receiver.start()
                stack.push_async_callback(receiver.close)
            app, address = await self._start(stack, folder, simulator.url, port)
            with self._board.open(address, self._story, app.desk):
                feeding = asyncio.create_task(self._feed(app, simulator))
                await self._watch(stopped, app.failed)
                feeding.cancel()
                await asyncio.wait([feeding])
        self._board.farewell(self._story)

    async def _start(self, stack: AsyncExitStack, folder: Path, url: str, port: int | None) -> tuple[App, str]:
        file = folder / "notifier.yaml"
        (folder / "secret").write_text(play.SECRET + "\n")
        port_or_usual = PORT if port is None else port
        file.write_text(play.CONFIG.format(folder=folder, url=url, receiver=self._desk.url, port=port_or_usual))
        config = load(file)
        app = App(config)
        await app.start()
        stack.push_async_callback(app.stop, 2.0)
        try:
            server = await start_api(app.desk, config.api.host, config.api.port)
        except Refused:
            if port is not None:
                raise
            server = await start_api(app.desk, config.api.host, 0)  # the usual port is taken: any other will do
        stack.push_async_callback(server.close)
        return app, f"http://{config.api.host}:{server.port}"

    async def _feed(self, app: App, simulator: Simulator) -> None:
        """Orders to begin with, then a new one every few seconds."""
        for number, body in enumerate(play.watches(self._people.url)):
            if number < play.BEGIN_WITH:
                # Those to begin with have been under way for a while, so that there is something to see at once.
                age = random.uniform(0, play.OLDEST)
                born = simulator.clock() - round(age * 1000)
                simulator.begin(play.APIS[body["source"]], body["ids"]["order_id"], born)
            await app.desk.put(body)
            await asyncio.sleep(play.NEW_EVERY if number >= play.BEGIN_WITH else 0.05)

    async def _watch(self, stopped: asyncio.Event, failed: asyncio.Task[None]) -> None:
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
            self._board.told(self._story.tell(received.data))

    def _people_keys(self) -> list[SymmetricKey]:
        """Each person's webhook has a secret of its own, derived from the sink's for its URL."""
        urls = [play.address(self._people.url, person) for person in play.PEOPLE]
        return [key.derived(url) for key in _own_keys() for url in urls]


def _own_keys() -> list[SymmetricKey]:
    return [key for key in parse_keys(play.SECRET) if isinstance(key, SymmetricKey)]
