"""An order in memory: what tells an unchanged answer, whichever way its state is packed."""

from typing import Any, cast

import pytest
from msgspec.structs import replace

from notifier import codec
from notifier.model import Entry, Phase, Snapshot, State
from notifier.service.orders import Order

T = 1_795_258_800_000
LAST, OTHER = bytes(range(100, 115)), bytes(range(15))


def an_order(entries: int = 0, **changed: Any) -> Order:
    past = tuple(Entry(kind="history", value="STATUS_UPDATE", at=T + at) for at in range(entries))
    state = State(
        key="trips/1", life=T, snapshot=Snapshot(status="driving", entries=past), phase=Phase.ASSIGNED, tracked=True
    )
    packed = codec.pack_state(replace(state, **{"digest": LAST, **changed}))
    return Order("trips/1", "trips", b"", packed, cast(Any, None), T)


@pytest.mark.parametrize("entries", [0, 200], ids=["short", "deflated"])
def test_the_last_accepted_answer_and_no_other_is_unchanged(entries: int) -> None:
    order = an_order(entries)
    assert (LAST in order.state) is (entries == 0)
    assert order.unchanged(LAST)
    assert not order.unchanged(OTHER)


@pytest.mark.parametrize("entries", [0, 200], ids=["short", "deflated"])
@pytest.mark.parametrize(
    "restless", [{"doubt": "x"}, {"misses": 1}, {"failures": 1}, {"stalled": True}, {"digest": b""}]
)
def test_of_an_order_that_is_not_calm_every_answer_is_read(entries: int, restless: dict[str, Any]) -> None:
    assert not an_order(entries, **restless).unchanged(LAST)


def test_a_new_state_is_compared_from_then_on() -> None:
    for before, after in ((0, 200), (200, 0)):
        order = an_order(before)
        new = an_order(after, digest=OTHER).state
        order.remember(new, codec.unpack_state(new))
        assert order.unchanged(OTHER)
        assert not order.unchanged(LAST)
