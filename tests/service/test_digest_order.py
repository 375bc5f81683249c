"""What a cap held back is told in its place among its order's messages, also when its digest fails."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from notifier.api.waits import waits
from notifier.errors import Reason
from notifier.model import DIGEST, Delivery
from notifier.sinks.base import Message, Outcome
from notifier.testing.backend import Storage
from notifier.testing.sink import FakeSink, Sent
from notifier.testing.virtual import run
from tests.service.build import Program, key_of, program

ANN = {"webhook": "https://ann.example.org/"}
BEN = {"webhook": "https://ben.example.org/"}
STATUS = "{name: status, when: {type: status_changed}, send: [{sink: hook, to: recipients}]}"
CRITICAL = "{name: over, class: critical, when: {phase: completed}, send: [{sink: hook, to: recipients}]}"
AGAIN = Outcome("again", "451", Reason.DEFERRED)
LOST = Outcome("again", None, Reason.TIMEOUT)  # it may have arrived


def ruled(*rules: str, caps: str) -> str:
    return "\n".join([*(f"  - {rule}" for rule in rules), f"caps: {caps}"])


async def step(it: Program, status: str, *orders: str) -> None:
    for order in orders:
        it.api.answers[order] = status
    await asyncio.sleep(6)


async def with_digest_due(it: Program, hook: FakeSink, *outcomes: Outcome) -> Message:
    """Three messages take the room of an hour; of orders 1 and 2 a digest is then tried, which ends as it is told."""
    for order in ("0", "1", "2", "3"):
        await it.follow(order, recipients=[ANN])
    await step(it, "cooking", "0")
    await step(it, "ready", "0")
    await step(it, "new", "0")
    assert len(hook.sent) == 3
    await step(it, "cooking", "1", "2")
    hook.outcomes.extend(outcomes)
    await asyncio.sleep(3_600)
    assert len(hook.sent) == 3 + len(outcomes)
    return hook.sent[-1].message


def orders_of(sent: Sequence[Sent]) -> list[str]:
    return [key_of(each.message.event) for each in sent]


@pytest.mark.parametrize("rules", [[STATUS], [STATUS, CRITICAL]])
def test_while_a_digest_is_repeated_its_orders_wait_for_it_and_others_do_not(tmp_path: Path, rules: list[str]) -> None:
    async def main() -> None:
        hook = FakeSink(people=True)
        config = ruled(*rules, caps="{recipient: 3/h}")
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [5m]") as it:
            digest = await with_digest_due(it, hook, AGAIN)
            await step(it, "done", "1")  # critical, where there is such a rule
            await step(it, "cooking", "3")
            assert orders_of(hook.sent[4:]) == ["3"]
            behind = [each for each in await it.deliveries("1") if each.open and each.group != DIGEST]
            assert len(behind) == len(rules)
            shown = await waits(it.app.desk, behind)
            assert {each.reason for each in shown.values()} == {Reason.IN_LINE}
            await asyncio.sleep(400)
            again = hook.sent[5].message
            assert (again.id, again.text) == (digest.id, digest.text)
            assert orders_of(hook.sent[6:])[:1] == ["1"]

    run(main)


def test_they_wait_for_it_after_a_restart_too(tmp_path: Path) -> None:
    async def main() -> None:
        hook, storage = FakeSink(people=True), Storage(3)
        config = ruled(STATUS, caps="{recipient: 3/h}")
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [5m]", storage=storage) as it:
            digest = await with_digest_due(it, hook, AGAIN)
            answers = dict(it.api.answers)
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [5m]", storage=storage) as it:
            it.api.answers.update(answers)
            await step(it, "done", "1")
            assert len(hook.sent) == 4
            await asyncio.sleep(400)
            assert [each.message.id == digest.id for each in hook.sent[3:]] == [True, True, False]

    run(main)


def test_what_a_dead_digest_held_up_goes_on(tmp_path: Path) -> None:
    async def main() -> None:
        hook = FakeSink(people=True)
        config = ruled(STATUS, caps="{recipient: 3/h}")
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [5m]") as it:
            await with_digest_due(it, hook, AGAIN)
            hook.outcomes.append(AGAIN)
            await step(it, "done", "1")
            await asyncio.sleep(400)
            assert orders_of(hook.sent[5:]) == ["1"]
            ended = {each.reason for each in await it.deliveries() if each.state == "dead"}
            assert ended == {Reason.RETRIES_EXHAUSTED}

    run(main)


def test_while_a_digest_is_sent_nothing_newer_of_its_orders_is(tmp_path: Path) -> None:
    steps: list[str] = []

    class Slow(FakeSink):
        async def send(self, message: Message, now: int) -> Outcome:
            if len(self.sent) >= 3:
                what = key_of(message.event) if steps else "digest"
                steps.append(f"{what} begins")
                await asyncio.sleep(90)
                steps.append(f"{what} ends")
            return await super().send(message, now)

    async def main() -> None:
        hook = Slow(people=True)
        config = ruled(STATUS, caps="{recipient: 3/h}")
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [5m]") as it:
            await with_digest_due(it, hook)
            while not steps:
                await asyncio.sleep(1)
            await step(it, "done", "1")
            await step(it, "cooking", "3")
            await asyncio.sleep(300)
            assert steps == ["digest begins", "3 begins", "digest ends", "1 begins", "3 ends", "1 ends"]

    run(main)


def test_a_repeat_that_a_cap_puts_off_says_the_same_and_keeps_its_place(tmp_path: Path) -> None:
    """It may have arrived: told in a digest it would be told twice."""

    async def main() -> None:
        hook = FakeSink(people=True)
        config = ruled(STATUS, caps="{recipient: 1/h}")
        async with program(tmp_path, hook=hook, rules=config, sink=", retries: [1m]") as it:
            for order in ("1", "2"):
                await it.follow(order, recipients=[ANN])
            hook.outcomes.append(LOST)
            await step(it, "cooking", "1")
            await step(it, "cooking", "2")
            await step(it, "ready", "1")
            await asyncio.sleep(3_700)
            assert orders_of(hook.sent[:3]) == ["1", "2", "1"]
            first, _, again = (each.message for each in hook.sent[:3])
            assert (first.id, first.text) == (again.id, again.text)
            await asyncio.sleep(8_000)
            told = [each.message.event.sequence for each in hook.sent if key_of(each.message.event) == "1"]
            assert told == [told[0], *sorted(told)[1:]]
            assert len(told) == 3

    run(main)


# --- at random --------------------------------------------------------------------------------------------------------


class Chancy(FakeSink):
    """Fails at random, sometimes after it has accepted; `accepted` is what reached somebody and was answered."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__(people=True)
        self.accepted: list[Message] = []
        self._chance = chance

    async def send(self, message: Message, now: int) -> Outcome:
        await asyncio.sleep(self._chance.uniform(0.01, 3))
        outcome = self._chance.choices(
            [Outcome("delivered", "250"), AGAIN, LOST, Outcome("dead", "550", Reason.REFUSED, "no")], [60, 25, 10, 5]
        )[0]
        if outcome.kind == "delivered":
            self.accepted.append(message)
        return outcome


@pytest.mark.parametrize("seed", range(2))
def test_of_each_order_a_rules_messages_come_in_order_whatever_fails(tmp_path: Path, seed: int) -> None:
    """Caps, groups, criticals, failing sends, lost commits and leases: nothing is lost, and nothing overtakes."""
    rules = (
        STATUS,
        "{name: group, when: {type: phase_changed}, group: 20s, send: [{sink: hook, to: recipients}]}",
        "{name: over, class: critical, when: {type: phase_changed}, "
        "send: [{sink: hook, to: recipients, template: test}]}",
    )
    orders = [str(number) for number in range(10)]

    async def main() -> None:
        chance = random.Random(seed)
        hook = Chancy(chance)
        config = ruled(*rules, caps="{recipient: 6/m}")
        more = ", breaker: 0, retries: [5s, 20s, 40s, 40s, 40s, 40s, 40s]"
        async with program(tmp_path, hook=hook, rules=config, sink=more, shards=2) as it:
            for order in orders:
                await it.follow(order, recipients=[ANN, BEN])
            for _ in range(40):
                for order in chance.sample(orders, 3):
                    it.api.answers[order] = chance.choice(["new", "cooking", "ready"])
                if chance.random() < 0.15:
                    it.backend.fail(chance.randrange(2), chance.choice(["lost", "lost_after", "unavailable"]))
                await asyncio.sleep(chance.uniform(3, 15))
            for _ in range(60):
                await asyncio.sleep(60)
                if not any(each.open for each in await it.deliveries()):
                    break
            made = await it.deliveries()
        assert {each.state for each in made} == {"delivered", "dead"}
        assert any(each.group == DIGEST and len(each.attempts) > 1 for each in made), "digests failed, too"
        of_message: dict[str, list[Delivery]] = {}
        for each in sorted(made, key=lambda each: each.event.sequence):
            of_message.setdefault(each.message or each.id, []).append(each)
        told: dict[tuple[str | None, str, str], list[int]] = {}
        for message in hook.accepted:
            for each in of_message[message.id]:
                told.setdefault((each.to, each.key, each.rule), []).append(each.event.sequence)
        assert told
        assert len({message.id for message in hook.accepted}) == len(hook.accepted), "nothing comes after an answer"
        for of, sequences in told.items():
            assert sequences == sorted(sequences), of

    run(main)
