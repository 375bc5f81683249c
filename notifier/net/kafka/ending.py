"""The end of a client, whatever state it is in: bounded, quiet, and with nothing of it left running."""

import asyncio
from collections.abc import Awaitable
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ProducerClosed

log = structlog.get_logger()

PATIENCE = 5.0  # seconds for an ordinary stop: what is pending is sent, a group is left
LAST = 1.0  # seconds for what is left after it

Client: TypeAlias = AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient


async def end(client: Client, patience: float = PATIENCE) -> None:
    """Stops it; after `patience` seconds, or when its stop() fails, by force. Never raises, unless cancelled itself.

    stop() of aiokafka waits for ever for a broker that is gone, and may raise CancelledError that nobody asked for.
    """
    calm = await _finished(client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop(), patience)
    if isinstance(client, AIOKafkaProducer):
        await _end_producer(client)
    if not calm:
        await _finished(_connections(client).close(), LAST)
        log.debug("kafka_client_ended_by_force", client=type(client).__name__)


async def _end_producer(producer: AIOKafkaProducer) -> None:
    """Its sender, and those who wait for a batch of it or for its transaction."""
    sender = producer._sender.sender_task
    if sender is not None and not sender.done():
        producer._message_accumulator.fail_all(ProducerClosed())
        sender.cancel()
        await asyncio.wait([sender], timeout=LAST)
    transactions = producer._txn_manager
    for waiter in (transactions._transaction_waiter, transactions._pid_waiter) if transactions else ():
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()  # else asyncio would report it as never retrieved, once for each fencing
    if sender is not None and sender.done() and not sender.cancelled():
        sender.exception()


def _connections(client: Client) -> AIOKafkaClient:
    return client.client if isinstance(client, AIOKafkaProducer) else client._client


async def _finished(stop: Awaitable[None], seconds: float) -> bool:
    """Whether it ended by itself, in time and without an error."""
    task = asyncio.ensure_future(stop)
    try:
        await asyncio.wait([task], timeout=seconds)
        if not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=LAST)
            return False
    except asyncio.CancelledError:
        task.cancel()
        raise
    if task.cancelled():
        return False
    error = task.exception()
    if error is not None:
        log.debug("kafka_stop_failed", error=type(error).__name__)
    return error is None
