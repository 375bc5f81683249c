"""Asking a backend until it answers."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import structlog

from notifier.errors import Unavailable

log = structlog.get_logger()

T = TypeVar("T")

TRY_AGAIN = 1.0  # seconds between tries


async def until_available(ask: Callable[[], Awaitable[T]], event: str, **context: object) -> T:
    """What `ask` returns, once it is no longer Unavailable; each try in vain is logged as `event`."""
    while True:
        try:
            return await ask()
        except Unavailable as error:
            log.warning(event, reason=str(error), **context)
            await asyncio.sleep(TRY_AGAIN)
