"""Begin, retire, resume, add again; and what one look costs."""

import time

from notifier.model import Phase, State
from notifier.sources.lifecycles import TAXI, TRACK_TRACE
from notifier.tracking import advance, begin, calm, readd, resume, retire
from tests.tracking.build import SETTINGS, Order, brief, happened, logged, look, snap


def test_begin() -> None:
    state = begin("trips/1", 1_234)
    assert (state.key, state.life, state.sequence, state.changed_at) == ("trips/1", 1_234, 0, 1_234)
    assert (state.tracked, state.phase, state.certain) == (False, Phase.UNKNOWN, False)


def test_retire() -> None:
    state = retire(begin("trips/1", 1), 50, "given_up")
    assert (state.retired_at, state.retirement) == (50, "given_up")


def removed(*looks: State) -> Order:
    order = Order(TRACK_TRACE)
    order.see(snap("new", logged("new", 10)))
    order.see(snap("weird", logged("new", 10), logged("weird", 20), happened("ABDUCTED", 25)))
    order.state = retire(order.state, 2_000, "removed")
    return order


def test_added_again_after_removal() -> None:
    order = removed()
    sequence, life = order.state.sequence, order.state.life
    order.state = readd(order.state, 3_000)
    assert (order.state.retired_at, order.state.retirement, order.state.changed_at) == (None, None, 3_000)
    assert not calm(order.state)
    events = order.see(
        snap("finished", logged("new", 10), logged("weird", 20), happened("ABDUCTED", 25), logged("finished", 30)),
        at=3_010,
    )
    assert brief(events) == [("tracked",)]
    assert events[0].after == {"status": "finished", "phase": "completed"}
    assert (events[0].before, events[0].sequence, events[0].life) == (None, sequence + 1, life)
    assert order.state.terminal_since == 3_015


def test_added_again_what_was_reported_stays_reported() -> None:
    order = removed()
    order.state = readd(order.state, 3_000)
    known = (logged("new", 10), logged("weird", 20), happened("ABDUCTED", 25))
    assert brief(order.see(snap("weird", *known))) == [("tracked",)]
    assert brief(order.see(snap("weird", *known, happened("ABDUCTED", 40)))) == [("history", "ABDUCTED")]


def test_added_again_an_expired_order_keeps_its_phase() -> None:
    order = Order()
    order.see(snap("waiting"))
    order.state = readd(retire(order.state, 2_000, "removed"), 3_000)
    [tracked] = order.see(snap("expired"))
    assert tracked.after == {"status": "expired", "phase": "arrived"}


def test_added_again_forgets_doubts_and_misses() -> None:
    order = Order()
    order.see(snap("waiting"))
    order.see(snap("driving"))
    order.see("not_found")
    order.state = readd(retire(order.state, 2_000, "removed"), 3_000)
    assert (order.state.doubt, order.state.misses, order.state.stalled) == (None, 0, False)
    assert brief(order.see(snap("driving"))) == [("tracked",)]


def test_a_retired_order_goes_on_without_tracked() -> None:
    order = Order()
    order.see(snap("transporting"))
    order.see(snap("complete"))
    order.state = resume(retire(order.state, 2_000, "terminal"), 5_000)
    assert (order.state.retired_at, order.state.retirement, order.state.terminal_since) == (None, None, 5_000)
    assert order.see(snap("complete"), at=5_010) == []
    assert order.state.terminal_since == 5_000
    assert brief(order.see(snap("finished"), at=5_020)) == [("status", "complete > finished")]


def test_an_accepted_changed_look_costs_less_than_150_us() -> None:
    """CPU time of the best of some runs, so that a busy machine does not matter."""
    entries = tuple(
        entry for at in range(0, 200, 20) for entry in (logged("confirmed", at), happened("STATUS_UPDATE", at))
    )
    taxi = advance(begin("a/1", 1), look(10, snap("search")), TAXI, SETTINGS).state
    track = advance(begin("a/1", 1), look(10, snap("confirmed", *entries)), TRACK_TRACE, SETTINGS).state
    finished = (*entries, logged("finished", 300), happened("STATUS_UPDATE", 300))

    def cost(state: State, answer: str) -> float:
        one = look(20, snap("complete") if answer == "taxi" else snap("finished", *finished))
        lifecycle = TAXI if answer == "taxi" else TRACK_TRACE
        began = time.process_time()
        for _ in range(100):
            assert advance(state, one, lifecycle, SETTINGS).events
        return (time.process_time() - began) / 100

    assert min(cost(taxi, "taxi") for _ in range(5)) < 150e-6
    assert min(cost(track, "track") for _ in range(5)) < 150e-6
