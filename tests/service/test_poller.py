"""Looks: fair when the budget is short, punctual otherwise, held back where the API asks, ended where nothing comes."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest

from notifier.backends.base import EventQuery, OrderQuery
from notifier.errors import LookFailed, Reason
from notifier.model import State
from notifier.net.fetch import Request, Response
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.fetch import reply
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import Api, Program, failing, program

HALF = "    budget: {requests_per_second: 20, concurrency: 10}"


async def stored(it: Program, order: str) -> State:
    page = await it.backend.view.find(OrderQuery(key=f"shop/{order}"))
    state = page.items[0].state
    assert state is not None
    return state


def test_with_half_the_budget_that_is_needed_all_are_late_by_the_same_share(tmp_path: Path) -> None:
    async def main() -> None:
        api = Api()
        async with program(tmp_path, api=api, source=HALF) as it:
            for number in range(200):
                await it.put(str(number))
            await asyncio.sleep(30)
            api.asked.clear()
            await asyncio.sleep(200)
            looks = Counter(order for _, order in api.asked)
            assert len(looks) == 200
            assert sum(looks.values()) == pytest.approx(200 * 20, rel=0.12)
            assert max(looks.values()) - min(looks.values()) <= 2

    run(main)


def test_a_new_watch_does_not_wait_for_a_whole_round_of_an_overloaded_source(tmp_path: Path) -> None:
    async def main() -> None:
        api = Api()
        async with program(tmp_path, api=api, source=HALF) as it:
            for number in range(200):
                await it.put(str(number))
            await asyncio.sleep(60)
            began = asyncio.get_running_loop().time()
            await it.put("fresh")
            await asyncio.sleep(20)
            # No orders are preferred: it takes its turn after those that are due already, and no later.
            assert api.times("fresh")[0] - began < 11

    run(main)


def test_unchanged_looks_commit_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            await asyncio.sleep(5)
            before = it.backend.storage.connection.total_changes
            await asyncio.sleep(300)
            assert len(it.api.times("1")) > 55
            assert it.backend.storage.connection.total_changes == before
            live = it.app.desk.live("shop/1")
            assert live is not None
            assert live.last_ok_at is not None
            assert it.clock.now() - live.last_ok_at < 6_000

    run(main)


def test_of_a_run_of_failures_begin_and_end_are_committed_and_not_its_length(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            for reason in (Reason.FORBIDDEN, Reason.NOT_FOUND):
                it.api.answers["1"] = failing(reason)
                await asyncio.sleep(130)
                state = await stored(it, "1")
                assert (state.last_error, state.failing_since is not None) == (reason, True)
                before = it.backend.storage.connection.total_changes
                await asyncio.sleep(300)
                assert it.backend.storage.connection.total_changes == before
            it.api.answers["1"] = "new"
            await asyncio.sleep(130)
            state = await stored(it, "1")
            assert (state.failures, state.failing_since, state.last_error, state.misses) == (0, None, None, 0)

    run(main)


def test_a_fault_of_ours_while_reading_is_that_orders_failed_look(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            await it.follow("2")
            it.api.answers["1"] = lambda _: 1 / 0  # type: ignore[return-value, assignment]
            it.api.answers["2"] = "cooking"
            await asyncio.sleep(6)
            live = it.app.desk.live("shop/1")
            assert live is not None
            assert live.last_error == Reason.INTERNAL
            assert await it.types("2") == ["tracked", "status_changed", "phase_changed"]
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(6)
            assert await it.types("1") == ["tracked", "status_changed", "phase_changed"]

    run(main)


def test_an_order_whose_look_cannot_even_be_followed_is_looked_at_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            (shard,) = it.app.supervisor.shards.values()
            order = shard.orders["shop/1"]
            kept, order.state = order.state, b"\x01\x00"  # as if memory were damaged
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(12)
            assert order.failures > 1
            order.state = kept
            await asyncio.sleep(25)
            assert (await it.types("1"))[-1] == "phase_changed"

    run(main)


def test_an_answer_too_large_to_be_kept_is_a_failed_look_and_harms_nobody_else(tmp_path: Path) -> None:
    def large(_: Request) -> Response:
        noise = "".join(chr(0x4E00 + (n * n * 7919 + n * 104729) % 20_000) for n in range(700_000))
        return reply(200, '{"status": "' + noise + '"}')

    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            await it.follow("2")
            it.api.answers["1"] = large
            it.api.answers["2"] = "cooking"
            await asyncio.sleep(7)
            live = it.app.desk.live("shop/1")
            assert live is not None
            assert live.last_error in (Reason.TOO_LARGE, Reason.UNREADABLE)
            assert it.sent("2") == ["tracked", "status_changed", "phase_changed"]
            assert await it.types("1") == ["tracked"]

    run(main)


def test_retry_after_of_an_order_is_that_orders_alone_and_survives_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage, api = VirtualClock(), Storage(1), Api()
        async with program(tmp_path, storage=storage, api=api, clock=clock) as it:
            await it.follow("1")
            await it.follow("2")
            api.answers["1"] = LookFailed(Reason.REJECTED, "later", after=600.0)
            await asyncio.sleep(60)
            held = api.times("1")[-1]
            assert clock.now() / 1000 - held > 50
        async with program(tmp_path, storage=storage, api=Api(), clock=clock) as it:
            await asyncio.sleep(500)
            assert it.api.times("1") == []
            assert len(it.api.times("2")) > 80
            await asyncio.sleep(60)
            assert it.api.times("1")[0] >= held + 600

    run(main)


def test_a_held_credential_is_told_as_a_fact_and_kept_over_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage, api = VirtualClock(), Storage(1), Api()
        async with program(tmp_path, storage=storage, api=api, clock=clock) as it:
            await it.follow("1")
            await it.follow("2")
            api.answers["1"] = lambda _: reply(429, b"", {"Retry-After": "300"})
            await asyncio.sleep(10)
            held = asyncio.get_running_loop().time()
            asked = len(api.asked)
            assert [fact.subject for fact in await it.backend.known_facts()] == ["credential:shop"]
            await asyncio.sleep(60)
            assert len(api.asked) == asked
        async with program(tmp_path, storage=storage, api=Api(), clock=clock) as it:
            await asyncio.sleep(200)
            assert it.api.asked == []
            await asyncio.sleep(60)
            assert it.api.asked[0][0] >= held - 10 + 299
            assert {order for _, order in it.api.asked} == {"1", "2"}

    run(main)


def test_a_rejected_token_costs_one_probe_each_half_minute_and_no_more(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            for number in range(10):
                await it.follow(str(number))
            for number in range(10):
                it.api.answers[str(number)] = lambda _: reply(401)
            await asyncio.sleep(15)
            it.api.asked.clear()
            await asyncio.sleep(300)
            assert 8 <= len(it.api.asked) <= 11
            live = it.app.desk.live("shop/3")
            assert live is not None
            assert live.last_error == Reason.UNAUTHORIZED
            for number in range(10):
                it.api.answers[str(number)] = "cooking"
            await asyncio.sleep(60)
            assert all([(await it.types(str(n)))[-1] == "phase_changed" for n in range(10)])

    run(main)


def test_retired_at_the_end_of_the_grace_and_given_up_after_long_silence(tmp_path: Path) -> None:
    async def main() -> None:
        source = "    retire_after: 1m\n    give_up_after: 2h"
        async with program(tmp_path, source=source) as it:
            await it.follow("ended", "done")
            await it.follow("silent")
            await asyncio.sleep(50)
            assert (await stored(it, "ended")).retirement is None
            await asyncio.sleep(15)
            assert (await stored(it, "ended")).retirement == "terminal"
            await asyncio.sleep(7_200)
            assert (await stored(it, "silent")).retirement == "given_up"
            asked = len(it.api.asked)
            await asyncio.sleep(60)
            assert len(it.api.asked) == asked
            assert it.app.desk.live("shop/silent") is None
            assert not it.app.supervisor.shards[0].orders

    run(main)


def test_an_order_of_a_source_that_the_file_no_longer_names_stays_readable_and_unpolled(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock) as it:
            await it.follow("1")
        storage.connection.execute("UPDATE orders SET key = 'gone/1'")
        storage.connection.execute("UPDATE events SET key = 'gone/1'")
        async with program(tmp_path, storage=storage, clock=clock) as it:
            await asyncio.sleep(60)
            assert it.api.asked == []
            live = it.app.desk.live("gone/1")
            assert live is not None
            assert (live.next_poll_at, live.last_error) == (None, Reason.UNKNOWN_SOURCE)
            assert len((await it.backend.view.find(EventQuery(key="gone/1"))).items) == 1
            assert await it.app.desk.remove("gone/1")
            await asyncio.sleep(1)
            assert it.app.desk.live("gone/1") is None

    run(main)


def test_leases_that_come_and_go_change_the_share_of_the_budget(tmp_path: Path) -> None:
    async def main() -> None:
        clock = VirtualClock()
        backend = MemoryBackend(shards=4, clock=clock)
        async with program(tmp_path, backend=backend, clock=clock, source=HALF) as it:
            for number in range(200):
                await it.put(str(number))
            await asyncio.sleep(20)
            for shard in (1, 2):
                backend.take(shard)
            await asyncio.sleep(5)
            it.api.asked.clear()
            await asyncio.sleep(100)
            assert len(it.api.asked) == pytest.approx(20 * 100 / 2, rel=0.15)
            backend.give(1)
            backend.give(2)
            await asyncio.sleep(5)
            it.api.asked.clear()
            await asyncio.sleep(100)
            assert len(it.api.asked) == pytest.approx(20 * 100, rel=0.15)

    run(main)
