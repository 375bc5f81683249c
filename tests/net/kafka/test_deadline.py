"""Deadlines round a client's calls, and cancellations that nobody asked for."""

import asyncio

import pytest
from aiokafka.errors import KafkaConnectionError, ProducerFenced

from notifier.errors import LeaseLost, Unavailable
from notifier.net.kafka.deadline import within


async def test_what_never_ends_is_broken_off() -> None:
    with pytest.raises(Unavailable, match=r"committing: no answer from the brokers within 0\.01 s"):
        async with within(0.01, "committing"):
            await asyncio.Event().wait()


async def test_a_result_in_time_is_given() -> None:
    async with within(10, "reading"):
        result = await asyncio.sleep(0, 7)
    assert result == 7


async def test_a_cancellation_that_nobody_asked_for_is_an_error() -> None:
    async def stop() -> None:
        raise asyncio.CancelledError

    with pytest.raises(Unavailable, match="stopping: broken off by the client"):
        async with within(10, "stopping"):
            await stop()


async def test_a_cancellation_that_was_asked_for_goes_through() -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with within(10, "reading"):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_time_out_of_the_clients_own_is_told_from_the_deadline() -> None:
    with pytest.raises(Unavailable, match="did not answer in time"):
        async with within(10, "reading"):
            raise TimeoutError


async def test_errors_are_those_of_the_table() -> None:
    with pytest.raises(LeaseLost) as caught:
        async with within(10, "committing"):
            raise ProducerFenced
    assert isinstance(caught.value.__cause__, ProducerFenced)
    with pytest.raises(Unavailable, match="writing: "):
        async with within(10, "writing"):
            raise KafkaConnectionError("…")


async def test_other_errors_are_nobodys_but_ours() -> None:
    with pytest.raises(KeyError):
        async with within(10, "writing"):
            raise KeyError("…")
