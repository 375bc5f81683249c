"""The end of a shard's clients, whatever comes between."""

import asyncio

import pytest

from notifier.backends.kafka.holder import _whole


async def test_what_is_closing_closes_although_its_shard_is_handed_over_meanwhile() -> None:
    """Cut off, it would stay half open: connections that live on, and an error in the log when they are collected."""
    began, may_end = asyncio.Event(), asyncio.Event()
    closed: list[str] = []

    async def client(name: str) -> None:
        began.set()
        await may_end.wait()
        closed.append(name)

    task = asyncio.get_running_loop().create_task(_whole(client("writer"), client("reader")))
    await began.wait()
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert closed == ["writer", "reader"]
