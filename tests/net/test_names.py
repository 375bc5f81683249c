"""Looking up names: one that nobody answers for holds up nobody else, and the end of the process neither."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Sequence

import pytest
import uvloop

from notifier.net.names import Address, Names, Resolver, connected, system
from tests.net.peer import Peer

INET = socket.AF_INET


class Servers:
    """Names that begin with `silent` are answered when the test says so, `bad` ones do not exist."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.silence = threading.Event()

    def __call__(self, host: str, port: int, family: socket.AddressFamily) -> Sequence[Address]:
        self.asked[host] += 1
        if host.startswith("silent"):
            self.silence.wait(30)
        if host.startswith("bad"):
            raise socket.gaierror(socket.EAI_NONAME, "not shown")
        return [(INET, "127.0.0.1", port)]


@pytest.fixture
def servers() -> Servers:
    return Servers()


async def asleep(names: Names, count: int) -> list["asyncio.Task[Sequence[Address]]"]:
    tasks = [asyncio.create_task(names.find(f"silent{number}.test", 80)) for number in range(count)]
    await asyncio.sleep(0)
    return tasks


def test_silent_names_hold_up_no_other_on_the_loop_of_the_service(servers: Servers) -> None:
    """More of them than libuv has threads; other names are found at once, by the same and by the loop itself."""

    async def main() -> None:
        names = Names(servers)
        waiting = await asleep(names, 12)
        async with asyncio.timeout(10):
            assert await names.find("quick.test", 80) == [(INET, "127.0.0.1", 80)]
            assert await Names().find("localhost", 80)
            assert await asyncio.get_running_loop().getaddrinfo("localhost", 80)
        assert not any(task.done() for task in waiting)
        servers.silence.set()
        assert await asyncio.gather(*waiting) == [[(INET, "127.0.0.1", 80)]] * 12

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())


async def test_one_lookup_serves_all_who_ask(servers: Servers) -> None:
    """Also those who come after others have given up: a silent name never costs more than one thread."""
    names = Names(servers)
    for _ in range(3):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await names.find("silent.test", 80)
    asking = [asyncio.create_task(names.find("silent.test", 80)) for _ in range(20)]
    await asyncio.sleep(0)
    servers.silence.set()
    assert await asyncio.gather(*asking) == [[(INET, "127.0.0.1", 80)]] * 20
    assert servers.asked["silent.test"] == 1
    await names.find("silent.test", 80)
    assert servers.asked["silent.test"] == 2  # nothing is kept: that is for who connects


async def test_who_comes_when_all_threads_are_taken_waits(servers: Servers) -> None:
    names = Names(servers, at_once=3)
    waiting = await asleep(names, 3)
    late = asyncio.create_task(names.find("quick.test", 80))
    done, _ = await asyncio.wait([late], timeout=0.05)
    assert not done
    servers.silence.set()
    assert await late == [(INET, "127.0.0.1", 80)]
    await asyncio.gather(*waiting)


async def test_a_name_that_does_not_exist(servers: Servers) -> None:
    names = Names(servers)
    with pytest.raises(socket.gaierror):
        await names.find("bad.test", 80)
    with pytest.raises(socket.gaierror):
        await Resolver(names).resolve("bad.test", 80)


async def test_closing_ends_those_who_wait(servers: Servers) -> None:
    names = Names(servers)
    waiting = await asleep(names, 2)
    await names.close()
    assert [task.cancelled() for task in waiting] == [True, True]
    servers.silence.set()


async def test_the_system_is_asked_for_literals_too() -> None:
    assert await Names().find("127.0.0.1", 25) == [(INET, "127.0.0.1", 25)]
    assert system("127.0.0.1", 25, socket.AF_UNSPEC) == [(INET, "127.0.0.1", 25)]


async def test_the_next_address_is_tried_where_one_refuses(peer: Peer) -> None:
    with socket.socket() as closed:  # bound, and nobody listens
        closed.bind(("127.0.0.1", 0))
        refusing = closed.getsockname()[1]
        names = Names(lambda host, port, family: [(INET, "127.0.0.1", refusing), (INET, "127.0.0.1", port)])
        sock = await connected(names, "several.test", peer.port)
        assert sock.getpeername() == ("127.0.0.1", peer.port)
        sock.close()
        with pytest.raises(ConnectionRefusedError):
            await connected(names, "several.test", refusing)


def test_the_process_ends_although_a_lookup_does_not() -> None:
    program = """
import asyncio, time
from notifier.net.names import Names
async def main():
    names = Names(lambda host, port, family: time.sleep(60))
    asking = asyncio.create_task(names.find("silent.test", 80))
    await asyncio.sleep(0.01)
    await names.close()
asyncio.run(main())
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=30)
