"""Whether a sink's other side can be reached, without telling anybody anything: `notifier check --live`."""

import asyncio
import os
import socket
import ssl
from typing import NamedTuple
from urllib.parse import urlsplit

from notifier.errors import LookFailed
from notifier.net.guard import Guard
from notifier.net.names import Names, connected


class Reached(NamedTuple):
    """`ok` None: it cannot be tried without a message. `said`: in words, without a secret or an address."""

    ok: bool | None
    said: str


async def connects(url: str, timeout: int) -> Reached:
    """Whether the server of an http or https URL takes a connection, encrypted where it is to be; `timeout` in ms."""
    parts = urlsplit(url)
    encrypted, host = parts.scheme == "https", parts.hostname or ""
    names = Names()
    try:
        async with asyncio.timeout(timeout / 1000):
            sock = await connected(names, host, parts.port or (443 if encrypted else 80))
            with sock:
                if encrypted:
                    await _encrypt(sock, host)
    except OSError as error:
        return Reached(False, _words(error))
    finally:
        await names.close()
    return Reached(True, "connected; nothing was sent, so the account was not tried")


async def allowed(url: str, networks: tuple[str, ...], timeout: int) -> Reached:
    """Whether somebody else's URL may be sent to: its name is resolved, and the addresses are judged."""
    guard, names = Guard(networks), Names()
    parts = urlsplit(url)
    plain = parts.scheme == "http"
    try:
        guard.check_url(url)
        if plain and (refusal := guard.refuses_plain):
            return Reached(False, f"forbidden_target: {refusal}")
        async with asyncio.timeout(timeout / 1000):
            found = await names.find(parts.hostname or "", parts.port or (80 if plain else 443))
    except LookFailed as refused:
        return Reached(False, str(refused))
    except OSError as error:
        return Reached(False, _words(error))
    finally:
        await names.close()
    refusals = [guard.refusal(literal, plain=plain) for _, literal, _ in found]
    if all(refusals):
        return Reached(False, f"forbidden_target: {refusals[0]}")
    return Reached(True, "its address may be sent to; nothing was sent")


async def _encrypt(sock: socket.socket, host: str) -> None:
    tls = ssl.create_default_context()
    transport, _ = await asyncio.get_running_loop().create_connection(
        asyncio.Protocol, sock=sock.dup(), ssl=tls, server_hostname=host
    )
    transport.abort()


def _words(error: OSError) -> str:
    """A library's own words carry hosts and addresses."""
    match error:
        case socket.gaierror():
            return "host name not resolved"
        case ssl.SSLCertVerificationError():
            return f"certificate not valid: {error.verify_message.partition(',')[0]}"
        case ssl.SSLError():
            return "no TLS connection"
        case TimeoutError():
            return "no answer in time"
    return f"not connected: {os.strerror(error.errno)}" if error.errno else "not connected"
