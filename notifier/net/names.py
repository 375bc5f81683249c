"""Host names → addresses, so that a name whose servers are silent holds up nobody but who asks for it.

The system's resolver blocks, for 10 s and longer. An event loop asks it in a few threads that all share (libuv: in two
of its four), so that two silent names would stop every other lookup of the process.
"""

import asyncio
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TypeAlias

from aiohttp.abc import AbstractResolver, ResolveResult

AT_ONCE = 64
"""Lookups under way, each in a thread; who comes then waits. There is one for each name, whoever asks for it."""

Address: TypeAlias = tuple[socket.AddressFamily, str, int]
"""Family, literal (with its zone, where it is link-local) and port."""

Ask: TypeAlias = Callable[[str, int, socket.AddressFamily], Sequence[Address]]
"""Blocks; OSError (`gaierror`) where a name is not resolved."""

_NUMERIC = socket.NI_NUMERICHOST | socket.NI_NUMERICSERV


def system(host: str, port: int, family: socket.AddressFamily) -> Sequence[Address]:
    """What the system's resolver says, in its order (RFC 6724)."""
    found = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return [(kind, socket.getnameinfo(address, _NUMERIC)[0], port) for kind, _, _, _, address in found]


class Names:
    """Of one sink or source: those of another one are looked up beside. A lookup goes on when nobody waits any more."""

    def __init__(self, ask: Ask = system, at_once: int = AT_ONCE) -> None:
        self._ask = ask
        self._room = asyncio.Semaphore(at_once)
        self._under_way: dict[tuple[str, int, socket.AddressFamily], asyncio.Task[Sequence[Address]]] = {}

    async def find(self, host: str, port: int, family: socket.AddressFamily = socket.AF_UNSPEC) -> Sequence[Address]:
        """At least one; OSError. It has no time-out of its own."""
        name = (host, port, family)
        task = self._under_way.get(name)
        if task is None:
            task = self._under_way[name] = asyncio.create_task(self._found(*name), name="look up a name")
            task.add_done_callback(lambda done: self._ended(name, done))
        return await asyncio.shield(task)

    async def close(self) -> None:
        tasks = tuple(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    # --- inside ------------------------------------------------------------------------------------------------

    async def _found(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[Address]:
        async with self._room:
            return await _in_thread(lambda: self._ask(host, port, family))

    def _ended(self, name: tuple[str, int, socket.AddressFamily], task: "asyncio.Task[Sequence[Address]]") -> None:
        self._under_way.pop(name, None)
        if not task.cancelled():
            task.exception()  # who asked may have gone: then nobody looks at it, and that is no fault


class Resolver(AbstractResolver):
    """The same for aiohttp."""

    def __init__(self, names: Names | None = None) -> None:
        self._names = names or Names()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._names.find(host, port, family)
        flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        return [
            ResolveResult(hostname=host, host=literal, port=port, family=kind, proto=socket.IPPROTO_TCP, flags=flags)
            for kind, literal, port in found
        ]

    async def close(self) -> None:
        await self._names.close()


async def connected(names: Names, host: str, port: int) -> socket.socket:
    """A socket to the first of a host's addresses that takes a connection; OSError, of the last."""
    failed: OSError | None = None
    for family, literal, number in await names.find(host, port):
        try:
            return await _connected(family, literal, number)
        except OSError as error:
            failed = error
    assert failed is not None
    raise failed


async def _connected(family: socket.AddressFamily, literal: str, port: int) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, (literal, port))
    except BaseException:
        sock.close()
        raise
    return sock


async def _in_thread(work: Callable[[], Sequence[Address]]) -> Sequence[Address]:
    """In one that nobody waits for, at the end of the process neither: the resolver cannot be interrupted."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Sequence[Address]] = loop.create_future()

    def settle(found: Sequence[Address], error: Exception | None) -> None:
        if answer.done():
            return
        if error is None:
            answer.set_result(found)
        else:
            answer.set_exception(error)

    def run() -> None:
        found: Sequence[Address] = ()
        failed: Exception | None = None
        try:
            found = work()
        except Exception as error:
            failed = error
        with suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, found, failed)

    threading.Thread(target=run, name="look up a name", daemon=True).start()
    return await answer
