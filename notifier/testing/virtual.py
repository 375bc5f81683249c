"""An event loop on virtual time: waiting costs nothing, and a run replays exactly.

The loop never sleeps: when nothing is ready it moves its own clock to the next timer. Real sockets work on it, but time
then jumps while they wait: keep it for programs whose fakes are in this process.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Mapping
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from notifier.model import Instant

P = ParamSpec("P")
T = TypeVar("T")

START: Instant = 1_795_258_800_000  # 2026-11-21T11:00:00Z


class Deadlock(RuntimeError):
    """Nothing is ready, no timer is set, and no thread answers: the program would wait for ever."""


class _Selector(selectors.BaseSelector):
    """Asks the real selector without waiting, and lets the loop's clock pass instead."""

    def __init__(self, advance: Callable[[float], None]) -> None:
        self._real = selectors.DefaultSelector()
        self._advance = advance

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = self._real.select(0)
        if ready or timeout == 0:
            return ready
        if timeout is None:
            # Only a thread (or a signal) could go on; give it a bounded real while.
            ready = self._real.select(3)
            if not ready:
                raise Deadlock("nothing is ready and no timer is set")
            return ready
        self._advance(max(timeout, 0.0))
        return ready

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class VirtualLoop(asyncio.SelectorEventLoop):
    """`time()` begins at 0 and passes only while everybody waits."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__(_Selector(self._pass))

    def _pass(self, seconds: float) -> None:
        self._virtual += seconds

    def time(self) -> float:
        return self._virtual


class VirtualClock:
    """The `Clock` of a virtual loop: wall time is `start` plus what has passed on the loop, plus `skew` ms."""

    def __init__(self, start: Instant = START) -> None:
        self.start = start
        self.skew = 0

    def now(self) -> Instant:
        return self.start + self.skew + round(asyncio.get_running_loop().time() * 1000)

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()


def run(main: Callable[[], Awaitable[T]]) -> T:
    """Runs `main()` to its end on a loop of its own; tasks that it leaves behind are an error."""

    async def whole() -> T:
        result = await main()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        if left:
            raise RuntimeError(f"left running: {left}")
        return result

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(whole())


def virtually(test: Callable[P, Awaitable[None]]) -> Callable[P, None]:
    """A test, by `run`."""

    @wraps(test)
    def on_loop(*args: P.args, **kwargs: P.kwargs) -> None:
        run(lambda: test(*args, **kwargs))

    return on_loop
