"""A deadline round every call of a client: without one, send, commit and stop wait for ever when the broker is gone."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from notifier.errors import Unavailable
from notifier.net.kafka.errors import MAPPED, failure


@asynccontextmanager
async def within(seconds: float, doing: str) -> AsyncIterator[None]:
    """`async with within(5, "reading p 3"): …`: Refused, Unavailable or LeaseLost by the table of errors.

    A cancellation that nobody asked of this task (aiokafka lets such ones out) is Unavailable, too.
    """
    task = asyncio.current_task()
    before = task.cancelling() if task else 0
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            yield
    except asyncio.CancelledError:
        if task and task.cancelling() > before:
            raise
        raise Unavailable(f"{doing}: broken off by the client") from None
    except MAPPED as error:
        if isinstance(error, TimeoutError) and limit.expired():
            raise Unavailable(f"{doing}: no answer from the brokers within {seconds:g} s") from None
        raise failure(error, doing) from error
