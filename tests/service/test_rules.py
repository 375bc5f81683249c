"""Quiet hours, delay, groups and caps on virtual time: what is put off goes once, in time, and together."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from notifier.api.waits import waits
from notifier.errors import Reason
from notifier.model import DIGEST, Delivery
from notifier.sinks.base import Message, Outcome
from notifier.testing.backend import Storage
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import START, VirtualClock, run
from tests.service.build import Api, Program, key_of, program

ANN = {"webhook": "https://ann.example.org/", "timezone": "Europe/Moscow"}
BEN = {"webhook": "https://ben.example.org/"}
MINUTE, HOUR = 60_000, 3_600_000
STATUS = "{name: status, when: {type: status_changed}, send: [{sink: hook, to: recipients}]}"
AGAIN = Outcome("again", "451", Reason.DEFERRED)


def people(**more: Any) -> FakeSink:
    return FakeSink(people=True, **more)


def ruled(*rules: str, **top: str) -> str:
    return "\n".join([*(f"  - {rule}" for rule in rules), *(f"{name}: {value}" for name, value in top.items())])


BEGIN = START  # 2026-11-21T11:00:00Z, 14:00 in Moscow


async def step(it: Program, status: str, *orders: str) -> None:
    for order in orders:
        it.api.answers[order] = status
    await asyncio.sleep(6)


def states(deliveries: Sequence[Delivery]) -> Counter[tuple[str, str | None]]:
    return Counter((each.state, each.reason or each.held) for each in deliveries)


# --- quiet hours ------------------------------------------------------------------------------------------------------

AFTERNOON = "{from: '14:00', to: '15:00'}"  # in Moscow it is 14:00 when a test begins


def test_quiet_hours_go_by_the_recipients_zone_and_end_in_order(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, quiet_hours=AFTERNOON)) as it:
            await it.follow("1", recipients=[ANN, BEN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1")
            assert [each.message.to for each in hook.sent] == [BEN["webhook"]] * 2
            held = [each for each in await it.deliveries("1") if each.open]
            assert [(each.held, each.due) for each in held] == [("quiet_hours", BEGIN + HOUR)] * 2
            await asyncio.sleep(3_600)
            anns = [each for each in hook.sent if each.message.to == ANN["webhook"]]
            assert [each.message.event.sequence for each in anns] == sorted(
                each.message.event.sequence for each in anns
            )
            assert [(each.at - BEGIN) // 1000 for each in anns] == [3_600] * 2

    run(main)


def test_critical_passes_what_waits_for_the_morning_in_its_own_lane(tmp_path: Path) -> None:
    critical = "{name: ready, class: critical, when: {phase: ready}, send: [{sink: hook, to: recipients}]}"

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, critical, quiet_hours=AFTERNOON)) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1")
            assert [each.message.event.type for each in hook.sent] == ["phase_changed"]
            assert states(await it.deliveries("1"))["pending", "quiet_hours"] == 2
            await asyncio.sleep(3_600)
            assert it.sent() == ["phase_changed", "status_changed", "status_changed"]

    run(main)


def test_what_expires_before_the_morning_is_dropped_when_it_does(tmp_path: Path) -> None:
    rule = "{name: r, when: {phase: preparing}, send: [{sink: hook, to: recipients, expires: 10m}]}"

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(rule, quiet_hours=AFTERNOON)) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await asyncio.sleep(601)
            assert states(await it.deliveries("1")) == {("expired", Reason.EXPIRED): 1}
            await asyncio.sleep(3_600)
            assert hook.sent == []

    run(main)


def test_looked_at_again_in_the_morning_it_may_be_overtaken(tmp_path: Path) -> None:
    rule = "{name: r, when: {phase: preparing}, send: [{sink: hook, to: recipients, while: {phase: preparing}}]}"

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(rule, quiet_hours=AFTERNOON)) as it:
            await it.follow("1", recipients=[ANN])
            await it.follow("2", recipients=[ANN])
            await step(it, "cooking", "1", "2")
            await step(it, "ready", "2")
            await asyncio.sleep(3_600)
            assert [key_of(each.message.event) for each in hook.sent] == ["1"]
            assert states(await it.deliveries("2")) == {("expired", Reason.OVERTAKEN): 1}

    run(main)


def test_a_retry_that_falls_into_quiet_hours_waits_too(tmp_path: Path) -> None:
    quiet = "{from: '14:05', to: '15:00'}"

    async def main() -> None:
        hook = people()
        hook.outcomes.append(AGAIN)
        async with program(
            tmp_path, hook=hook, rules=ruled(STATUS, quiet_hours=quiet), sink=", retries: [10m, 10m]"
        ) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await asyncio.sleep(4_000)
            first, second = hook.sent
            assert first.message.id == second.message.id
            assert (second.at - BEGIN) // 1000 == 3_600

    run(main)


@pytest.mark.parametrize("shards_move", [False, True])
def test_what_is_put_off_survives_a_restart_and_a_move_of_its_shard(tmp_path: Path, shards_move: bool) -> None:
    rules = ruled(STATUS, quiet_hours=AFTERNOON)

    async def main() -> None:
        clock, storage = VirtualClock(), Storage(1)
        hook = people()
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=rules) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            if shards_move:
                it.backend.take(0)
                it.backend.give(0)
                await asyncio.sleep(3_700)
        if not shards_move:
            async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=rules, api=it.api) as it:
                await asyncio.sleep(3_700)
        (sent,) = hook.sent
        assert (sent.at - BEGIN) // 1000 == 3_600

    run(main)


def test_of_a_removed_order_what_waits_for_the_morning_is_dropped(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, quiet_hours=AFTERNOON)) as it:
            await it.follow("1", recipients=[ANN, BEN])
            await step(it, "cooking", "1")
            await it.remove("1")
            await asyncio.sleep(1)
            assert states(await it.deliveries("1"))["expired", Reason.REMOVED] == 1
            await asyncio.sleep(3_700)
            assert [each.message.to for each in hook.sent] == [BEN["webhook"]]

    run(main)


# --- delay and groups -------------------------------------------------------------------------------------------------

GROUP = "{name: g, when: {type: status_changed}, group: 1m, send: [{sink: hook, to: recipients}]}"


def test_events_of_one_order_become_one_message_and_all_of_them_are_delivered(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(GROUP)) as it:
            await it.follow("1", recipients=[ANN])
            await it.follow("2", recipients=[ANN])
            await step(it, "cooking", "1", "2")
            await step(it, "ready", "1")
            opened = min(each.event.attributes["time"] for each in await it.deliveries("1"))
            waiting = await it.deliveries("1", state="pending")
            shown = await waits(it.app.desk, waiting)
            assert {(each.reason, each.until) for each in shown.values()} == {
                ("grouped", min(each.due or 0 for each in waiting))
            }
            await asyncio.sleep(60)
            one = [each for each in hook.sent if key_of(each.message.event) == "1"]
            assert len(one) == 1
            assert opened
            both = await it.deliveries("1")
            assert states(both) == {("delivered", None): 2}
            assert {each.message for each in both} == {one[0].message.id}
            assert len({each.finished_at for each in both}) == 1
            assert one[0].message.id not in {each.id for each in both}
            await step(it, "done", "1")
            await asyncio.sleep(61)
            assert [key_of(each.message.event) for each in hook.sent].count("1") == 2, "a new one opens after it"
            (alone,) = await it.deliveries("2")
            assert alone.message == alone.id

    run(main)


def test_a_group_is_repeated_whole_under_its_id_and_nothing_joins_it(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        hook.outcomes.append(AGAIN)
        async with program(tmp_path, hook=hook, rules=ruled(GROUP), sink=", retries: [2m]") as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1")
            await asyncio.sleep(60)
            await step(it, "done", "1")
            await asyncio.sleep(300)
            first, again, later = hook.sent
            assert (first.message.id, first.message.text) == (again.message.id, again.message.text)
            assert later.message.id != first.message.id
            assert states(await it.deliveries("1")) == {("delivered", None): 3}

    run(main)


def test_delay_then_group_then_only_what_is_still_so(tmp_path: Path) -> None:
    rule = "{name: d, when: {type: phase_changed}, delay: 20s, group: 1m, send: [{sink: hook, to: recipients}]}"

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(rule)) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1")
            assert states(await it.deliveries("1")) == {("pending", "delayed"): 2}
            await asyncio.sleep(25)
            assert states(await it.deliveries("1")) == {("expired", Reason.OVERTAKEN): 1, ("pending", "grouped"): 1}
            await asyncio.sleep(60)
            (sent,) = hook.sent
            assert sent.message.event.sequence == 5

    run(main)


def test_once_and_while_within_a_group(tmp_path: Path) -> None:
    rule = (
        "{name: o, when: {type: [phase_changed, status_changed]}, group: 1m, send: "
        "[{sink: hook, to: recipients, once: order, while: {phase: [preparing, ready]}}]}"
    )

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(rule)) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1")
            await asyncio.sleep(60)
            (sent,) = hook.sent
            assert sent.message.event.type == "phase_changed"
            found = states(await it.deliveries("1"))
            assert found["delivered", None] == 2, "once for each template: the status and the phase"
            assert found["skipped", Reason.ALREADY_TOLD] == 2

    run(main)


@pytest.mark.parametrize("restart", [False, True])
def test_what_was_to_be_told_once_and_was_overtaken_is_told_the_next_time(tmp_path: Path, restart: bool) -> None:
    rule = "{name: o, when: {phase: ready}, delay: 20s, send: [{sink: hook, to: recipients, once: order}]}"

    async def main() -> None:
        clock, storage, hook = VirtualClock(), Storage(1), people()
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=ruled(rule)) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "ready", "1")
            await step(it, "cooking", "1")
            await asyncio.sleep(20)
            assert states(await it.deliveries("1")) == {("expired", Reason.OVERTAKEN): 1}
            if not restart:
                await again(it)
        if restart:
            api = Api()
            api.answers["1"] = "cooking"
            async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=ruled(rule), api=api) as it:
                await asyncio.sleep(6)
                await again(it)

    async def again(it: Program) -> None:
        await step(it, "ready", "1")
        await asyncio.sleep(25)
        assert len(it.hook.sent) == 1
        await step(it, "cooking", "1")
        await step(it, "ready", "1")
        await asyncio.sleep(25)
        assert len(it.hook.sent) == 1, "that was once"
        assert states(await it.deliveries("1"))["skipped", Reason.ALREADY_TOLD] == 1

    run(main)


def test_webhooks_are_not_grouped(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, rules=ruled("{name: g, when: {}, group: 1m, send: [{sink: hook}]}")) as it:
            await it.follow("1")
            await step(it, "cooking", "1")
            assert it.sent() == ["tracked", "status_changed", "phase_changed"]

    run(main)


# --- caps -------------------------------------------------------------------------------------------------------------

CAP = "{recipient: 3/h}"


async def flood(it: Program, count: int, **recipient: Any) -> None:
    for number in range(count):
        await it.put(str(number), recipients=[recipient or ANN])
    await asyncio.sleep(2)
    for number in range(count):
        it.api.answers[str(number)] = "cooking"
    await asyncio.sleep(8)


def test_above_the_cap_one_digest_tells_what_was_held_back(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, caps=CAP)) as it:
            await flood(it, 12)
            assert len(hook.sent) == 3, "also of many at the same time"
            held = [each for each in await it.deliveries() if each.open]
            assert states(held) == {("pending", Reason.CAPPED): 9}
            shown = await waits(it.app.desk, held)
            assert all(BEGIN + HOUR < (each.until or 0) < BEGIN + HOUR + 5 * MINUTE for each in shown.values())
            await asyncio.sleep(3_700)
            assert len(hook.sent) == 4
            digest = hook.sent[3].message
            rest = [each for each in await it.deliveries() if each.group == DIGEST]
            assert states(rest) == {("delivered", None): 9}
            assert {each.message for each in rest} == {digest.id}
            assert "9" in digest.subject + digest.text
            assert all(each.facts is None for each in await it.deliveries())
            # It counts as one message: there is room for two more.
            for number in range(4):
                it.api.answers[str(number)] = "ready"
            await asyncio.sleep(8)
            assert len(hook.sent) == 6

    run(main)


def test_caps_are_for_each_recipient_and_for_all(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, caps="{recipient: 3/h, all: 5/h}")) as it:
            for number in range(8):
                await it.put(str(number), recipients=[ANN, BEN])
            await asyncio.sleep(2)
            await step(it, "cooking", *map(str, range(8)))
            to = Counter(each.message.to for each in hook.sent)
            assert sum(to.values()) == 5
            assert max(to.values()) == 3
            await asyncio.sleep(3_700)
            assert len(hook.sent) == 7, "one digest for each"
            assert states(await it.deliveries()) == {("delivered", None): 16}

    run(main)


def test_machines_know_no_caps_and_no_quiet_hours(tmp_path: Path) -> None:
    rules = ruled(STATUS, caps="{recipient: 1/h, all: 1/h}", quiet_hours=AFTERNOON)

    async def main() -> None:
        async with program(tmp_path, rules=rules) as it:
            await flood(it, 5)
            assert len(it.hook.sent) == 5

    run(main)


def test_failed_attempts_take_no_room(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        hook.outcomes.extend([Outcome("dead", "550", Reason.REFUSED, "no such user")] * 4)
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, caps=CAP)) as it:
            await flood(it, 6)
            await asyncio.sleep(30)
            assert len(hook.delivered) == 2
            assert states(await it.deliveries()) == {("dead", "no such user"): 4, ("delivered", None): 2}

    run(main)


def test_in_the_digest_is_nothing_that_has_expired_was_overtaken_or_removed(tmp_path: Path) -> None:
    rule = (
        "{name: r, when: {phase: preparing}, send: [{sink: hook, to: recipients, expires: 2h, "
        "while: {phase: [preparing, ready]}}]}"
    )

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(rule, caps="{recipient: 1/h}")) as it:
            await flood(it, 6)
            (first,) = hook.sent
            rest = [str(n) for n in range(6) if str(n) != key_of(first.message.event)]
            await step(it, "done", rest[0])
            await it.remove(rest[1])
            await asyncio.sleep(3_700)
            assert len(hook.sent) == 2
            ended = {key_of(each.event): (each.state, each.reason) for each in await it.deliveries()}
            assert ended[rest[0]] == ("expired", Reason.OVERTAKEN)
            assert ended[rest[1]] == ("expired", Reason.REMOVED)
            assert [ended[order] for order in rest[2:]] == [("delivered", None)] * 3

    run(main)


def test_held_back_by_a_cap_until_the_night_it_goes_in_the_morning(tmp_path: Path) -> None:
    rules = ruled(STATUS, caps="{recipient: 1/h}", quiet_hours="{from: '15:00', to: '17:00'}")

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=rules) as it:
            await flood(it, 4)
            await asyncio.sleep(3_700)
            assert len(hook.sent) == 1
            assert states([each for each in await it.deliveries() if each.open]) == {("pending", "quiet_hours"): 3}
            await asyncio.sleep(7_200)
            assert len(hook.sent) == 2
            assert (hook.sent[1].at - BEGIN) // 1000 == 3 * 3_600

    run(main)


def test_a_digest_that_fails_is_repeated_whole_and_counts_once(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(
            tmp_path, hook=hook, rules=ruled(STATUS, caps="{recipient: 1/h}"), sink=", retries: [5m]"
        ) as it:
            await flood(it, 4)
            hook.outcomes.append(AGAIN)
            await asyncio.sleep(4_200)
            _, first, again = hook.sent
            assert (first.message.id, first.message.text) == (again.message.id, again.message.text)
            assert [len(each.attempts) for each in await it.deliveries() if each.group == DIGEST] == [2] * 3

    run(main)


# --- kills ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["lost", "lost_after"])
@pytest.mark.parametrize("kind", ["group", "digest"])
@pytest.mark.parametrize("at_most_once", [False, True])
def test_a_lost_commit_repeats_no_message_of_several(tmp_path: Path, fault: Any, kind: str, at_most_once: bool) -> None:
    """Whichever commit of it is lost: what was sent is known, and is not sent again."""

    async def main(which: int) -> bool:
        hook = people(at_most_once=at_most_once)
        rules = ruled(GROUP) if kind == "group" else ruled(STATUS, caps="{recipient: 1/h}")
        async with program(tmp_path, hook=hook, rules=rules) as it:
            if kind == "group":
                await it.follow("1", recipients=[ANN])
                await step(it, "cooking", "1")
                await step(it, "ready", "1")
            else:
                await flood(it, 4)
                await asyncio.sleep(3_500)
            struck = _strike(it, fault, which)
            before = len(hook.sent)
            await asyncio.sleep(400)
            assert len(hook.sent) == before + 1
            assert {each.state for each in await it.deliveries()} == {"delivered"}
            return struck()

    for which in range(4):
        if not run(lambda which=which: main(which)):  # type: ignore[misc]
            assert which >= 2, "there is one commit before it is sent, and one after"
            return


def _strike(it: Program, fault: Any, which: int) -> Callable[[], bool]:
    """The n-th commit of deliveries from now on fails; whether it came to it."""
    (shard,) = it.app.supervisor.shards.values()
    commit, count = shard.lease.commit, 0

    async def watched(changes: Any, /) -> None:
        nonlocal count
        if any(change.deliveries for change in changes):
            if count == which:
                it.backend.fail(0, fault)
            count += 1
        await commit(changes)

    shard.lease.commit = watched  # type: ignore[method-assign]
    return lambda: count > which


@pytest.mark.parametrize("kind", ["group", "digest"])
@pytest.mark.parametrize("at_most_once", [False, True])
@pytest.mark.parametrize("when", ["before", "sent"])
def test_a_kill_loses_nothing_and_repeats_at_most_once(
    tmp_path: Path, kind: str, at_most_once: bool, when: str
) -> None:
    """Killed while it is being sent, or after it was taken and before that was recorded."""
    rules = ruled(GROUP) if kind == "group" else ruled(STATUS, caps="{recipient: 1/h}")

    async def main() -> None:
        clock, storage, hook = VirtualClock(), Storage(1), people(at_most_once=at_most_once)
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=rules, stop=0.1) as it:
            original = hook.send

            async def send(message: Message, now: int) -> Outcome:
                if hook.sent or kind == "group":
                    if when == "sent":
                        await original(message, now)
                    await asyncio.sleep(10_000)
                return await original(message, now)

            hook.send = send  # type: ignore[method-assign]
            if kind == "group":
                await it.follow("1", recipients=[ANN])
                await step(it, "cooking", "1")
                await step(it, "ready", "1")
                await asyncio.sleep(70)
            else:
                await flood(it, 4)
                await asyncio.sleep(3_700)
            first = list(hook.sent)
        hook.send = original  # type: ignore[method-assign]
        async with program(tmp_path, storage=storage, clock=clock, hook=hook, rules=rules, api=it.api) as it:
            await asyncio.sleep(100)
            again = hook.sent[len(first) :]
            expected = (
                {("delivered", None), ("dead", Reason.OUTCOME_UNKNOWN)} if at_most_once else {("delivered", None)}
            )
            assert set(states(await it.deliveries())) <= expected
            assert len(again) == (0 if at_most_once else 1)
            if again and when == "sent":
                assert (again[0].message.id, again[0].message.text) == (first[-1].message.id, first[-1].message.text)

    run(main)


# --- words ------------------------------------------------------------------------------------------------------------


def own(folder: Path, **texts: str) -> str:
    """A folder of templates in English, as a configuration names it."""
    where = folder / "messages" / "en"
    where.mkdir(parents=True)
    for name, text in texts.items():
        (where / f"{name}.message.txt.j2").write_text(text)
    return f"{{folder: '{where.parent}'}}"


def test_a_template_that_fails_is_dead_and_stands_in_nobodys_way(tmp_path: Path) -> None:
    failing = own(tmp_path, status_changed="{% if order.status == 'cooking' %}{{ 1 // (count - 1) }}{% endif %}fine")

    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, templates=failing)) as it:
            await it.follow("1", recipients=[ANN])
            await it.follow("2", recipients=[ANN])
            await step(it, "cooking", "1")
            await step(it, "ready", "1", "2")
            assert len(hook.sent) == 2
            dead = await it.deliveries(state="dead")
            assert [(each.reason, len(each.attempts)) for each in dead] == [(Reason.TEMPLATE_ERROR, 0)]
            assert dead[0].facts is not None, "an operator may mend the template, and try again"

    run(main)


def test_in_a_digest_it_silences_nobody_else(tmp_path: Path) -> None:
    failing = own(tmp_path, status_changed="{% if order.id == '2' %}{{ 1 // (count - 1) }}{% endif %}fine")

    async def main() -> None:
        hook = people()
        rules = ruled(STATUS, templates=failing, caps="{recipient: 1/h}")
        async with program(tmp_path, hook=hook, rules=rules) as it:
            await flood(it, 5)
            await asyncio.sleep(3_700)
            found = states(await it.deliveries())
            assert found == {("delivered", None): 4, ("dead", Reason.TEMPLATE_ERROR): 1}
            assert len(hook.sent) == 2

    run(main)


def test_a_dead_delivery_says_the_same_when_it_is_tried_again(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        hook.outcomes.append(Outcome("dead", "550", Reason.REFUSED, "no such user"))
        async with program(tmp_path, hook=hook, rules=ruled(STATUS)) as it:
            await it.follow("1", recipients=[ANN | {"locale": "ru"}])
            await step(it, "cooking", "1")
            (dead,) = await it.deliveries("1")
            await step(it, "ready", "1")
            await it.app.desk.retry(dead.key, dead.id)
            await asyncio.sleep(2)
            first, _, again = hook.sent
            assert (first.message.text, first.message.subject) == (again.message.text, again.message.subject)
            assert first.message.id == again.message.id == dead.id
            assert first.message.html
            assert (await it.deliveries("1"))[-1].facts is None

    run(main)


@pytest.mark.parametrize(("body", "words"), [("{say: '{text}'}", True), ("{say: '{type}'}", False)])
def test_a_webhooks_own_body_is_given_words_where_it_asks_for_them(tmp_path: Path, body: str, words: bool) -> None:
    async def main() -> None:
        async with program(
            tmp_path, rules=ruled("{name: e, when: {}, send: [{sink: hook}]}"), sink=f", body: {body}"
        ) as it:
            await it.follow("1", recipients=[ANN])
            await step(it, "cooking", "1")
            assert [bool(each.message.text) for each in it.hook.sent] == [words] * 3
            assert all(each.facts is None for each in await it.deliveries())

    run(main)


def test_many_who_wait_for_the_same_room_are_told_one_after_the_other(tmp_path: Path) -> None:
    async def main() -> None:
        hook = people()
        async with program(tmp_path, hook=hook, rules=ruled(STATUS, caps="{all: 10/m}")) as it:
            for number in range(60):
                await it.put(str(number), recipients=[{"webhook": f"https://{number}.example.org/"}])
            await asyncio.sleep(2)
            view, asked = it.backend.view, 0
            original = view.count_sent

            async def count_sent(*args: Any, **more: Any) -> int:
                nonlocal asked
                asked += 1
                return await original(*args, **more)

            view.count_sent = count_sent  # type: ignore[method-assign]
            await step(it, "cooking", *map(str, range(60)))
            await asyncio.sleep(420)
            assert states(await it.deliveries()) == {("delivered", None): 60}
            taken = [each.at for each in hook.sent]
            for at in taken:
                assert len([other for other in taken if at <= other < at + MINUTE]) <= 10
            assert max(taken) - min(taken) < 6 * MINUTE
            assert asked < 60 * 30

    run(main)
