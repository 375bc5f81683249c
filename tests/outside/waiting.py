"""Conditions that come true, with a deadline."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable

PATIENCE = 25.0


Condition = Callable[[], object] | Callable[[], Awaitable[object]]


async def until(condition: Condition, what: object = "", within: float = PATIENCE) -> None:
    """Until `condition` is true. `what` (a text, or what makes one) is said when it never comes."""
    end = time.monotonic() + within
    while True:
        answer = condition()
        if await answer if inspect.isawaitable(answer) else answer:
            return
        if time.monotonic() > end:
            said = what() if callable(what) else what
            raise AssertionError(f"not within {within:g} s: {said or inspect.getsource(condition).strip()}")
        await asyncio.sleep(0.02)


async def never(condition: Condition, during: float, what: str) -> None:
    """`condition` stays false for `during` seconds: for what must not happen, where no event tells that it did not."""
    end = time.monotonic() + during
    while time.monotonic() < end:
        answer = condition()
        found = await answer if inspect.isawaitable(answer) else answer
        assert not found, f"{what}: {found}"
        await asyncio.sleep(0.02)
