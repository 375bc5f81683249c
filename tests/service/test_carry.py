"""What one lease leaves to the next: the newest of each, until it is durable; sends under way are waited for."""

import pytest

from notifier.model import Attempt, CloudEvent, Delivery, DeliveryState, Look
from notifier.service.carry import KEPT_FOR, Carry

NOW = 1_795_258_800_000


def delivery(state: DeliveryState = "pending", *attempts: int) -> Delivery:
    return Delivery(
        id="d",
        key="shop/1",
        event=CloudEvent(attributes={}, data=b""),
        rule="r",
        sink="hook",
        endpoint="hook:x",
        state=state,
        attempts=tuple(Attempt(at=at, outcome="again") for at in attempts),
        created_at=NOW,
    )


def look(began: int) -> Look:
    return Look(began=began, ended=began + 10)


def test_of_looks_the_newest_of_each_order_is_kept_until_it_is_applied_or_too_old() -> None:
    carry, first, second = Carry(), look(NOW), look(NOW + 5)
    carry.look("a", second)
    carry.look("a", first)
    carry.look("b", first)
    assert carry.looks(NOW + 100) == [("a", second), ("b", first)]
    carry.applied("a", first)  # another one has taken its place meanwhile
    carry.applied("b", first)
    assert carry.looks(NOW + 100) == [("a", second)]
    assert carry.looks(NOW + 15 + KEPT_FOR) == []


@pytest.mark.parametrize(
    ("kept", "restored", "newer"),
    [
        (delivery("delivered", 1, 2), delivery("pending", 1), True),
        (delivery("delivered", 1), delivery("pending"), True),
        (delivery("pending", 1, 2), delivery("pending", 1, 2), False),
        (delivery("dead", 1, 2), delivery("pending", 1, 2), False),  # an operator wants it once more
        (delivery("pending", 1), delivery("pending", 1, 2), False),
        (delivery("pending", 1), delivery("sending", 1), True),  # it is known that it was not sent
        (delivery("delivered", *range(1, 22)), delivery("pending", *range(21)), True),
    ],
)
def test_the_later_attempt_counts(kept: Delivery, restored: Delivery, newer: bool) -> None:
    carry = Carry()
    carry.delivery(kept)
    assert (carry.newer(restored) is kept) == newer
    assert carry.newer(restored) is restored  # told once


def test_outcomes_of_what_is_finished_are_forgotten() -> None:
    carry = Carry()
    carry.delivery(delivery("delivered", 1))
    carry.restored(["another"])
    restored = delivery()
    assert carry.newer(restored) is restored


def test_who_comes_second_is_called_when_the_first_has_ended() -> None:
    carry, called = Carry(), []
    assert carry.begin("d", lambda: called.append("never"))
    assert not carry.begin("d", lambda: called.append("second"))
    assert called == []
    carry.end("d")
    assert called == ["second"]
    assert carry.begin("d", lambda: called.append("never"))
    carry.end("d")
    assert called == ["second"]
