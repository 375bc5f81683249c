"""Deliveries: lanes in order, endpoints apart, holds kept, nothing repeated without need, nothing lost."""

import asyncio
from collections import defaultdict
from pathlib import Path

import orjson
import pytest

from notifier.errors import Reason
from notifier.instants import from_text
from notifier.model import Fact, Instant
from notifier.service.outbox import SLOTS
from notifier.sinks.base import Message, Outcome
from notifier.testing.backend import MemoryBackend, Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import EVERYTHING, TO_RECIPIENTS, Api, key_of, program

RETRIES = ", retries: [5s, 20s, 1m, 1m]"
AGAIN = Outcome("again", "500", Reason.SERVER_ERROR)
BUSY = ("cooking", "ready", "new")


class Endpoints(FakeSink):
    """A sink whose addresses answer each in its own way: after so many seconds, with that outcome."""

    def __init__(self) -> None:
        super().__init__()
        self.of: dict[str | None, Outcome] = {}
        self.slow: defaultdict[str | None, float] = defaultdict(float)
        self.began: list[tuple[str | None, Instant]] = []

    async def send(self, message: Message, now: Instant) -> Outcome:
        self.began.append((message.to, now))
        await asyncio.sleep(self.slow[message.to])
        self.answer = self.of.get(message.to, Outcome("delivered", "200"))
        return await super().send(message, now)


def seen(message: Message) -> Instant:
    return from_text(orjson.loads(message.event.data)["observed_at"])


def url(number: int) -> str:
    return f"https://{number}.example.org/"


def test_a_lane_waits_for_its_first_and_other_orders_go_on(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=RETRIES) as it:
            it.hook.outcomes.append(AGAIN)
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await it.follow("2")
            assert (it.sent("1"), it.sent("2")) == (["tracked"], ["tracked"])
            await asyncio.sleep(30)
            assert it.sent("1") == ["tracked"] * 2 + ["status_changed", "phase_changed"]

    run(main)


def test_the_next_of_a_lane_goes_after_dead_and_expired(tmp_path: Path) -> None:
    rules = "  - {name: everything, when: {}, send: [{sink: hook, expires: 30s}]}"

    async def main() -> None:
        async with program(tmp_path, rules=rules, sink=", retries: [1h]") as it:
            it.hook.outcomes.extend([Outcome("dead", "400", Reason.REFUSED), AGAIN])
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(60)
            ended = {each.event.type: (each.state, each.reason) for each in await it.deliveries("1")}
            assert ended["tracked"] == ("dead", Reason.REFUSED)
            assert ended["status_changed"] == ("expired", Reason.EXPIRED)
            assert ended["phase_changed"][0] in ("delivered", "expired")

    run(main)


def test_the_next_of_a_lane_goes_after_the_outcome_of_the_last_is_durable(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            original = it.hook.send

            async def send(message: Message, now: Instant) -> Outcome:
                outcome = await original(message, now)
                if message.event.type == "status_changed":
                    it.backend.faults[0].extend(["unavailable"] * 6)
                return outcome

            it.hook.send = send  # type: ignore[method-assign]
            it.api.answers["1"] = "cooking"
            while "status_changed" not in it.sent():
                await asyncio.sleep(0.01)
            await asyncio.sleep(1)
            assert it.backend.faults[0]
            assert it.sent() == ["tracked", "status_changed"]
            await asyncio.sleep(10)
            assert it.sent() == ["tracked", "status_changed", "phase_changed"]

    run(main)


@pytest.mark.parametrize("hung", [None, 7])
def test_one_of_a_hundred_endpoints_that_hangs_leaves_the_others_as_they_are(hung: int | None, tmp_path: Path) -> None:
    async def main() -> float:
        hook = Endpoints()
        if hung is not None:
            hook.slow[url(hung)] = 15.0
            hook.of[url(hung)] = Outcome("again", reason=Reason.TIMEOUT)
        async with program(tmp_path, hook=hook, rules=TO_RECIPIENTS, sink=RETRIES) as it:
            for number in range(150):
                await it.put(str(number), recipients=[{"webhook": url(number % 100)}])
            for turn in range(8):
                for number in range(150):
                    it.api.answers[str(number)] = BUSY[turn % 3]
                await asyncio.sleep(5)
            await asyncio.sleep(1)
            late = [
                each.at - seen(each.message)
                for each in hook.delivered
                if each.message.to != (None if hung is None else url(hung))
            ]
            assert len(late) > 145 * 2 * 7
            return max(late)

    assert run(main) <= 60


def test_ten_failures_in_a_row_hold_an_endpoint_then_one_probe_then_all_go(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=", retries: [1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s, 1s]") as it:
            it.hook.answer = AGAIN
            for number in range(50):
                await it.put(str(number))
            await asyncio.sleep(20)
            tried = len(it.hook.sent)
            assert 10 <= tried <= 10 + SLOTS
            first_probe = it.hook.sent[-1].at
            await asyncio.sleep(25)
            probes = it.hook.sent[tried:]
            assert len(probes) == 1
            assert 29_000 <= probes[0].at - first_probe <= 32_000
            it.hook.answer = Outcome("delivered", "200")
            await asyncio.sleep(31)
            assert len(it.hook.delivered) == 50
            times = [each.at for each in it.hook.delivered]
            assert max(times[1:]) - times[0] < 2_000
            assert 29_000 <= times[0] - probes[0].at <= 32_000

    run(main)


def test_retry_after_holds_the_endpoint_in_full_also_over_a_restart(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock) as it:
            it.hook.outcomes.append(Outcome("again", "429", Reason.THROTTLED, after=600.0))
            await it.follow("1")
            held = clock.now()
            await it.follow("2")
            await asyncio.sleep(100)
            assert it.sent() == ["tracked"]
        hook = FakeSink()
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, api=Api()) as it:
            await it.follow("3")
            await asyncio.sleep(490)
            assert hook.sent == []
            await asyncio.sleep(20)
            assert sorted(key_of(each.message.event) for each in hook.sent) == ["1", "2", "3"]
            assert min(each.at for each in hook.sent) >= held - 1_000 + 600_000

    run(main)


def test_gone_disables_durably_and_all_that_waits_is_dead_in_bounded_time(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock, sink=RETRIES) as it:
            it.hook.answer = Outcome("again", "503", Reason.SERVER_ERROR, after=300.0)
            for number in range(1_700):
                await it.put(str(number))
            await asyncio.sleep(5)
            for number in range(1_700):
                it.api.answers[str(number)] = "cooking"
            await asyncio.sleep(30)
            assert len(await it.deliveries(state="pending")) == 5_100
            it.hook.answer = Outcome("gone", "410")
            await asyncio.sleep(270)
            assert len(it.hook.sent) <= 2 * SLOTS
            dead = await it.deliveries(state="dead")
            assert len(dead) == 5_100
            assert {each.reason for each in dead} == {Reason.ENDPOINT_DISABLED}
            ended = [each.finished_at or 0 for each in dead]
            assert max(ended) - min(ended) < 10_000
            it.api.answers["7"] = "ready"
            await asyncio.sleep(6)
            assert len(await it.deliveries("7", state="dead")) == 5
        hook = FakeSink()
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, sink=RETRIES, api=Api()) as it:
            await it.follow("new")
            await asyncio.sleep(10)
            assert hook.sent == []
            # An operator's retry passes; what it comes to decides.
            (delivery,) = await it.deliveries("new")
            hook.outcomes.append(Outcome("again", "429", Reason.THROTTLED, after=2.0))
            await it.app.desk.retry(delivery.key, delivery.id)
            await asyncio.sleep(1)
            await it.follow("newer")
            assert len(hook.sent) == 1
            await asyncio.sleep(10)
            assert len(hook.sent) == 2
            assert it.app.endpoints.disabled_by_sink() == {}
            await it.follow("newest")
            assert it.sent("newest") == ["tracked"]
            assert it.sent("newer") == []

    run(main)


def test_what_waits_for_its_next_attempt_is_dead_at_once_when_the_endpoint_is_gone(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=", retries: [12h]") as it:
            it.hook.outcomes.extend([AGAIN, Outcome("gone", "410")])
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await it.follow("2")
            await asyncio.sleep(10)
            assert {(each.state, each.reason) for each in await it.deliveries("1")} == {
                ("dead", Reason.ENDPOINT_DISABLED)
            }
            assert len(await it.deliveries("1")) == 3

    run(main)


def test_a_fact_that_cannot_be_told_yet_repeats_nothing(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("0")
            original = it.hook.send

            async def send(message: Message, now: Instant) -> Outcome:
                it.backend.break_down("the disk is full")
                await original(message, now)
                return Outcome("gone", "410")

            it.hook.send = send  # type: ignore[method-assign]
            await it.follow("1")
            await asyncio.sleep(100)
            it.backend.break_down(None)
            await asyncio.sleep(20)
            assert it.sent("1") == ["tracked"]
            (delivery,) = await it.deliveries("1")
            assert (delivery.state, delivery.reason) == ("dead", Reason.ENDPOINT_DISABLED)
            assert [fact.disabled for fact in await it.backend.known_facts()] == [True]

    run(main)


def test_at_most_once_is_announced_before_and_not_repeated_after_a_crash(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        hook = FakeSink(at_most_once=True, timeout=1_000)
        hook.hung = True
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, stop=0.1) as it:
            await it.follow("1")
            assert [each.state for each in await it.deliveries("1")] == ["sending"]
        hook = FakeSink(at_most_once=True)
        async with program(tmp_path, storage=storage, clock=clock, hook=hook) as it:
            await asyncio.sleep(20)
            assert hook.sent == []
            (delivery,) = await it.deliveries("1")
            assert (delivery.state, delivery.reason) == ("dead", Reason.OUTCOME_UNKNOWN)

    run(main)


@pytest.mark.parametrize("fault", ["lost", "lost_after"])
def test_at_most_once_is_sent_once_when_the_announcement_is_lost(fault: str, tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, hook=FakeSink(at_most_once=True)) as it:
            await it.follow("0")
            (shard,) = it.app.supervisor.shards.values()
            commit = shard.lease.commit

            async def watched(changes, /):  # type: ignore[no-untyped-def]
                if any(each.state == "sending" for change in changes for each in change.deliveries):
                    it.backend.fail(0, fault)  # type: ignore[arg-type]
                await commit(changes)

            shard.lease.commit = watched  # type: ignore[method-assign]
            await it.follow("1")
            await asyncio.sleep(20)
            assert it.sent("1") == ["tracked"]
            assert [each.state for each in await it.deliveries("1")] == ["delivered"]

    run(main)


def test_while_it_waits_for_a_retry_it_expires_or_is_overtaken(tmp_path: Path) -> None:
    rules = "  - {name: ready, when: {phase: ready}, send: [{sink: hook, while: {phase: [ready]}}]}\n" \
        "  - {name: cooking, when: {phase: preparing}, send: [{sink: hook, expires: 20s}]}"  # fmt: skip

    async def main() -> None:
        async with program(tmp_path, rules=rules, sink=", retries: [1m, 1m]") as it:
            it.hook.answer = AGAIN
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(30)
            await it.follow("2")
            it.api.answers["2"] = "ready"
            await asyncio.sleep(10)
            it.api.answers["2"] = "done"
            await asyncio.sleep(90)
            ended = {key_of(each.event): (each.state, each.reason) for each in await it.deliveries()}
            assert ended == {"1": ("expired", Reason.EXPIRED), "2": ("expired", Reason.OVERTAKEN)}
            assert it.sent() == ["phase_changed", "phase_changed"]

    run(main)


def test_a_sink_that_the_file_no_longer_names_keeps_its_deliveries(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock) as it:
            it.hook.answer = AGAIN
            await it.follow("1")
        sink = "  bell: {type: console}"
        rules = "  - {name: e, when: {}, send: [{sink: bell}]}"
        async with program(tmp_path, storage=storage, clock=clock, rules=rules, sink=sink, api=Api()) as it:
            await asyncio.sleep(3_600)
            assert [each.state for each in await it.deliveries("1")] == ["pending"]
        async with program(tmp_path, storage=storage, clock=clock, api=Api()) as it:
            await asyncio.sleep(61)
            assert it.sent("1") == ["tracked"]
            assert [each.state for each in await it.deliveries("1")] == ["delivered"]

    run(main)


def test_a_repeat_has_the_same_id_and_bytes_whatever_became_of_the_order(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=RETRIES) as it:
            it.hook.outcomes.extend([AGAIN, AGAIN, AGAIN])
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await it.put("1", labels={"now": "other"})
            await asyncio.sleep(300)
            tracked = [each for each in it.hook.sent if each.message.event.type == "tracked"]
            assert len(tracked) == 4
            assert len({(each.message.id, each.body) for each in tracked}) == 1

    run(main)


def test_a_sink_that_breaks_is_tried_again_unless_a_repeat_would_be_worse(tmp_path: Path) -> None:
    async def main(at_most_once: bool) -> list[tuple[str, str | None]]:
        hook = FakeSink(at_most_once=at_most_once)
        original, calls = hook.send, 0

        async def send(message: Message, now: Instant) -> Outcome:
            nonlocal calls
            calls += 1
            if calls == 1:
                raise ValueError("a fault of ours")
            return await original(message, now)

        hook.send = send  # type: ignore[method-assign]
        async with program(tmp_path, hook=hook, sink=RETRIES) as it:
            await it.follow("1")
            await asyncio.sleep(30)
            return [(each.state, each.reason) for each in await it.deliveries("1")]

    assert run(lambda: main(False)) == [("delivered", None)]
    assert run(lambda: main(True)) == [("dead", Reason.OUTCOME_UNKNOWN)]


def test_endpoints_that_are_done_with_leave_no_task_behind(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, rules=TO_RECIPIENTS) as it:
            tasks = len(asyncio.all_tasks())
            for number in range(500):
                await it.put(str(number), recipients=[{"webhook": url(number)}])
            await asyncio.sleep(2)
            assert len(it.hook.delivered) == 500
            assert len(asyncio.all_tasks()) < tasks + 60  # the poller's workers

    run(main)


def test_a_clock_that_is_put_back_changes_nothing_in_the_order_of_a_lane(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=RETRIES) as it:
            it.hook.outcomes.append(AGAIN)
            await it.follow("1")
            it.clock.skew -= 3_600_000
            for status in BUSY[:2]:
                it.api.answers["1"] = status
                await asyncio.sleep(10)
            assert it.sent("1") == ["tracked", "tracked"] + ["status_changed", "phase_changed"] * 2

    run(main)


def test_replicas_learn_what_another_one_was_told(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(2)
        left, right = (MemoryBackend(clock=clock, storage=storage) for _ in range(2))
        left.take(1)
        right.take(0)
        hook = FakeSink()
        async with (
            program(tmp_path, backend=left, clock=clock, hook=hook) as one,
            program(tmp_path, backend=right, clock=clock, hook=FakeSink(), api=one.api) as two,
        ):
            hook.answer = Outcome("gone", "410")
            mine = next(str(n) for n in range(99) if one.shard(str(n)) == 0)
            other = next(str(n) for n in range(99) if one.shard(str(n)) == 1)
            await one.follow(mine)
            await asyncio.sleep(1)
            await two.follow(other)
            await asyncio.sleep(1)
            assert two.hook.sent == []
            assert [each.reason for each in await two.deliveries(other)] == [Reason.ENDPOINT_DISABLED]

    run(main)


@pytest.mark.timeout(20)
def test_what_is_to_be_dropped_but_cannot_be_yet_does_not_spin(tmp_path: Path) -> None:
    """A delayed delivery that fell due behind a breaker before its order was removed: it is sent still."""
    rules = "  - {name: later, when: {type: status_changed}, delay: 20s, send: [{sink: hook}]}\n" + EVERYTHING.replace(
        "{}", "{type: tracked}"
    )

    async def main() -> None:
        async with program(tmp_path, rules=rules, sink=", breaker: 1, retries: [1s, 1s, 1s, 1s]") as it:
            await it.follow("1")
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(22)
            it.hook.outcomes.append(AGAIN)
            await it.follow("2")
            await asyncio.sleep(5)
            assert it.app.endpoints.breakers_by_sink()
            assert it.sent("1") == ["tracked"]
            await it.remove("1")
            await asyncio.sleep(60)
            assert it.sent("1") == ["tracked", "status_changed"]

    run(main)


@pytest.mark.timeout(20)
def test_a_vanished_sink_whose_endpoint_is_disabled_does_not_spin(tmp_path: Path) -> None:
    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        async with program(tmp_path, storage=storage, clock=clock) as it:
            it.hook.answer = AGAIN
            await it.follow("1")
            await it.backend.tell(Fact(subject="endpoint:hook:own", disabled=True, at=clock.now() + 900))
            it.backend.take(0)
        sink, rules = "  bell: {type: console}", "  - {name: e, when: {}, send: [{sink: bell}]}"
        async with program(tmp_path, storage=storage, clock=clock, rules=rules, sink=sink, api=Api()) as it:
            await asyncio.sleep(600)
            assert (await it.deliveries("1"))[0].state in ("pending", "dead")

    run(main)
