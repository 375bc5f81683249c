"""`notifier run`: the service, from its configuration to its last signal."""

import asyncio
import contextlib
import gc
import os
import signal
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, NoReturn

import click
import structlog
import uvloop

from notifier import __version__, log
from notifier.api.server import ApiServer, start_api
from notifier.app import App
from notifier.cli import options
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.config.model import Config

_log = structlog.get_logger()

COLLECT_AFTER = 20_000
"""Objects made between two looks of the garbage collector: after 700, its default, it takes a sixth of a busy replica's
time, and next to nothing of what it looks at is garbage."""


@click.command()
@options.config_file
def run(config: Path) -> None:
    """Run the service until SIGTERM or Ctrl-C, then stop cleanly within `shutdown_grace`."""
    settings = load(config)
    log.set_up(settings.log.level, settings.log.format)
    gc.set_threshold(COLLECT_AFTER, 10, 10)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        code = runner.run(serve(settings))
    raise click.exceptions.Exit(code)


async def serve(config: Config) -> int:
    """0 after a signal, 1 when a loop of the service has died. Refused when it cannot start."""
    stop = Stop(config.shutdown_grace / 1000)
    app = App(config, clock=SystemClock())
    code, refused = 0, True
    try:
        if await stop.before(app.start()):
            code = await _until_asked(app, config, stop)
        refused = False
    finally:
        stop.begin()
        stopped = await _stop(app, stop.left() * 0.9)
        stop.end()
        if stopped and not refused:  # what never ran is not said to have stopped
            _log.info("stopped")
    return code if stopped else 1


async def _until_asked(app: App, config: Config, stop: "Stop") -> int:
    server = await start_api(app.desk, config.api.host, config.api.port)
    _log.info("listening", url=_url(config.api.host, server.port), version=__version__)
    try:
        await asyncio.wait({stop.asked, app.failed}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stop.begin()
        await _close(server, stop.left() * 0.3)
    if not app.failed.done():
        _log.info("stopping")
        return 0
    error = None if app.failed.cancelled() else app.failed.exception()
    _log.error("service_failed", error=type(error).__name__, exc_info=error)
    return 1


async def _stop(app: App, within: float) -> bool:
    """Whether it went well. What fails here must hide neither the exit code nor the error that led here."""
    try:
        await app.stop(within)
    except Exception as error:
        _log.exception("stop_failed", error=type(error).__name__)
        return False
    return True


async def _close(server: ApiServer, within: float) -> None:
    """Answers on their way may end; those that do not must not use up what the rest of the stop needs."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.close(), within)


def _url(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Stop:
    """A clean stop when SIGTERM or SIGINT asks for one, and a hard one when it takes longer than `grace` seconds.

    The clean one needs the loop; the hard one is a thread, for a loop that hangs. A second signal does not wait.
    """

    def __init__(self, grace: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._grace = grace
        self._deadline: float | None = None
        self._timer = threading.Timer(grace, _give_up, (f"not stopped within {grace:g} s: shutdown_grace is over", 1))
        self._timer.daemon = True
        self.asked: asyncio.Future[None] = self._loop.create_future()
        for number in (signal.SIGTERM, signal.SIGINT):
            self._loop.add_signal_handler(number, self._signalled, number)

    def _signalled(self, number: signal.Signals) -> None:
        if self.asked.done():
            _give_up("interrupted again: not stopped cleanly", 128 + number)
        self.asked.set_result(None)
        self.begin()

    def begin(self) -> None:
        """From now on the time is limited."""
        if self._deadline is None:
            self._deadline = self._loop.time() + self._grace
            self._timer.start()

    def left(self) -> float:
        """Seconds; never nothing."""
        assert self._deadline is not None
        return max(0.05, self._deadline - self._loop.time())

    def end(self) -> None:
        self._timer.cancel()

    async def before(self, start: Coroutine[Any, Any, None]) -> bool:
        """Whether this was done before a stop was asked for; if not, it is cancelled."""
        starting = asyncio.ensure_future(start)
        await asyncio.wait({starting, self.asked}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            await asyncio.wait({starting})
            return False
        starting.result()
        return True


def _give_up(message: str, code: int) -> NoReturn:
    with contextlib.suppress(OSError):  # nowhere to say it: still end
        os.write(2, f"{message}\n".encode())
    os._exit(code)
