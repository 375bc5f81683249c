"""Group commit of a file: what waits while a transaction runs goes together in the next one."""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from notifier.backends.sqlite.file import File, Work
from notifier.errors import LeaseLost, Unavailable

T = TypeVar("T")

MOST_TOGETHER = 256


class _Waiting(NamedTuple):
    work: Work
    done: "asyncio.Future[Any]"


class Group:
    """`on_written` hears the newest numbers after each transaction, `on_failed` why one did not come about."""

    def __init__(
        self,
        file: File,
        on_written: Callable[[dict[str, int]], None],
        on_failed: Callable[[Unavailable | LeaseLost], None],
    ) -> None:
        self._file = file
        self._on_written = on_written
        self._on_failed = on_failed
        self._waiting: deque[_Waiting] = deque()
        self._task: asyncio.Task[None] | None = None

    async def write(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Unavailable or LeaseLost. Cancelled before its transaction began it is not written; after, nobody knows."""
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Waiting(work, done))
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run(), name="group commit")
        return await done

    async def drain(self) -> None:
        """Until nothing waits."""
        while self._task is not None:
            await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            while self._waiting:
                together = [self._waiting.popleft() for _ in range(min(len(self._waiting), MOST_TOGETHER))]
                together = [each for each in together if not each.done.done()]
                if together:
                    await self._together(together)
        finally:
            self._task = None

    async def _together(self, together: list[_Waiting]) -> None:
        try:
            results, newest = await self._file.write([each.work for each in together])
        except Exception as error:
            results, newest = [error] * len(together), {}
        if newest:
            self._on_written(newest)
        for result in results:
            if isinstance(result, Unavailable | LeaseLost):
                self._on_failed(result)
                break
        for each, result in zip(together, results, strict=True):
            if each.done.done():
                continue
            if isinstance(result, Exception):
                each.done.set_exception(result)
            else:
                each.done.set_result(result)
