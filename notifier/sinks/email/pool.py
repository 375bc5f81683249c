"""A few connections to one mail server, used again while they stand."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from aiosmtplib import errors as smtp

from notifier.sinks.email.compose import Mail
from notifier.sinks.email.dialogue import Connection, Stage
from notifier.sinks.email.failures import CLOSING

IDLE = 30.0  # seconds for which an unused connection is kept; servers end them after minutes
TO_ANSWER = 3.0  # seconds within which a used connection must show that it still stands


class Pool:
    """At most `size` mails under way at once; who comes then waits for his turn."""

    def __init__(self, make: Callable[[], Connection], size: int) -> None:
        self._make = make
        self._slots = asyncio.Semaphore(size)
        self._idle: list[tuple[Connection, asyncio.TimerHandle]] = []
        self._ending: set[asyncio.Task[None]] = set()
        self._closed = False

    async def deliver(self, mail: Mail, stage: Stage) -> None:
        """Returns when the server has accepted it.

        A connection that was used before may be stale. As long as nothing of the mail was handed over, another one
        takes its place; after that nobody knows what the server has, and the attempt fails.
        """
        async with self._slots:
            connection = self._take()
            if connection is None or not await self._addressed(connection, mail, stage):
                connection = await self._opened(mail, stage)
            with self._going_on(connection):
                await connection.hand_over(mail, stage)
            self._release(connection)

    async def close(self) -> None:
        self._closed = True
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            self._end(connection)
        if self._ending:
            await asyncio.wait(self._ending)

    # --- inside ------------------------------------------------------------------------------------------------

    async def _addressed(self, connection: Connection, mail: Mail, stage: Stage) -> bool:
        """Whether a used connection still serves."""
        try:
            async with asyncio.timeout(TO_ANSWER):
                await connection.reset(stage)
        except (smtp.SMTPException, OSError):
            connection.abort()
            return False
        except BaseException:
            connection.abort()
            raise
        try:
            with self._going_on(connection):
                await connection.address(mail, stage)
        except smtp.SMTPServerDisconnected:
            return False
        except smtp.SMTPResponseException as answer:
            if answer.code != CLOSING:
                raise
            return False
        return True

    async def _opened(self, mail: Mail, stage: Stage) -> Connection:
        if self._closed:
            raise smtp.SMTPServerDisconnected("closed")
        connection = self._make()
        try:
            await connection.open(stage)
        except BaseException:
            connection.abort()
            raise
        with self._going_on(connection):
            await connection.address(mail, stage)
        return connection

    @contextmanager
    def _going_on(self, connection: Connection) -> Iterator[None]:
        """The dialogue goes on after a server's no to one mail; any other error ends the connection."""
        try:
            yield
        except smtp.SMTPResponseException as answer:
            if answer.code == CLOSING or not 400 <= answer.code < 600:
                connection.abort()
            else:
                self._release(connection)
            raise
        except BaseException:
            connection.abort()
            raise

    def _take(self) -> Connection | None:
        """The one used last: the others come to their end by themselves."""
        while self._idle:
            connection, timer = self._idle.pop()
            timer.cancel()
            if connection.usable:
                return connection
            connection.abort()
        return None

    def _release(self, connection: Connection) -> None:
        if self._closed or not connection.usable:
            connection.abort()
            return
        timer = asyncio.get_running_loop().call_later(IDLE, self._expire, connection)
        self._idle.append((connection, timer))

    def _expire(self, connection: Connection) -> None:
        self._idle = [entry for entry in self._idle if entry[0] is not connection]
        self._end(connection)

    def _end(self, connection: Connection) -> None:
        task = asyncio.get_running_loop().create_task(connection.quit(), name="quit mail server")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)
