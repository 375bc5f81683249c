"""A simulator in a thread of its own, for callers without an event loop, or with one that must not be shared."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager

from notifier.simulator.server import Simulator


@contextmanager
def running(simulator: Simulator | None = None) -> Iterator[Simulator]:
    """Serve `simulator` (a new one by default) until the block ends. Raises what `start` raises."""
    served = simulator or Simulator()
    started: Future[asyncio.AbstractEventLoop] = Future()
    stop = asyncio.Event()
    thread = threading.Thread(target=asyncio.run, args=(_serve(served, started, stop),), name="simulator", daemon=True)
    thread.start()
    try:
        loop = started.result()
        try:
            yield served
        finally:
            loop.call_soon_threadsafe(stop.set)
    finally:
        thread.join()


async def _serve(simulator: Simulator, started: Future[asyncio.AbstractEventLoop], stop: asyncio.Event) -> None:
    try:
        await simulator.start()
    except Exception as error:  # whatever it is, it belongs to the thread that waits for the start
        started.set_exception(error)
        return
    started.set_result(asyncio.get_running_loop())
    try:
        await stop.wait()
    finally:
        await simulator.close()
