"""`notifier simulate`: the order APIs alone, to try a configuration against."""

import asyncio
import signal
from pathlib import Path

import click

from notifier.cli import options, show
from notifier.errors import ConfigError, NotifierError, Problem
from notifier.simulator.faults import Fault, read_faults
from notifier.simulator.server import Simulator


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True)
@click.option("--port", type=click.IntRange(0, 65535), default=8090, show_default=True, help="0: a free one.")
@click.option("--seed", type=int, default=0, show_default=True, help="Of every draw: the same seed, the same lives.")
@click.option(
    "--speed",
    type=click.FloatRange(min=0, min_open=True),
    default=1.0,
    show_default=True,
    help="How much faster orders live.",
)
@click.option("--faults", type=options.FILE, help="A fault, or a list of them, as JSON.")
@options.as_json
def simulate(host: str, port: int, seed: int, speed: float, faults: Path | None, as_json: bool) -> None:
    """Serve the five order APIs, until interrupted. Any token is accepted, any order id has a life."""
    simulator = Simulator(seed, speed=speed, faults=[] if faults is None else _faults(faults))
    asyncio.run(_serve(simulator, host, port, as_json))


def _faults(path: Path) -> list[Fault]:
    try:
        return read_faults(path.read_bytes())
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror}")]) from None
    except ValueError as error:
        raise ConfigError([Problem(str(path), str(error))]) from None


async def _serve(simulator: Simulator, host: str, port: int, as_json: bool) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):  # its ordinary end, as that of any server
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        url = await simulator.start(host, port)
    except OSError as error:
        raise NotifierError(f"cannot listen on {host}, port {port}: {error.strerror or error}; try --port") from None
    try:
        if as_json:
            show.json_line({"url": url, "base_urls": simulator.base_urls, "token_url": simulator.token_url})
        else:
            show.line(f"the order APIs are at {url}, tokens at {simulator.token_url}")
            show.line(f"what is true of an order: {url}/sim/timeline/{{api}}/{{order}}")
        await ended.wait()
    finally:
        await simulator.close()
