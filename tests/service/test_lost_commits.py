"""Lost commits: what was seen is not inferred, what was sent is not sent again, nothing is lost."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from notifier.errors import LookFailed, Reason
from notifier.testing.backend import Fault
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import run
from tests.service.build import Api, program

BOTH: list[Fault] = ["lost", "lost_after"]


@pytest.mark.parametrize("fault", BOTH)
@pytest.mark.parametrize("times", [1, 3])
def test_a_look_whose_commit_was_lost_is_applied_again_and_its_deliveries_go_out(
    fault: Fault, times: int, tmp_path: Path
) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.backend.fail(0, *[fault] * times)
            it.api.answers["1"] = "cooking"
            began = asyncio.get_running_loop().time()
            while not it.backend.faults[0] or len(it.backend.faults[0]) == times:
                await asyncio.sleep(0.05)
                if asyncio.get_running_loop().time() > began + 10:
                    break
            it.api.answers["1"] = "ready"  # the answer `cooking` was told once only
            await asyncio.sleep(20)
            assert await it.types("1") == [
                "tracked", "status_changed", "phase_changed", "status_changed", "phase_changed",
            ]  # fmt: skip
            changes = await it.data("1", "status_changed")
            assert [(change["after"]["status"], change["inferred"]) for change in changes] == [
                ("cooking", False),
                ("ready", False),
            ]
            assert it.sent("1") == await it.types("1")
            assert len(set(it.ids())) == len(it.ids()) == 5

    run(main)


@pytest.mark.parametrize("fault", BOTH)
def test_an_outcome_whose_commit_was_lost_is_not_sent_again(fault: Fault, tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            original = it.hook.send

            async def send(message, now):  # type: ignore[no-untyped-def]
                outcome = await original(message, now)
                if len(it.hook.sent) == 1:
                    it.backend.fail(0, fault)  # the very next commit is that of this outcome
                return outcome

            it.hook.send = send  # type: ignore[method-assign]
            await it.follow("1")
            await asyncio.sleep(30)
            assert len(it.hook.sent) == 1
            (delivery,) = await it.deliveries("1")
            assert delivery.state == "delivered"
            assert len(delivery.attempts) == 1

    run(main)


def test_a_send_under_way_when_the_lease_goes_is_not_repeated_by_the_next_one(tmp_path: Path) -> None:
    async def main() -> None:
        hook = FakeSink(timeout=12)
        async with program(tmp_path, hook=hook) as it:
            hook.hung = True
            await it.follow("1")
            it.backend.take(0)
            await asyncio.sleep(1)
            it.backend.give(0)
            hook.hung = False
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(8)
            assert hook.sent == []  # the lane waits for what the first attempt comes to
            await asyncio.sleep(30)
            assert it.sent("1") == ["tracked", "tracked", "status_changed", "phase_changed"]
            (first, *_) = await it.deliveries("1")
            attempts = next(each for each in await it.deliveries("1") if each.event.type == "tracked").attempts
            assert [each.outcome for each in attempts] == ["again", "delivered"]
            assert first.state == "delivered"

    run(main)


def test_a_send_that_ends_after_two_leases_are_gone_harms_nobody(tmp_path: Path) -> None:
    """The lane that waited for its end is of a shard that is no longer ours."""

    async def main() -> None:
        hook = FakeSink(timeout=12)
        async with program(tmp_path, hook=hook) as it:
            hook.hung = True
            await it.follow("1")
            for _ in range(2):
                it.backend.take(0)
                await asyncio.sleep(1)
                it.backend.give(0)
                await asyncio.sleep(1)
            it.backend.take(0)
            hook.hung = False
            with capture_logs() as logs:
                await asyncio.sleep(15)
            assert [each["event"] for each in logs if each["log_level"] == "error"] == []
            it.backend.give(0)
            await asyncio.sleep(30)
            assert it.sent("1") == ["tracked", "tracked"]

    run(main)


@pytest.mark.parametrize("at", ["restore", "replay"])
def test_a_lease_lost_while_it_is_restored_loses_nothing_that_was_kept(at: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            for order in "123":
                await it.follow(order)
            it.backend.break_down(None)
            it.api.delay = 0
            for order in "123":
                it.api.answers[order] = "cooking"
            it.backend.faults[0].extend(["lost"] * (5 if at == "replay" else 1))
            while it.backend.faults[0]:
                await asyncio.sleep(0.02)
                for order in "123":
                    if it.api.times(order)[-1] > 3.2:
                        it.api.answers[order] = "ready"
                if at == "restore":
                    it.backend.lose(0)
            await asyncio.sleep(15)
            for order in "123":
                it.api.answers[order] = "ready"
            await asyncio.sleep(15)
            for order in "123":
                assert (await it.types(order))[-1] == "phase_changed"
                assert it.sent(order) == await it.types(order)
            assert len(set(it.ids())) == len(it.ids())

    run(main)


def test_a_look_under_way_when_the_lease_goes_is_for_the_next_one(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.api.delay = 2.0
            it.api.answers["1"] = "cooking"
            while not it.api.under_way["1"]:
                await asyncio.sleep(0.1)
            it.backend.take(0)
            it.api.answers["1"] = "ready"
            await asyncio.sleep(4)
            it.backend.give(0)
            await asyncio.sleep(15)
            changes = await it.data("1", "status_changed")
            assert [change["after"]["status"] for change in changes] == ["cooking", "ready"]

    run(main)


def test_retry_after_of_one_order_survives_a_lost_commit(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.api.answers["1"] = LookFailed(Reason.REJECTED, "later", after=300.0)
            it.backend.fail(0, "lost_after")
            await asyncio.sleep(30)
            assert not it.backend.faults[0]
            assert len([at for at in it.api.times("1") if at > 1.1]) == 1
            await asyncio.sleep(300)
            assert len([at for at in it.api.times("1") if at > 1.1]) >= 2

    run(main)


def test_while_nothing_can_be_committed_no_look_and_no_send_begins_and_all_resumes_by_itself(tmp_path: Path) -> None:
    async def main() -> None:
        api = Api()
        async with program(tmp_path, api=api) as it:
            for number in range(20):
                await it.follow(str(number))
            it.backend.break_down("the disk is full")
            for number in range(20):
                api.answers[str(number)] = "cooking"
            await asyncio.sleep(8)
            asked, sent = len(api.asked), len(it.hook.sent)
            assert it.app.desk.trouble() == ("the disk is full",)
            await asyncio.sleep(60)
            assert (len(api.asked), len(it.hook.sent)) == (asked, sent)
            it.backend.break_down(None)
            await asyncio.sleep(12)
            assert it.app.desk.trouble() == ()
            for number in range(20):
                assert it.sent(str(number)) == ["tracked", "status_changed", "phase_changed"]
            assert len(set(it.ids())) == len(it.ids()) == 60

    run(main)


@pytest.mark.parametrize("fault", BOTH)
def test_a_command_whose_commit_was_lost_comes_again(fault: Fault, tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            it.backend.fail(0, fault)
            await it.follow("1")
            await asyncio.sleep(5)
            assert await it.types("1") == ["tracked"]
            it.backend.fail(0, fault)
            assert await it.remove("1")
            await asyncio.sleep(5)
            asked = len(it.api.asked)
            await asyncio.sleep(20)
            assert len(it.api.asked) == asked

    run(main)


def test_a_fault_of_ours_in_a_shard_ends_the_program_loudly(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.backend.storage.write(
                lambda connection: connection.execute("UPDATE orders SET state = ?", (b"\x7f\x00damaged",))
            )
            it.backend.lose(0)
            await asyncio.sleep(1)
            assert it.app.failed.done()
            error = it.app.failed.exception()
            assert isinstance(error, BaseExceptionGroup)
            assert "newer release" in str(error.exceptions[0].exceptions[0].exceptions[0])

    run(main)
