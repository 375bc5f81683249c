"""The budget on clocks of our own: an injected one for the arithmetic, a virtual loop for the waiting."""

import asyncio
from itertools import pairwise
from math import floor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.model import Instant
from notifier.net.budget import COUNTED_BELOW, GRAIN, Budget
from notifier.testing.virtual import VirtualClock, run

INF = float("inf")


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.at = 1000.0

    def now(self) -> Instant:
        return round(self.at * 1000)

    def monotonic(self) -> float:
        return self.at


def most_in_a_second(times: list[float]) -> int:
    """The greatest number of times within any one second, both ends included."""
    most = first = 0
    for last, at in enumerate(times):
        while at - times[first] > 1.0:
            first += 1
        most = max(most, last - first + 1)
    return most


def allowed(rate: float) -> int:
    return max(1, floor(rate * 1.1 + 1e-9))


@settings(max_examples=60, deadline=None)
@given(
    rate=st.one_of(st.floats(0.2, 12), st.floats(12, 200), st.sampled_from([1.0, 2.5, 10.0, 50.0])),
    gaps=st.lists(st.one_of(st.just(0.0), st.floats(0, 0.02), st.floats(0, 0.3), st.floats(0, 5)), max_size=300),
)
def test_no_second_sees_more_than_the_rate_and_a_tenth(rate: float, gaps: list[float]) -> None:
    clock = Hand()
    budget = Budget(rate, 10, clock)
    taken: list[float] = []
    for gap in gaps:
        clock.at += gap
        while budget.wait(clock.at) <= 0.0:
            taken.append(clock.at)
    assert most_in_a_second(taken) <= allowed(rate)
    assert all(now - then >= 1.0 / rate - GRAIN - 1e-6 for then, now in pairwise(taken)), "paced, also from rest"


@settings(max_examples=40, deadline=None)
@given(
    rate=st.sampled_from([0.5, 1.0, 3.0, 10.0, 50.0, 333.0]), late=st.lists(st.floats(0, 0.3), min_size=1, max_size=20)
)
def test_a_late_loop_makes_no_bunch_either(rate: float, late: list[float]) -> None:
    """Every timer fires late by as much as hypothesis likes: the line catches up, but within the bound."""

    async def main() -> None:
        clock = VirtualClock()
        lateness = iter(late * 1000)

        class Late(VirtualClock):
            def monotonic(self) -> float:
                return clock.monotonic() + shift

        shift = 0.0
        budget = Budget(rate, 10, Late())
        times: list[float] = []

        async def look() -> None:
            nonlocal shift
            assert await budget.take()
            times.append(budget._clock.monotonic())
            shift += next(lateness)

        await asyncio.gather(*(look() for _ in range(60)))
        assert most_in_a_second(times) <= allowed(rate)

    run(main)


@pytest.mark.parametrize("rate", [0.5, 1.0, 3.0, 10.0, 50.0, 500.0])
def test_a_full_line_gets_the_whole_rate(rate: float) -> None:
    async def main() -> float:
        budget = Budget(rate, 10, VirtualClock())
        count = max(5, round(rate * 10))
        await asyncio.gather(*(budget.take() for _ in range(count)))
        return (count - 1) / asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(rate, rel=0.025)


def test_a_clock_of_whole_milliseconds_costs_no_throughput_and_no_waiting() -> None:
    clock = Hand()
    budget = Budget(100_000, 10, clock)
    for _ in range(1000):
        clock.at += 0.001
        assert sum(budget.wait(clock.at) <= 0.0 for _ in range(100)) == 100


@pytest.mark.parametrize("rate", [COUNTED_BELOW, 51.0, 100.0, 1000.0])
def test_where_nothing_is_counted_the_pace_keeps_the_bound(rate: float) -> None:
    """The worst that can come: at rest, then a line whose timer is late each time by all that is made good."""

    async def main() -> None:
        shift = 0.0

        class Late(VirtualClock):
            def monotonic(self) -> float:
                return super().monotonic() + shift

        clock = Late()
        budget = Budget(rate, 10, clock)
        times: list[float] = []

        async def look() -> None:
            nonlocal shift
            await budget.take()
            times.append(clock.monotonic())
            if len(times) % 7 == 0:
                shift += 0.05

        await asyncio.gather(*(look() for _ in range(round(rate * 5))))
        assert most_in_a_second(times) <= allowed(rate)

    run(main)


def test_first_come_first_served_and_nobody_jumps_the_line() -> None:
    async def main() -> None:
        budget = Budget(10, 10, VirtualClock())
        order: list[int] = []

        async def look(number: int) -> None:
            await budget.take()
            order.append(number)

        tasks = [asyncio.create_task(look(number)) for number in range(20)]
        await asyncio.sleep(0.5)
        now = asyncio.get_running_loop().time()
        assert budget.wait(now) > 1.0, "the line is ahead of it, and it took nothing"
        await asyncio.gather(*tasks)
        assert order == list(range(20))
        assert asyncio.get_running_loop().time() == pytest.approx(1.9, abs=GRAIN * 1.01)

    run(main)


def test_whoever_is_cancelled_leaves_the_line_and_takes_nothing() -> None:
    async def main() -> None:
        budget = Budget(10, 10, VirtualClock())
        assert await budget.take()
        tasks = [asyncio.create_task(budget.take()) for _ in range(10)]
        await asyncio.sleep(0.01)
        for task in tasks[:9]:
            task.cancel()
        assert await tasks[9]
        assert asyncio.get_running_loop().time() == pytest.approx(0.1, abs=GRAIN * 1.01)
        await asyncio.gather(*tasks, return_exceptions=True)
        assert all(task.cancelled() for task in tasks[:9])

    run(main)


def test_a_deadline_is_not_waited_past() -> None:
    async def main() -> None:
        budget = Budget(1, 10, VirtualClock())
        assert await budget.take(0.0)
        assert not await budget.take(0.5)
        assert asyncio.get_running_loop().time() == 0.0, "known at once, so not waited for"
        assert await budget.take(1.5)
        assert asyncio.get_running_loop().time() == pytest.approx(1.02)

    run(main)


def test_a_hold_lets_nothing_through_until_it_ends() -> None:
    async def main() -> None:
        clock = VirtualClock()
        budget = Budget(10, 10, clock, patience=30)
        waiting = [asyncio.create_task(budget.take()) for _ in range(5)]
        await asyncio.sleep(0.15)  # two have gone
        budget.hold(clock.monotonic() + 20)
        budget.hold(clock.monotonic() + 5)  # a shorter one changes nothing
        assert budget.held(clock.monotonic()) == pytest.approx(20)
        await asyncio.sleep(19.9)
        assert [task.done() for task in waiting] == [True, True, False, False, False]
        await asyncio.gather(*waiting)
        assert 20.15 <= clock.monotonic() < 20.5
        assert budget.held(clock.monotonic()) == 0.0

    run(main)


def test_a_hold_longer_than_the_patience_sends_all_away() -> None:
    async def main() -> None:
        clock = VirtualClock()
        budget = Budget(1, 10, clock, patience=30)
        waiting = [asyncio.create_task(budget.take()) for _ in range(5)]
        await asyncio.sleep(0)
        budget.hold(clock.monotonic() + 3600)
        assert await asyncio.gather(*waiting) == [True, False, False, False, False]
        assert not await budget.take()
        assert clock.monotonic() == 0.0
        await asyncio.sleep(3600)
        assert await budget.take()

    run(main)


def test_a_hold_sends_away_those_whose_deadline_it_passes() -> None:
    async def main() -> None:
        clock = VirtualClock()
        budget = Budget(1, 10, clock, patience=30)
        assert await budget.take()
        soon = asyncio.create_task(budget.take(5.0))
        later = asyncio.create_task(budget.take(25.0))
        await asyncio.sleep(0)
        budget.hold(20.0)
        assert not await soon
        assert clock.monotonic() == 0.0
        assert await later
        assert clock.monotonic() == pytest.approx(20.0)

    run(main)


def test_a_throttled_peer_halves_the_rate_which_grows_back_in_a_minute() -> None:
    async def main() -> None:
        clock = VirtualClock()
        budget = Budget(10, 10, clock)

        async def rate_now() -> float:
            await budget.take()
            began = clock.monotonic()
            for _ in range(3):
                await budget.take()
            return 3 / (clock.monotonic() - began)

        assert await rate_now() == pytest.approx(10, rel=0.1)
        for _ in range(50):
            budget.slow()  # answers to requests that were under way together: once
        assert await rate_now() == pytest.approx(5, rel=0.1)
        await asyncio.sleep(2)
        budget.slow()
        assert await rate_now() == pytest.approx(2.7, rel=0.15)
        await asyncio.sleep(60)
        assert await rate_now() == pytest.approx(10, rel=0.1)

    run(main)


def test_it_never_slows_to_a_standstill() -> None:
    async def main() -> None:
        clock = VirtualClock()
        budget = Budget(10, 10, clock)
        for _ in range(200):
            budget.slow()
            await asyncio.sleep(1.01)
        budget.slow()
        await budget.take()
        began = clock.monotonic()
        await budget.take()
        assert clock.monotonic() - began <= 10.1, "a hundredth of ten a second"

    run(main)


@pytest.mark.parametrize(("held", "total", "slots"), [(12, 12, 10), (6, 12, 5), (5, 12, 4), (0.25, 1, 2)])
def test_a_replica_uses_its_part(held: float, total: float, slots: int) -> None:
    async def main() -> float:
        budget = Budget(10, 10, VirtualClock())
        budget.share(held, total)
        assert budget.slots == slots
        await asyncio.gather(*(budget.take() for _ in range(21)))
        return 20 / asyncio.get_running_loop().time()

    rate, part = run(main), 10 * held / total
    assert rate <= part * 1.0011
    assert rate >= min(part, floor(part * 1.1)) / 1.03, "a window counts whole requests"


def test_a_part_below_one_request_a_second_is_kept_to() -> None:
    async def main() -> float:
        budget = Budget(10, 10, VirtualClock())
        budget.share(1, 12)
        assert budget.slots == 1
        await asyncio.gather(*(budget.take() for _ in range(11)))
        return 10 / asyncio.get_running_loop().time()

    assert run(main) == pytest.approx(10 / 12, rel=0.001)


def test_a_greater_part_is_used_at_once() -> None:
    async def main() -> None:
        budget = Budget(1, 10, VirtualClock())
        budget.share(0.01)
        assert await budget.take()
        waiting = asyncio.create_task(budget.take())
        await asyncio.sleep(1)
        budget.share(1.0)
        await waiting
        assert asyncio.get_running_loop().time() < 2.1

    run(main)


def test_the_used_ratio() -> None:
    async def main() -> None:
        budget = Budget(10, 10, VirtualClock())
        assert budget.used_ratio() == 0.0
        for _ in range(600):
            await budget.take()
        assert budget.used_ratio() == pytest.approx(1.0, abs=0.02)
        await asyncio.sleep(60)
        assert budget.used_ratio() < 0.01
        for _ in range(300):
            await budget.take()
            await asyncio.sleep(0.2)
        assert budget.used_ratio() == pytest.approx(0.5, abs=0.05)

    run(main)
