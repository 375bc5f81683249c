"""Whose turn it is in a lane, and who waits for whom."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from notifier.model import DIGEST, Delivery
from notifier.routing.attempt import bind, hold, retry
from notifier.routing.gate import Hold
from notifier.routing.line import Wait, aside, companions, place, turn, wait
from tests.routing.make import T, delivery, event


def one(sequence: int, **fields: Any) -> Delivery:
    return delivery(event(sequence=sequence), created_at=T + sequence, **{"id": f"d{sequence}", **fields})


QUIET = one(1, due=T + 900, held="quiet_hours")
RETRYING = one(2, due=T + 300, held="retrying")
DUE = one(3, due=T)


def test_what_is_due_goes_in_order() -> None:
    assert turn([DUE, one(4)], T) == (DUE, T)
    assert turn([RETRYING, DUE], T) == (RETRYING, T + 300), "strictly: nothing overtakes what waits for the other side"


def test_what_the_rules_put_off_lets_others_pass_until_its_time() -> None:
    assert turn([QUIET, DUE], T) == (DUE, T)
    assert turn([QUIET, RETRYING], T) == (RETRYING, T + 300)
    assert turn([QUIET], T) == (QUIET, T + 900)
    soon = one(1, due=T + 100, held="delayed")
    assert turn([soon, RETRYING], T) == (soon, T + 100)
    assert turn([QUIET, DUE], T + 900) == (QUIET, T + 900)


@pytest.mark.parametrize(
    ("each", "waits"),
    [
        (QUIET, Wait(T + 900, "quiet_hours")),
        (RETRYING, Wait(T + 300, "retrying")),
        (DUE, Wait(T + 300, "in_line")),
    ],
)
def test_what_each_waits_for(each: Delivery, waits: Wait) -> None:
    assert wait(each, [QUIET, RETRYING, DUE], T) == waits


def test_a_group_waits_for_its_first() -> None:
    first = one(1, due=T + 50, held="grouped", group="g")
    second = one(2, due=T + 80, held="grouped", group="g")
    other = one(3, due=T + 20, held="grouped", group="h")

    assert wait(second, [first, second, other], T) == Wait(T + 50, "grouped")
    assert companions(first, [first, second, other], T + 50) == [second]
    assert companions(DUE, [DUE, first], T) == []


def test_what_is_delayed_has_yet_to_show_that_it_is_still_so() -> None:
    first = one(1, due=T, held="grouped", group="g")
    later = one(2, due=T + 80, held="delayed", group="g")

    assert companions(first, [first, later], T) == []
    assert companions(first, [first, later], T + 80) == [later]


def test_one_message_stays_one() -> None:
    group = [one(n, due=T, held="grouped", group="g") for n in (1, 2)]
    late = one(3, due=T, held="grouped", group="g")
    first, second = bind(group)

    assert first.message == second.message
    assert first.message not in (None, first.id, second.id)
    assert bind([first, second]) == (first, second)
    assert companions(first, [first, second, late], T) == [second]
    assert companions(late, [first, second, late], T) == []
    assert bind(group)[0].message == first.message, "the same message has the same id, whoever makes it"


def test_a_single_one_of_a_group_keeps_its_own_id_and_is_joined_by_nobody() -> None:
    (alone,) = bind([one(1, group="g")])

    assert alone.message == "d1"
    assert companions(alone, [alone, one(2, group="g")], T) == []
    assert bind([one(1)]) == (one(1),)


def held_back(sequence: int, order: str, **fields: Any) -> Delivery:
    """By a cap, in the lane of its address."""
    return one(sequence, **{"key": f"shop/{order}", "group": DIGEST, "due": T, "held": "capped", **fields})


def test_in_the_lane_of_an_address_each_order_has_a_line_of_its_own() -> None:
    first, second = (
        replace(each, due=T + 300, held="retrying", tries=1) for each in bind([held_back(1, "a"), held_back(2, "b")])
    )
    behind, other = held_back(3, "b"), held_back(4, "c")
    queue = [first, second, behind, other]

    assert first.message == second.message
    assert turn(queue, T) == (other, T), "an order that the digest does not tell of goes on"
    assert companions(other, queue, T) == []
    assert wait(behind, [second, behind], T) == Wait(T + 300, "in_line")
    assert turn(queue, T + 300) == (other, T)
    assert turn([first, second, behind], T + 300) == (first, T + 300)
    assert companions(first, queue, T + 300) == [second]


def test_what_stands_between_two_of_one_message_does_not_part_them() -> None:
    first, third = (
        replace(each, due=T, held="retrying", tries=1) for each in bind([held_back(1, "a"), held_back(3, "a")])
    )
    second = held_back(2, "a")

    assert companions(first, [first, second, third], T) == [third]


def test_one_message_is_due_as_one() -> None:
    """That of which one is not yet due by itself is on its way all the same."""
    bound = bind([held_back(1, "a"), held_back(2, "b", due=T + 900)])

    assert [each.due for each in bound] == [T, T]
    assert not any(aside(each, T) for each in bound)


def test_before_a_place() -> None:
    put_off, late = one(1, due=T + 50, held="delayed"), one(3, due=T)

    assert turn([put_off, late], T, before=place(one(2))) == (put_off, T + 50)
    assert turn([late], T, before=place(one(2))) is None


def test_once_attempted_a_message_stays_that_message() -> None:
    """It may have arrived: in other words or under another id it would be told twice."""
    first, _ = (replace(each, tries=1) for each in bind([one(1, group="g"), one(2, group="g")]))
    alone = replace(one(3), tries=1)

    night = hold(first, Hold(T + 9, "quiet_hours"))
    assert (night.message, night.group) == (first.message, "g")
    assert aside(night, T)
    for each in first, alone:
        capped = hold(each, Hold(T + 9, "capped"))
        assert (capped.message, capped.group, capped.lane) == (each.message, each.group, each.lane)
        assert not aside(capped, T), "what is newer waits: it would be told first"


def test_put_off_it_leaves_its_message() -> None:
    first, _ = bind([one(1, group="g"), one(2, group="g")])

    assert hold(first, Hold(T + 9, "quiet_hours")).message is None
    capped = hold(first, Hold(T + 9, "capped"))
    assert (capped.group, capped.message, capped.lane) == (DIGEST, None, ("hook", None, ""))
    again = retry(replace(capped, state="dead"), T)
    assert (again.group, again.message, again.lane) == (None, None, ("hook", None, capped.key))


queues = st.lists(
    st.tuples(
        st.integers(-50, 50), st.sampled_from([None, "retrying", "delayed", "quiet_hours", "grouped"]), st.booleans()
    ),
    min_size=1,
    max_size=6,
).map(
    lambda drawn: [
        one(n, due=T + due, held=held, group="g" if grouped else None)
        for n, (due, held, grouped) in enumerate(drawn, 1)
    ]
)


@given(queues)
def test_the_one_whose_turn_it_is_waits_for_nobody_and_all_others_know_for_whom(queue: list[Delivery]) -> None:
    found = turn(queue, T)
    assert found is not None
    lead, due = found
    assert lead in queue
    assert due == lead.due
    assert wait(lead, queue, T).reason != "in_line"
    before = queue[: queue.index(lead)]
    assert all(aside(each, T) for each in before)
    for each in queue:
        if wait(each, queue, T).reason == "in_line":
            assert not aside(each, T)
            assert any(not aside(other, T) for other in queue[: queue.index(each)])
