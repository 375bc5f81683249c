"""A clock that a test sets by hand, waits that cost nothing, and a server that runs on both."""

from collections.abc import AsyncIterator

import aiohttp
import pytest

from notifier.simulator.server import Simulator

BORN = 1_795_258_800_000


class Hands:
    """A wall clock in ms that stands still until it is turned; `naps` are the waits that were asked for."""

    def __init__(self) -> None:
        self.ms = BORN
        self.naps: list[float] = []

    def __call__(self) -> int:
        return self.ms

    def turn(self, seconds: float) -> None:
        self.ms += round(seconds * 1_000)

    async def nap(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.fixture
def hands() -> Hands:
    return Hands()


@pytest.fixture
async def simulator(hands: Hands) -> AsyncIterator[Simulator]:
    async with Simulator(seed=7, clock=hands, sleep=hands.nap) as started:
        yield started


@pytest.fixture
async def session(simulator: Simulator) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(simulator.url, headers={"Authorization": "Bearer any"}) as opened:
        yield opened
