from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.errors import Reason
from notifier.model import Cost, EventType, Performer, Phase, Schedule, Snapshot, State, Vehicle
from notifier.routing.attempt import drop, finish, hold
from notifier.routing.gate import DEFERRED, Drop, Go, Hold, decide
from notifier.routing.rules import Rule, Send, When
from tests.routing.make import T, delivery, event, rule, state

ARRIVED = state(phase=Phase.ARRIVED, certain=True, snapshot=Snapshot(status="waiting"))
RIDING = state(phase=Phase.IN_PROGRESS, certain=True, snapshot=Snapshot(status="transporting"))
UNSURE = state(phase=Phase.IN_PROGRESS, certain=False, snapshot=Snapshot(status="expired"))
WHILE_ARRIVED = rule(Send(sink="hook", while_phases=frozenset({Phase.ARRIVED})))
DELAYED = rule(Send(sink="hook"), delay=60_000)


def test_what_is_due_goes() -> None:
    assert decide(delivery(), rule(Send(sink="hook")), ARRIVED, T) == Go()


def test_a_vanished_rule_or_order_does_not_stop_it() -> None:
    assert decide(delivery(), None, None, T) == Go()
    assert decide(delivery(), rule(), RIDING, T) == Go()


@pytest.mark.parametrize(
    ("now", "verdict"),
    [(T + 9, Go()), (T + 10, Drop("expired", Reason.EXPIRED)), (T + 11, Drop("expired", Reason.EXPIRED))],
)
def test_expiry(now: int, verdict: Any) -> None:
    assert decide(delivery(expires=T + 10), None, ARRIVED, now) == verdict


@pytest.mark.parametrize(
    ("known", "verdict"),
    [(ARRIVED, Go()), (RIDING, Drop("expired", Reason.OVERTAKEN)), (UNSURE, Go()), (None, Go())],
)
def test_while_needs_to_know_that_it_is_another_phase(known: State | None, verdict: Any) -> None:
    assert decide(delivery(), WHILE_ARRIVED, known, T) == verdict


def test_while_belongs_to_the_send_that_made_the_delivery() -> None:
    guarded = Send(sink="mail", to=("a@example.org",), while_phases=frozenset({Phase.ARRIVED}))
    both = rule(Send(sink="mail", to=("b@example.org",)), guarded)
    mine = delivery(sink="mail", to="a@example.org", template="phase_changed")

    assert decide(mine, both, RIDING, T) == Drop("expired", Reason.OVERTAKEN)
    assert decide(delivery(sink="mail", to="b@example.org", template="phase_changed"), both, RIDING, T) == Go()
    assert decide(delivery(sink="mail", to="a@example.org", template="other"), both, RIDING, T) == Go()


def test_a_disabled_endpoint_is_the_end_unless_an_operator_retries() -> None:
    assert decide(delivery(), None, ARRIVED, T, disabled=True) == Drop("dead", Reason.ENDPOINT_DISABLED)
    assert decide(delivery(retried=True), None, ARRIVED, T, disabled=True) == Go()


def test_a_held_endpoint_holds_with_its_reason() -> None:
    assert decide(delivery(), None, ARRIVED, T, held_until=T + 30_000) == Hold(T + 30_000, "retry_after")
    assert decide(delivery(), None, ARRIVED, T, held_until=T + 5, held_reason="breaker_open") == Hold(
        T + 5, "breaker_open"
    )
    assert decide(delivery(), None, ARRIVED, T, held_until=T) == Go()


def test_a_hold_ends_when_the_delivery_expires() -> None:
    assert decide(delivery(expires=T + 7), None, ARRIVED, T, held_until=T + 30_000) == Hold(T + 7, "retry_after")


def test_what_is_not_due_waits() -> None:
    assert decide(delivery(due=T + 5, held="delayed"), DELAYED, ARRIVED, T) == Hold(T + 5, "delayed")


REMOVED = state(phase=Phase.ARRIVED, certain=True, retirement="removed", retired_at=T)


@pytest.mark.parametrize(
    ("fields", "verdict"),
    [
        ({"due": T + 1, "held": "delayed"}, Drop("expired", Reason.REMOVED)),
        ({"due": T + 1, "held": "quiet_hours"}, Drop("expired", Reason.REMOVED)),
        ({"due": T, "held": "delayed"}, Go()),  # was due when it was removed
        ({"due": T + 1, "held": "retrying"}, Go()),  # was due; only the other side keeps it waiting
        ({"due": T + 1}, Go()),
    ],
)
def test_of_a_removed_order_only_what_was_deferred_is_dropped(fields: dict[str, Any], verdict: Any) -> None:
    assert decide(delivery(**fields), None, REMOVED, T + 1) == verdict
    assert decide(delivery(**fields), None, None, T + 1, removed_at=T) == verdict


def test_a_retired_order_is_not_a_removed_one() -> None:
    retired = state(phase=Phase.COMPLETED, certain=True, retirement="terminal", retired_at=T)

    assert decide(delivery(due=T + 1, held="delayed"), None, retired, T + 1) == Go()


def test_a_delayed_message_goes_only_if_still_so() -> None:
    due = delivery(due=T + 60_000, held="delayed")

    assert decide(due, DELAYED, ARRIVED, T + 60_000) == Go()
    assert decide(due, DELAYED, RIDING, T + 60_000) == Drop("expired", Reason.OVERTAKEN)
    assert decide(due, DELAYED, UNSURE, T + 60_000) == Go()
    assert decide(due, rule(Send(sink="hook")), RIDING, T + 60_000) == Go()


def changed(type: EventType, **after: Any) -> Any:
    return delivery(event(type, before=None, after=after or None, status="waiting"))


@pytest.mark.parametrize(
    ("made", "now", "still"),
    [
        (changed(EventType.STATUS_CHANGED, status="waiting"), ARRIVED, True),
        (changed(EventType.STATUS_CHANGED, status="waiting"), RIDING, False),
        (changed(EventType.LOST), state(lost=True), True),
        (changed(EventType.LOST), state(lost=False), False),
        (changed(EventType.STALLED), state(stalled=True), True),
        (changed(EventType.STALLED), state(stalled=False), False),
        (changed(EventType.HISTORY_ADDED, event="ARRIVAL", at="2026-11-21T10:00:00.000Z"), RIDING, True),
        (
            changed(EventType.COST_CHANGED, amount=10.0, with_vat=None),
            state(snapshot=Snapshot(status="s", cost=Cost(amount=10))),
            True,
        ),
        (
            changed(EventType.COST_CHANGED, amount=10.0, with_vat=None),
            state(snapshot=Snapshot(status="s", cost=Cost(amount=11))),
            False,
        ),
        (changed(EventType.COST_CHANGED, amount=10.0, with_vat=None), state(snapshot=Snapshot(status="s")), True),
        (
            changed(EventType.SCHEDULE_CHANGED, start="2026-11-21T11:00:00.000Z", end=None),
            state(snapshot=Snapshot(status="s", schedule=Schedule(start=T))),
            True,
        ),
        (
            changed(EventType.SCHEDULE_CHANGED, start="2026-11-21T11:00:00.000Z", end=None),
            state(snapshot=Snapshot(status="s", schedule=Schedule(start=T + 1))),
            False,
        ),
    ],
)
def test_still_so_by_type(made: Any, now: State, still: bool) -> None:
    assert decide(made, DELAYED, now, T) == (Go() if still else Drop("expired", Reason.OVERTAKEN))


@pytest.mark.parametrize(("color", "still"), [("white", True), ("black", False), (None, True)])
def test_a_performer_is_compared_by_what_left_the_house(color: str | None, still: bool) -> None:
    made = delivery(
        event(
            EventType.PERFORMER_CHANGED,
            before=None,
            after={"name": "Ivan", "phone": None, "vehicle": {"model": "Kia", "color": "white", "plate": "A1"}},
            snapshot=Snapshot(status="waiting", performer=Performer(vehicle=Vehicle(model="Kia", plate="A1"))),
        )
    )
    now = state(
        snapshot=Snapshot(status="s", performer=Performer(name="Other", vehicle=Vehicle(model="Kia", color=color)))
    )

    assert decide(made, DELAYED, now, T) == (Go() if still else Drop("expired", Reason.OVERTAKEN))


def test_a_delay_is_asked_about_before_the_first_attempt_only() -> None:
    assert decide(delivery(retried=True), DELAYED, RIDING, T) == Go()


def test_a_delayed_rule_about_a_phase_asks_for_the_phase() -> None:
    tracked = delivery(event(EventType.TRACKED, before=None, after={"status": "waiting", "phase": "arrived"}))
    asks = rule(Send(sink="hook"), when=When(type=frozenset({"tracked"}), phase=frozenset({"arrived"})), delay=1)

    assert decide(tracked, asks, RIDING, T) == Drop("expired", Reason.OVERTAKEN)
    assert decide(tracked, DELAYED, RIDING, T) == Go()


moments = st.integers(T - 100, T + 100)


@given(
    st.builds(
        lambda due, expires, held, retried: delivery(due=due, expires=expires, held=held, retried=retried),
        moments,
        st.one_of(st.none(), moments),
        st.sampled_from([None, "delayed", "retrying"]),
        st.booleans(),
    ),
    st.sampled_from([None, WHILE_ARRIVED, DELAYED]),
    st.sampled_from([None, ARRIVED, RIDING, UNSURE, REMOVED]),
    moments,
    st.booleans(),
    st.one_of(st.none(), moments),
)
def test_a_hold_always_moves_on(
    made: Any, by: Rule | None, known: State | None, now: int, disabled: bool, held: int | None
) -> None:
    """Whatever is asked: a hold ends in the future, and what has expired is never sent or held."""
    verdict = decide(made, by, known, now, disabled=disabled, held_until=held)

    if isinstance(verdict, Hold):
        assert verdict.until > now
    if made.expires is not None and made.expires <= now:
        assert verdict == Drop("expired", Reason.EXPIRED)
    if verdict == Go():
        assert made.due <= now
        assert held is None or held <= now


# --- quiet hours, caps, groups ----------------------------------------------------------------------------------------

CRITICAL = rule(Send(sink="hook"), critical=True)
GROUPED = rule(Send(sink="hook"), group=50, delay=20)


def test_quiet_hours_hold_what_is_not_critical() -> None:
    assert decide(delivery(), rule(Send(sink="hook")), None, T, quiet_until=T + 9) == Hold(T + 9, "quiet_hours")
    assert decide(delivery(), CRITICAL, None, T, quiet_until=T + 9) == Go()
    assert decide(delivery(), rule(Send(sink="hook")), None, T, quiet_until=T) == Go()


def test_without_its_rule_a_delivery_is_critical_by_its_template() -> None:
    assert decide(delivery(template="driver_arrived"), None, None, T, quiet_until=T + 9) == Go()
    assert decide(delivery(template="phase_changed"), None, None, T, quiet_until=T + 9) == Hold(T + 9, "quiet_hours")


def test_an_operators_retry_wakes_nobody() -> None:
    assert decide(delivery(retried=True), None, None, T, quiet_until=T + 9) == Hold(T + 9, "quiet_hours")


def test_what_expires_in_quiet_hours_is_looked_at_then() -> None:
    assert decide(delivery(expires=T + 5), None, None, T, quiet_until=T + 9) == Hold(T + 5, "quiet_hours")
    assert decide(delivery(expires=T + 5, due=T + 5, held="quiet_hours"), None, None, T + 5, quiet_until=T + 9) == Drop(
        "expired", Reason.EXPIRED
    )


def test_caps_hold_critical_ones_too() -> None:
    assert decide(delivery(), CRITICAL, None, T, full_until=T + 9) == Hold(T + 9, "capped")
    assert decide(delivery(), CRITICAL, None, T, full_until=T) == Go()


def test_a_group_begins_after_the_delay_if_it_is_still_so() -> None:
    made = delivery(due=T + 20, held="delayed", group="g")

    assert decide(made, GROUPED, ARRIVED, T + 20) == Hold(T + 70, "grouped")
    assert decide(made, GROUPED, RIDING, T + 20) == Drop("expired", Reason.OVERTAKEN)
    assert decide(made, GROUPED, ARRIVED, T + 70) == Go()  # nobody was there to look at it in time
    assert decide(delivery(due=T + 70, held="grouped", group="g"), GROUPED, ARRIVED, T + 70) == Go()
    assert decide(delivery(due=T + 20, held="delayed"), GROUPED, ARRIVED, T + 20) == Go()  # a webhook's


def test_what_joins_another_does_not_wait_for_its_own_time() -> None:
    made = delivery(due=T + 40, held="grouped", group="g")

    assert decide(made, GROUPED, ARRIVED, T) == Hold(T + 40, "grouped")
    assert decide(made, GROUPED, ARRIVED, T, joins=True) == Go()
    assert decide(made, GROUPED, RIDING, T, joins=True) == Drop("expired", Reason.OVERTAKEN)
    assert decide(delivery(due=T + 4, expires=T), GROUPED, None, T, joins=True) == Drop("expired", Reason.EXPIRED)


@given(
    critical=st.booleans(),
    delay=st.integers(0, 3) | st.none(),
    group=st.integers(0, 3) | st.none(),
    expires=st.integers(0, 80) | st.none(),
    quiet=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=3),
    full=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=3),
    held=st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), max_size=2),
    leaves=st.integers(0, 100) | st.none(),
    late=st.integers(0, 5),
)
def test_whatever_stands_in_its_way_it_ends_in_time_and_never_out_of_it(
    critical: bool,
    delay: int | None,
    group: int | None,
    expires: int | None,
    quiet: list[tuple[int, int]],
    full: list[tuple[int, int]],
    held: list[tuple[int, int]],
    leaves: int | None,
    late: int,
) -> None:
    """A delivery is followed through quiet hours, full caps and held endpoints (begin, length; in minutes)."""
    by = rule(
        Send(sink="hook", while_phases=frozenset({Phase.ARRIVED})),
        critical=critical,
        delay=delay and delay * MINUTE,
        group=group and group * MINUTE,
    )
    end = None if expires is None else T + expires * MINUTE
    wait = (delay or group or 0) * MINUTE  # as it is routed
    first = "delayed" if delay else "grouped" if group else None
    made = delivery(due=T + wait, held=first, expires=end, group="g" if group else None)
    now, looks = T, 0
    while made.open:
        looks += 1
        assert looks < 100, "it must come to an end"
        known = RIDING if leaves is not None and now >= T + leaves * MINUTE else ARRIVED
        verdict = decide(
            made,
            by,
            known,
            now,
            quiet_until=_until(quiet, now),
            full_until=_until(full, now),
            held_until=_until(held, now),
        )
        match verdict:
            case Hold():
                assert verdict.until > now
                if verdict.reason in DEFERRED:
                    made = hold(made, verdict)
                now = verdict.until + late
            case Drop():
                assert (end is not None and now >= end) or known is RIDING
                made = drop(made, verdict, now)
            case Go():
                assert critical or _until(quiet, now) is None
                assert end is None or now < end
                assert _until(full, now) is None
                assert known is ARRIVED
                assert now >= T + ((delay or 0) + (group or 0)) * MINUTE
                made = finish(made, "delivered", None, now)
    assert made.state in ("delivered", "expired")
    latest = T + (6 + 60 + 20 * 8) * MINUTE
    assert made.finished_at is not None
    assert made.finished_at <= latest


MINUTE = 60_000


def _until(spans: list[tuple[int, int]], now: int) -> int | None:
    ends = [T + (begin + length) * MINUTE for begin, length in spans if T + begin * MINUTE <= now]
    return max((end for end in ends if end > now), default=None)
