"""The budget of segments a day: what was sent counts, whoever sent it, and a message that has no room waits for it."""

import asyncio
from pathlib import Path

from notifier.errors import Reason
from notifier.sinks.base import Outcome
from notifier.testing.backend import Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import START, VirtualClock, run
from tests.service.build import Program, program

ANN, BEN = {"phone": "+79120995513"}, {"phone": "+12025550123"}
DAY = 86_400
STATUS = "  - {name: status, when: {type: status_changed}, send: [{sink: hook, to: recipients}]}"
SENT = Outcome("delivered", "200", units=2)


def sms(daily: str) -> str:
    return (
        "  hook: {type: sms, gateway: http, url: 'https://sms.example.org/', form: {to: '{to}', text: '{text}'},"
        f" segments: 3, daily: {daily}}}"
    )


def gateway() -> FakeSink:
    sink = FakeSink(people=True, at_most_once=True, address="phone")
    sink.answer = SENT
    return sink


async def changes(it: Program, order: str, count: int) -> None:
    for number in range(count):
        it.api.answers[order] = ("cooking", "ready")[number % 2]
        await asyncio.sleep(6)


async def done(it: Program, *orders: str) -> None:
    """A last change of each; then they are polled no more."""
    for order in orders:
        it.api.answers[order] = "done"
    await asyncio.sleep(30)


def test_a_recipient_gets_so_much_a_day_and_the_rest_in_one_message_when_there_is_room(tmp_path: Path) -> None:
    async def main() -> None:
        hook = gateway()
        async with program(tmp_path, hook=hook, rules=STATUS, sink=sms("{recipient: 6}")) as it:
            await it.follow("1", recipients=[ANN])
            await it.follow("2", recipients=[BEN])
            await changes(it, "1", 4)
            assert len(hook.sent) == 2, "with 4 of 6 segments used there is none for a message of 3"
            await changes(it, "2", 1)
            assert [each.message.to for each in hook.sent[2:]] == [BEN["phone"]]
            held = [each for each in await it.deliveries("1") if each.open]
            assert {each.held for each in held} == {Reason.CAPPED}
            room = hook.sent[0].at + DAY * 1000
            assert all(each.due is not None and abs(each.due - room) < 1_000 for each in held)
            await done(it, "1", "2")
            await asyncio.sleep(DAY)
            assert [each.message.to for each in hook.sent[3:]] == [BEN["phone"], ANN["phone"]]
            assert not [each for each in await it.deliveries() if each.open]

    run(main)


def test_all_together_get_so_much_however_many_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        hook = gateway()
        hook.answer = SENT._replace(units=3)
        async with program(tmp_path, hook=hook, rules=STATUS, sink=sms("{all: 9}")) as it:
            for number in range(10):
                await it.follow(str(number), recipients=[{"phone": f"+1202555012{number}"}])
            for number in range(10):
                it.api.answers[str(number)] = "cooking"
            await asyncio.sleep(60)
            assert len(hook.sent) == 3
            held = [each for each in await it.deliveries() if each.open]
            assert {(each.held, each.due) for each in held} == {(Reason.CAPPED, held[0].due)}
            assert held[0].due is not None
            assert abs(held[0].due - hook.sent[0].at - DAY * 1000) < 1_000

    run(main)


def test_what_may_have_been_sent_counts_and_what_surely_was_not_does_not(tmp_path: Path) -> None:
    async def main() -> None:
        hook = gateway()
        hook.outcomes.extend(
            [
                Outcome("dead", "400", Reason.REFUSED, "no", units=0),
                Outcome("dead", None, Reason.OUTCOME_UNKNOWN, "no answer in time", units=3),
                Outcome("dead", "400", Reason.REFUSED, "no", units=0),
            ]
        )
        async with program(tmp_path, hook=hook, rules=STATUS, sink=sms("{recipient: 6}")) as it:
            await it.follow("1", recipients=[ANN])
            await changes(it, "1", 6)
            assert [each.outcome.units for each in hook.sent] == [0, 3, 0, 2]

    run(main)


def test_it_is_counted_over_a_restart(tmp_path: Path) -> None:
    storage, clock = Storage(), VirtualClock()

    async def main() -> None:
        first = gateway()
        async with program(
            tmp_path, hook=first, rules=STATUS, sink=sms("{recipient: 3}"), storage=storage, clock=clock
        ) as it:
            await it.follow("1", recipients=[ANN])
            await changes(it, "1", 1)
            assert len(first.sent) == 1
        second = gateway()
        async with program(
            tmp_path, hook=second, rules=STATUS, sink=sms("{recipient: 3}"), storage=storage, clock=clock
        ) as it:
            await done(it, "1")
            assert second.sent == []
            await asyncio.sleep(DAY)
            assert len(second.sent) == 1

    run(main)


def test_without_a_limit_nothing_is_counted(tmp_path: Path) -> None:
    async def main() -> None:
        hook = gateway()
        async with program(tmp_path, hook=hook, rules=STATUS, sink=sms("null")) as it:
            await it.follow("1", recipients=[ANN])
            await changes(it, "1", 6)
            assert len(hook.sent) == 6
            assert hook.sent[0].at > START

    run(main)
