"""Asking without a socket gives what the server gives."""

import aiohttp
import pytest

from notifier.simulator.direct import ask
from notifier.simulator.faults import Fault
from notifier.simulator.lives import API_NAMES
from notifier.simulator.server import Simulator
from notifier.simulator.world import World
from tests.simulator.conftest import Hands
from tests.simulator.test_server import PATHS

TOKEN = {"Authorization": "OAuth t"}


@pytest.mark.parametrize("api", API_NAMES)
@pytest.mark.parametrize("order", ["17", "sim-429", "sim-html", "sim-a%20b"])
async def test_both_doors_answer_alike(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands, api: str, order: str
) -> None:
    async with session.get(PATHS[api].format(order)) as answer:
        served = answer.status, await answer.read()
    direct = await ask(World(7, clock=hands), "https://example.org" + PATHS[api].format(order), TOKEN)
    assert (direct.status, direct.body) == served
    assert direct.headers.get("Retry-After") == answer.headers.get("Retry-After")
    assert direct.headers["Content-Type"] == answer.headers["Content-Type"]


async def test_delays_are_waited_for_and_early_ends_raise(hands: Hands) -> None:
    world = World(clock=hands, sleep=hands.nap)
    world.add_fault(Fault(kind="latency", delay=9))
    world.add_fault(Fault(kind="drop", count=1))
    url = "http://127.0.0.1/order/1/status"
    with pytest.raises(ConnectionResetError):
        await ask(world, url, TOKEN)
    assert (await ask(world, url, TOKEN)).status == 200
    assert hands.naps == [9, 9]
    assert world.stats()["apis"]["restaurant"]["answers"] == {"dropped": 1, "200": 1}  # type: ignore[index]


async def test_tokens_are_asked_for_here_too(hands: Hands) -> None:
    assert (await ask(World(clock=hands), "http://127.0.0.1/order/1/status", {})).status == 401


async def test_another_path_is_nobodys(hands: Hands) -> None:
    with pytest.raises(LookupError):
        await ask(World(clock=hands), "http://127.0.0.1/nothing", TOKEN)
