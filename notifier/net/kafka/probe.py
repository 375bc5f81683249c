"""Why a client could not connect: aiokafka says 'unable to bootstrap', and the cause only to its log."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from aiokafka.conn import CloseReason, collect_hosts, create_conn
from aiokafka.errors import KafkaConnectionError
from aiokafka.protocol.metadata import MetadataRequest

from notifier.errors import BackendError, Refused
from notifier.net.kafka.errors import MAPPED, detail, row

PATIENCE = 5.0  # seconds for all brokers


async def cause(servers: Sequence[str], options: Mapping[str, Any], doing: str) -> BackendError | None:
    """Tries each broker once more. What somebody must do something about comes first; None: one answered now."""
    told = {name: value for name, value in options.items() if name != "bootstrap_servers"}
    asked = [asyncio.ensure_future(_ask(host, port, told)) for host, port, _ in collect_hosts(list(servers))]
    await asyncio.wait(asked, timeout=PATIENCE)
    failures: list[BaseException] = []
    for each in asked:
        if not each.done():
            each.cancel()
            failures.append(TimeoutError())
        elif (error := each.result()) is None:
            return None
        else:
            failures.append(error)
    await asyncio.gather(*asked, return_exceptions=True)
    worst = next((error for error in failures if row(error).error is Refused), failures[0])
    return row(worst).error(f"{doing}: {_words(worst, str(options['security_protocol']))}")


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


def _words(error: BaseException, protocol: str) -> str:
    found = row(error)
    if isinstance(error, KafkaConnectionError | ConnectionResetError | BrokenPipeError):
        # TCP stood, and then the other side hung up: what a TLS listener does to plain clients, and the reverse.
        said = f"a broker hung up: does its listener speak {protocol}? Else correct security.protocol"
        return f"{said}. It may want a certificate, too: security.cert_file" if protocol.endswith("SSL") else said
    said = str(error.args[0]) if error.args and "no token" in str(error.args[0]) else detail(error)
    return f"{found.words} ({said})"
