"""The agenda: earliest first, bounded workers, moved due times, pauses, and an end in bounded time."""

import asyncio

from notifier.service.agenda import Agenda
from notifier.testing.virtual import START, VirtualClock, run


class Item:
    def __init__(self, name: str) -> None:
        self.name = name
        self.due: int | None = None
        self.was_due = 0
        self.moved = 0

    def put_back(self, by: int) -> None:
        self.moved += by


def test_earliest_first_each_at_its_time_with_at_most_so_many_at_once() -> None:
    done: list[tuple[str, int]] = []
    running = most = 0

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.01)
            running -= 1
            done.append((item.name, clock.now() - START))

        agenda: Agenda[Item] = Agenda("test", work, 2, clock)
        for name, due in [("c", 300), ("a", 100), ("b", 200), ("b2", 200), ("b3", 200)]:
            agenda.push(Item(name), START + due)
        await asyncio.sleep(1)
        await agenda.close()

    run(main)
    assert done == [("a", 110), ("b", 210), ("b2", 210), ("b3", 220), ("c", 310)]
    assert most == 2


def test_a_moved_item_is_taken_once_at_its_last_due_time() -> None:
    done: list[int] = []

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            done.append(clock.now() - START)

        agenda: Agenda[Item] = Agenda("test", work, 5, clock)
        item = Item("moved")
        agenda.push(item, START + 5_000)
        agenda.push(item, START + 50)
        agenda.push(item, START + 70)
        await asyncio.sleep(10)
        await agenda.close()

    run(main)
    assert done == [70]


def test_pause_holds_all_and_a_failure_ends_nobody_elses_work() -> None:
    done: list[str] = []

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            if item.name == "bad":
                raise ValueError("a fault of ours")
            done.append(item.name)

        agenda: Agenda[Item] = Agenda("test", work, 1, clock)
        agenda.pause(True)
        agenda.extend([(Item("bad"), START), (Item("good"), START + 1)])
        await asyncio.sleep(1)
        assert done == []
        agenda.pause(False)
        await asyncio.sleep(1)
        await agenda.close()

    run(main)
    assert done == ["good"]


def test_fewer_slots_end_the_surplus_after_what_it_is_at() -> None:
    running = 0
    seen: list[int] = []

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            nonlocal running
            running += 1
            seen.append(running)
            await asyncio.sleep(0.1)
            running -= 1

        agenda: Agenda[Item] = Agenda("test", work, 10, clock)
        agenda.extend([(Item(str(n)), START) for n in range(40)])
        await asyncio.sleep(0.05)
        assert running == 10
        agenda.resize(2)
        await asyncio.sleep(0.5)
        seen.clear()
        await asyncio.sleep(2)
        assert max(seen) == 2
        agenda.resize(4)
        seen.clear()
        agenda.extend([(Item(str(n)), clock.now()) for n in range(20)])
        await asyncio.sleep(2)
        assert max(seen) == 4
        await agenda.close()

    run(main)


def test_close_waits_so_long_and_no_longer() -> None:
    ended: list[str] = []

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            try:
                await asyncio.sleep(1 if item.name == "short" else 100)
                ended.append(item.name)
            except asyncio.CancelledError:
                ended.append("cancelled")
                raise

        agenda: Agenda[Item] = Agenda("test", work, 2, clock)
        agenda.extend([(Item("short"), START), (Item("long"), START), (Item("never"), START + 1)])
        await asyncio.sleep(0.1)
        await agenda.close(within=5)
        assert clock.now() - START == 5_100

    run(main)
    assert sorted(ended) == ["cancelled", "short"]


def test_a_clock_put_back_takes_the_due_times_with_it_and_one_put_forward_brings_them_on() -> None:
    done: list[tuple[str, float]] = []

    async def main() -> None:
        clock = VirtualClock()

        async def work(item: Item) -> None:
            done.append((item.name, asyncio.get_running_loop().time()))

        agenda: Agenda[Item] = Agenda("test", work, 2, clock)
        items = [Item("soon"), Item("later"), Item("much later")]
        agenda.extend([(items[0], START + 10_000), (items[1], START + 20_000), (items[2], START + 3_000_000)])
        await asyncio.sleep(1)
        clock.skew -= 3_600_000
        await asyncio.sleep(29)
        assert [name for name, _ in done] == ["soon", "later"]
        assert all(abs(at - due) < 0.1 for (_, at), due in zip(done, (10, 20), strict=True))
        assert items[2].moved == 3_600_000
        clock.skew += 2_990_000
        await asyncio.sleep(1.1)
        assert done[-1][0] == "much later"
        await agenda.close()

    run(main)


def test_workers_end_with_the_last_entry_and_begin_again() -> None:
    done: list[str] = []
    rests = 0

    async def main() -> None:
        def rest() -> None:
            nonlocal rests
            rests += 1

        async def work(item: Item) -> None:
            await asyncio.sleep(0.1)
            done.append(item.name)

        agenda: Agenda[Item] = Agenda("test", work, 1, VirtualClock(), rest)
        for name in "abc":
            agenda.push(Item(name), START)
            await asyncio.sleep(0.3)
            assert len(asyncio.all_tasks()) == 1
        agenda.push(Item("d"), START)
        await asyncio.sleep(0.05)
        agenda.push(Item("e"), START)
        await asyncio.sleep(0.3)
        await agenda.close()

    run(main)
    assert (done, rests) == (["a", "b", "c", "d", "e"], 4)


def test_it_is_stalled_only_when_somebody_could_take_what_has_long_been_due() -> None:
    async def main() -> None:
        clock = VirtualClock()
        free = asyncio.Event()

        async def work(_: Item) -> None:
            await free.wait()

        agenda: Agenda[Item] = Agenda("test", work, 1, clock)
        agenda.push(Item("under way"), START)
        agenda.push(Item("waits for its turn"), START + 1)
        await asyncio.sleep(300)
        assert not agenda.stalled()  # all hands are busy
        agenda.pause(True)
        free.set()
        await asyncio.sleep(300)
        assert not agenda.stalled()  # it was told to wait
        agenda._paused = False  # not by `pause`, which wakes it: as if that wake had been lost
        assert agenda.stalled()
        agenda.pause(False)
        await asyncio.sleep(1)
        assert not agenda.stalled()
        await agenda.close()

    run(main)
