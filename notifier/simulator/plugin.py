"""The pytest fixture that ships with the package: `order_api_simulator`, all five order APIs on loopback.

It is loaded into every pytest run of an environment that has the package, so nothing but pytest is imported here.
The server runs in a thread of its own: sync tests, async tests and programs started by a test can all ask it.

    def test_polls(order_api_simulator):
        url = order_api_simulator.url + "/api/1.0/client/c/order/sim-driving-5s-waiting/progress"
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from notifier.simulator.server import Simulator


@pytest.fixture
def order_api_simulator() -> "Iterator[Simulator]":
    """A started Simulator with seed 0, any token accepted, no faults; ask it, add faults, read its timeline."""
    from notifier.simulator.threaded import running

    with running() as simulator:
        yield simulator
