"""What is asked of orders: in order for each, at once for new ones, and nothing that was removed comes back."""

import asyncio
from pathlib import Path

import pytest

from notifier.backends.base import DeliveryQuery, OrderQuery
from notifier.errors import Reason
from notifier.sinks.base import Outcome
from notifier.testing.virtual import run
from tests.service.build import TO_RECIPIENTS, Program, program

DELAYED = "  - {name: later, when: {type: status_changed}, delay: 10m, send: [{sink: hook}]}"


async def shown(it: Program, order: str) -> tuple[str, bool]:
    """Phase and retirement as the view has them."""
    page = await it.backend.view.find(OrderQuery(key=f"shop/{order}"))
    state = page.items[0].state
    assert state is not None
    return state.phase, state.retired_at is not None


def test_a_burst_of_a_hundred_puts_is_polled_within_a_second_and_committed_in_groups(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            commits = 0
            (shard,) = it.app.supervisor.shards.values()
            commit = shard.lease.commit

            async def counted(changes, /):  # type: ignore[no-untyped-def]
                nonlocal commits
                commits += 1
                await asyncio.sleep(0.005)  # as a disk would take
                await commit(changes)

            shard.lease.commit = counted  # type: ignore[method-assign]
            began = asyncio.get_running_loop().time()
            for number in range(100):
                await it.put(str(number))
            await asyncio.sleep(1)
            assert len({order for _, order in it.api.asked}) == 100
            assert max(at for at, _ in it.api.asked[:100]) - began < 1
            assert commits < 60
            for number in range(100):
                assert await it.types(str(number)) == ["tracked"]

    run(main)


def test_an_answer_whose_look_began_before_the_removal_is_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.api.delay = 3
            it.api.answers["1"] = "cooking"
            while not it.api.under_way["1"]:
                await asyncio.sleep(0.1)
            assert await it.remove("1")
            asked = len(it.api.asked)
            await asyncio.sleep(30)
            assert len(it.api.asked) == asked
            assert await it.types("1") == ["tracked"]
            assert not await it.remove("1")

    run(main)


def test_a_commit_on_its_way_finishes_before_the_removal(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.backend.fail(0, "unavailable", "unavailable")  # the commit takes some tenths of a second
            it.api.answers["1"] = "cooking"
            (shard,) = it.app.supervisor.shards.values()
            while shard.orders["shop/1"].committing is None:
                await asyncio.sleep(0.01)
            await it.remove("1")
            await asyncio.sleep(10)
            assert await it.types("1") == ["tracked", "status_changed", "phase_changed"]
            assert it.sent("1") == await it.types("1")
            assert await shown(it, "1") == ("preparing", True)

    run(main)


def test_re_added_at_once_it_is_looked_at_at_once_and_the_old_answer_counts_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.api.delay = 3
            it.api.answers["1"] = "cooking"
            while not it.api.under_way["1"]:
                await asyncio.sleep(0.1)
            await it.remove("1")
            it.api.answers["1"] = "ready"
            it.api.delay = 0.5
            assert await it.put("1")
            await asyncio.sleep(0.3)
            assert it.api.under_way["1"] == 2  # the old one's answer is dropped, so nobody need wait for it
            await asyncio.sleep(10)
            assert await it.types("1") == ["tracked", "tracked"]
            tracked = await it.data("1", "tracked")
            assert [event["after"]["status"] for event in tracked] == ["new", "ready"]

    run(main)


def test_commands_of_one_order_keep_their_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            for _ in range(5):
                await it.put("1")
                await it.remove("1")
            await asyncio.sleep(5)
            asked = len(it.api.asked)
            await asyncio.sleep(20)
            assert len(it.api.asked) == asked
            await it.put("1")
            await it.remove("1")
            await it.put("1")
            await asyncio.sleep(20)
            assert len(it.api.asked) > asked + 3

    run(main)


def test_a_retired_order_added_again_is_polled_for_another_grace_without_tracked(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source="    retire_after: 1m") as it:
            await it.follow("1", "done")
            await asyncio.sleep(80)
            assert await shown(it, "1") == ("completed", True)
            asked = len(it.api.asked)
            await asyncio.sleep(60)
            assert len(it.api.asked) == asked
            assert not await it.put("1")  # it was not removed
            await asyncio.sleep(55)
            assert len(it.api.asked) > asked + 8
            assert await shown(it, "1") == ("completed", False)
            await asyncio.sleep(30)
            assert await shown(it, "1") == ("completed", True)
            assert await it.types("1") == ["tracked"]

    run(main)


def test_put_while_the_retirement_is_being_committed_takes_it_up_again(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source="    retire_after: 10s") as it:
            await it.follow("1", "done")
            (shard,) = it.app.supervisor.shards.values()
            order = shard.orders["shop/1"]
            while not order.gone:
                it.backend.faults[0].clear()
                it.backend.fail(0, "unavailable", "unavailable", "unavailable")
                await asyncio.sleep(0.01)
            await it.put("1")
            asked = len(it.api.asked)
            await asyncio.sleep(9)
            assert len(it.api.asked) >= asked + 2
            assert await shown(it, "1") == ("completed", False)

    run(main)


def test_recipients_of_a_second_put_are_told_of_the_next_event(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, rules=TO_RECIPIENTS) as it:
            await it.follow("1", recipients=[{"webhook": "https://a.example.org/"}], labels={"team": "a"})
            assert not await it.put("1", recipients=[{"webhook": "https://b.example.org/"}], labels={"team": "b"})
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(6)
            told = [(each.message.event.type, each.message.to) for each in it.hook.delivered]
            assert told == [
                ("tracked", "https://a.example.org/"),
                ("status_changed", "https://b.example.org/"),
                ("phase_changed", "https://b.example.org/"),
            ]
            assert (await it.data("1", "status_changed"))[0]["order"]["labels"] == {"team": "b"}

    run(main)


def test_removing_drops_what_the_rules_put_off_also_if_it_is_added_again_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, rules=DELAYED) as it:
            await it.follow("1")
            for status in ("cooking", "new"):
                it.api.answers["1"] = status
                await asyncio.sleep(6)
            assert [each.state for each in await it.deliveries("1")] == ["pending", "pending"]
            (shard,) = it.app.supervisor.shards.values()
            load, slow = shard.lease.load, [1.0]

            async def later(key: str, /):  # type: ignore[no-untyped-def]
                if slow:
                    await asyncio.sleep(slow.pop())  # whoever asks first sees the order as it is when re-added
                return await load(key)

            shard.lease.load = later  # type: ignore[method-assign]
            await it.remove("1")
            await asyncio.sleep(0.1)
            await it.put("1")
            await asyncio.sleep(3)
            assert not slow
            gone = await it.deliveries("1")
            assert [(each.state, each.reason) for each in gone] == [("expired", Reason.REMOVED)] * 2
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(700)
            assert it.sent("1") == ["status_changed"]  # what comes after it was added again is told

    run(main)


def test_what_was_due_is_still_sent_after_the_removal(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            it.hook.outcomes.extend([Outcome("again", "503")] * 2)
            await it.follow("1")
            await it.remove("1")
            await asyncio.sleep(900)
            assert it.ids() == [it.hook.sent[0].message.id]

    run(main)


@pytest.mark.parametrize("expires", [False, True])
def test_dead_and_expired_ones_are_sent_again_when_an_operator_wants_it(expires: bool, tmp_path: Path) -> None:
    async def main() -> None:
        rules = (
            "  - {name: all, when: {}, send: [{sink: hook, expires: 2m}]}" if expires else DELAYED.replace("10m", "1s")
        )
        async with program(tmp_path, rules=rules) as it:
            it.hook.answer = Outcome("again", "503") if expires else Outcome("dead", "400", Reason.REFUSED)
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(400)
            ended = await it.deliveries("1")
            assert {each.state for each in ended} == {"expired" if expires else "dead"}
            it.hook.answer = Outcome("delivered", "200")
            for delivery in ended:
                await it.app.desk.retry(delivery.key, delivery.id)
                await it.app.desk.retry(delivery.key, delivery.id)  # twice is once
            await asyncio.sleep(10)
            assert {each.state for each in await it.deliveries("1")} == {"delivered"}
            assert sorted(it.ids()) == sorted(each.id for each in ended)

    run(main)


def test_a_command_that_fails_by_a_fault_of_ours_is_seen_and_stands_in_nobodys_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            (shard,) = it.app.supervisor.shards.values()
            load, broken = shard.lease.load, ["shop/1"]

            async def breaks(key: str, /):  # type: ignore[no-untyped-def]
                if key in broken:
                    raise ValueError("a fault of ours")
                return await load(key)

            shard.lease.load = breaks  # type: ignore[method-assign]
            await it.put("1")
            await it.follow("2")
            broken.clear()
            assert await it.types("2") == ["tracked"]
            await it.put("1", labels={"a": "b"})  # goes on, for the same order
            await asyncio.sleep(1)
            assert await it.types("1") == ["tracked"]

    run(main)
    assert capsys.readouterr().out.count("command_failed") == 1


def test_a_poisoned_command_comes_again_with_the_next_lease(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            (shard,) = it.app.supervisor.shards.values()

            async def breaks(key: str, /):  # type: ignore[no-untyped-def]
                raise ValueError("a fault of ours")

            shard.lease.load = breaks  # type: ignore[method-assign]
            await it.put("1")
            await asyncio.sleep(1)
            assert it.api.asked == []
            it.backend.lose(0)
            await asyncio.sleep(1)
            assert await it.types("1") == ["tracked"]

    run(main)


def test_looks_and_commands_of_an_order_never_fork_its_sequence(tmp_path: Path) -> None:
    """Everything at once, for half an hour: the events stay a gapless chain (`types` checks it)."""

    async def main() -> None:
        async with program(tmp_path, source="    retire_after: 20s") as it:
            for turn in range(200):
                it.api.answers["1"] = ("new", "cooking", "ready", "done")[turn * 7 % 4]
                if turn % 3:
                    await it.put("1")
                else:
                    await it.remove("1")
                if turn % 5 == 0:
                    it.backend.fail(0, ("unavailable", "lost", "lost_after")[turn % 3])
                await asyncio.sleep((turn * 37 % 11) * 0.9)
            await asyncio.sleep(60)
            types = await it.types("1")
            assert len(types) > 60
            page = await it.backend.view.find(DeliveryQuery(key="shop/1", limit=1000))
            assert {each.state for each in page.items} == {"delivered"}
            assert it.sent("1") == types

    run(main)
