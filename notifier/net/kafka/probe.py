"""Why a client could not connect: aiokafka says 'unable to bootstrap', and the cause only to its log."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.conn import CloseReason, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from notifier.errors import Refused
from notifier.net.kafka.errors import MAPPED, detail, row

PATIENCE = 5.0  # seconds for all brokers


async def cause(servers: Sequence[str], options: Mapping[str, Any], patience: float = PATIENCE) -> BaseException | None:
    """Tries each broker once more: an error that somebody must do something about, else any; None: one answered."""
    told = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    asked = [asyncio.ensure_future(_ask(host, port, told)) for host, port, _ in collect_hosts(list(servers))]
    try:
        await asyncio.wait(asked, timeout=patience)
        ended = [each for each in asked if each.done()]
        failures = [error for each in ended if (error := each.result()) is not None]
        if len(failures) < len(ended):
            return None
        return next((error for error in failures if row(error).error is Refused), (*failures, TimeoutError())[0])
    finally:
        for each in asked:
            each.cancel()
        await asyncio.gather(*asked, return_exceptions=True)


async def _ask(host: str, port: int, options: Mapping[str, Any]) -> Exception | None:
    """Any request but the first is answered to those alone who logged in where they must."""
    try:
        connection = await create_conn(host, port, **options)
        try:
            await connection.send(MetadataRequest([]))
        finally:
            connection.close(reason=CloseReason.SHUTDOWN)
    except MAPPED as error:
        return error
    return None


def words(error: BaseException, protocol: str) -> str:
    """What such an error means to who set `security.protocol`; without any address."""
    hung_up = isinstance(error, KafkaConnectionError) and "closed" in str(error)
    if hung_up or isinstance(error, ConnectionResetError | BrokenPipeError):
        # TCP stood, and then the other side hung up: what a TLS listener does to plain clients, and the reverse.
        said = f"a broker hung up: does its listener speak {protocol}? Else correct security.protocol"
        return f"{said}. It may want a certificate, too: security.cert_file" if protocol.endswith("SSL") else said
    said = str(error.args[0]) if error.args and "no token" in str(error.args[0]) else detail(error)
    return f"{row(error).words} ({said})"
