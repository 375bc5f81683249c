"""The desk: what a front end asks for."""

from pathlib import Path

import pytest

from notifier.errors import Conflict
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import program
from tests.world.world import CONFIG, world


def test_an_account_stays_with_its_order(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage()
        async with world(MemoryBackend(clock=clock, storage=storage), clock, tmp_path) as first:
            assert await first.follow("trips", "o") == "trips/o"
        changed = CONFIG.replace("account: {client_id: c}", "account: {client_id: zzz}")
        async with world(MemoryBackend(clock=clock, storage=storage), clock, tmp_path, config=changed) as second:
            ids = {"order_id": "o", "client_id": "zzz"}
            with pytest.raises(Conflict, match="leave the account out"):
                await second.app.desk.put({"source": "trips", "ids": ids})
            watch, new = await second.app.desk.put({"source": "trips", "ids": {"order_id": "o"}})
            assert (watch.key, new) == ("trips/o", False)
            other, new = await second.app.desk.put({"source": "trips", "ids": {"order_id": "o", "client_id": "c"}})
            assert (other.key, new) == ("trips/c/o", True)

    run(main)


def test_each_sink_has_its_gauges_before_anything_has_happened_to_it(tmp_path: Path) -> None:
    """An alert cannot tell 'none' from 'not there'."""

    async def main() -> None:
        async with program(tmp_path) as it:
            told = it.app.metrics.render()[0].decode().splitlines()
            for series in (
                'notifier_endpoints_disabled{sink="hook"}',
                'notifier_breaker_open{kind="sink",name="hook"}',
                'notifier_breaker_open{kind="source",name="shop"}',
                'notifier_deliveries_pending{sink="hook"}',
                'notifier_oldest_pending_seconds{sink="hook"}',
            ):
                assert f"{series} 0.0" in told, series

    run(main)
