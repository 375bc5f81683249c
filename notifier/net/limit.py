"""One time-out for all requests of a client. They may take equally long, so who began first is the first to be late:
one timer is enough, where a timer for each would cost as much as reading its answer.
"""

import asyncio
from types import TracebackType


class Limit:
    """Of `seconds`, from each request's own beginning."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._ends: dict[_Limited, float] = {}  # in the order of the beginnings, which is that of the ends
        self._timer: asyncio.TimerHandle | None = None

    def each(self) -> "_Limited":
        """A block that ends in TimeoutError when it takes too long, as with `asyncio.timeout`."""
        return _Limited(self)

    def close(self) -> None:
        """What is still under way ends by other means."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begin(self, limited: "_Limited") -> None:
        loop = asyncio.get_running_loop()
        end = self._ends[limited] = loop.time() + self._seconds
        if self._timer is None:
            self._timer = loop.call_at(end, self._fire, loop)

    def end(self, limited: "_Limited") -> None:
        self._ends.pop(limited, None)

    def _fire(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        while self._ends:
            limited, end = next(iter(self._ends.items()))
            if end > now:
                self._timer = loop.call_at(end, self._fire, loop)
                return
            del self._ends[limited]
            limited.expire()


class _Limited:
    """See `asyncio.Timeout`, whose rules these are: another's cancellation is not ours to end."""

    __slots__ = ("_before", "_expired", "_limit", "_task")

    def __init__(self, limit: Limit) -> None:
        self._limit = limit
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._before = task.cancelling()
        self._limit.begin(self)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._limit.end(self)
        if self._expired and self._task.uncancel() <= self._before and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def expire(self) -> None:
        self._expired = True
        self._task.cancel()
