"""The end of a client, whatever state it is in: bounded, quiet, and with nothing of it left running."""

import asyncio
from collections.abc import Awaitable, Iterator
from typing import TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import ProducerClosed

from notifier.net.kafka.transactions import Transactions

log = structlog.get_logger()

PATIENCE = 5.0  # seconds for an ordinary stop: what is pending is sent, a group is left
LAST = 1.0  # seconds for each of the steps after it

Client: TypeAlias = AIOKafkaProducer | AIOKafkaConsumer | AIOKafkaAdminClient | Transactions


async def end(client: Client, patience: float = PATIENCE) -> None:
    """Stops it; after `patience` seconds, or when its stop() fails, by force. Never raises, unless cancelled itself.

    stop() of aiokafka waits for ever for a broker that is gone, and may raise CancelledError that nobody asked for.
    """
    if patience <= 0 and isinstance(client, AIOKafkaProducer):
        _give_up(client)
    stop = client.close() if isinstance(client, AIOKafkaAdminClient) else client.stop()
    if not await _finished(stop, max(patience, LAST)) or _lives(client):  # it does nothing when it was cut off before
        await _by_force(client)
    if isinstance(client, AIOKafkaProducer):
        _hear_out(client)


async def _by_force(client: Client) -> None:
    """Without its connections whatever it waits for fails; then its tasks, which stop() may have left behind."""
    if isinstance(client, AIOKafkaProducer):
        _give_up(client)
    await _finished(_connections(client).close(), LAST)
    tasks = set(_tasks(client))
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LAST)
    log.debug("kafka_client_ended_by_force", client=type(client).__name__)


def _give_up(producer: AIOKafkaProducer) -> None:
    """What was not sent yet never is: its senders are told."""
    producer._message_accumulator.fail_all(ProducerClosed())


def _hear_out(producer: AIOKafkaProducer) -> None:
    """asyncio would report each of these errors as never retrieved, once for each fencing."""
    transactions = producer._txn_manager
    waiters = [transactions._transaction_waiter, transactions._pid_waiter] if transactions else []
    for waiter in (*waiters, producer._sender.sender_task):
        if waiter is not None and waiter.done() and not waiter.cancelled():
            waiter.exception()


def _tasks(client: Client) -> Iterator[asyncio.Task[None]]:
    """Whatever a client's parts hold that still runs."""
    for part in (getattr(client, name, None) for name in ("_sender", "_fetcher", "_coordinator")):
        held = list(vars(part).values()) if part is not None else []
        held += getattr(part, "_pending_tasks", ())
        yield from (each for each in held if isinstance(each, asyncio.Task) and not each.done())


def _lives(client: Client) -> bool:
    connections = _connections(client)
    return connections._sync_task is not None or any(each.connected() for each in connections._conns.values())


def _connections(client: Client) -> AIOKafkaClient:
    return client.client if isinstance(client, AIOKafkaProducer | Transactions) else client._client


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
