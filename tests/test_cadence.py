"""The rhythm of looks: intervals, their grid, nearness of the due time, failures, and the end."""

from hypothesis import given
from hypothesis import strategies as st

from notifier.cadence import BUILT_IN, DAY, MINUTE, Known, Rhythm
from notifier.errors import Reason
from notifier.model import Instant, Phase

NOW: Instant = 1_795_258_800_000
POLL = {"assigned": 5_000, "scheduled": 120_000, "default": 15_000}


def rhythm(poll: dict[str, int] | None = None) -> Rhythm:
    return Rhythm(POLL if poll is None else poll, retire_after=15 * MINUTE, give_up_after=7 * DAY)


def known(phase: Phase = Phase.ASSIGNED, spread: float = 0.37, **more: object) -> Known:
    return Known(phase=phase, spread=spread, changed_at=NOW, **more)  # type: ignore[arg-type]


@given(
    spread=st.floats(0, 1, exclude_max=True),
    phase=st.sampled_from(list(Phase)),
    steps=st.lists(st.integers(0, 3_000), min_size=1, max_size=30),
)
def test_every_interval_is_the_phases_within_a_tenth(spread: float, phase: Phase, steps: list[int]) -> None:
    policy, began = rhythm(), NOW
    interval = POLL.get(phase, POLL["default"])
    for late in steps:
        due = policy.next(known(phase, spread, began=began), began + 50)
        assert due is not None
        assert 0.9 * interval - 1 <= due - began <= 1.1 * interval + 1
        began = due + late


@given(spread=st.floats(0, 1, exclude_max=True), restart=st.integers(0, 10**7))
def test_restored_orders_are_spread_over_one_interval_by_clock_and_hash_not_by_the_restart(
    spread: float, restart: int
) -> None:
    due = rhythm().first(known(spread=spread), NOW + restart, True)
    assert 0 <= due - NOW - restart <= 5_000
    assert (due - int(5_000 * spread)) % 5_000 == 0


def test_an_undisturbed_order_settles_on_its_grid() -> None:
    policy, began = rhythm(), NOW + 2_345
    for _ in range(20):
        due = policy.next(known(began=began), began)
        assert due is not None
        began = due
    assert (began - int(5_000 * 0.37)) % 5_000 == 0


def test_a_new_watch_is_due_at_once_and_a_hold_is_kept() -> None:
    assert rhythm().first(known(), NOW, False) == NOW
    assert rhythm().first(known(not_before=NOW + 7), NOW, False) == NOW + 7
    assert rhythm().next(known(began=NOW, not_before=NOW + 90_000), NOW) == NOW + 90_000


def test_a_configured_default_stands_for_every_phase_not_named() -> None:
    assert rhythm({"default": 1_000}).interval(known(Phase.SCHEDULED), NOW) == 1_000
    assert rhythm({"arrived": 700}).interval(known(Phase.ARRIVED), NOW) == 700
    assert rhythm({"arrived": 700}).interval(known(Phase.SCHEDULED), NOW) == BUILT_IN["scheduled"]


@given(left=st.integers(-10 * MINUTE, 24 * 60 * MINUTE))
def test_nearness_only_shortens_and_never_below_the_least(left: int) -> None:
    interval = rhythm().interval(known(Phase.SCHEDULED, starts=NOW + left), NOW)
    assert 5_000 <= interval <= 120_000
    if 0 <= left <= 25_000:
        assert interval == 5_000


def test_refusals_are_looked_at_at_most_once_a_minute_from_the_second_in_a_row() -> None:
    assert rhythm().interval(known(failures=1, error=Reason.FORBIDDEN), NOW) == 5_000
    assert rhythm().interval(known(failures=2, error=Reason.FORBIDDEN), NOW) == MINUTE
    assert rhythm().interval(known(Phase.SCHEDULED, failures=9, error=Reason.REJECTED), NOW) == 120_000


def test_failures_lengthen_but_not_those_that_cost_no_request_or_must_be_counted() -> None:
    assert rhythm().interval(known(failures=9, error=Reason.TIMEOUT), NOW) == 20_000
    for reason in (Reason.NOT_FOUND, Reason.UNAUTHORIZED):
        assert rhythm().interval(known(failures=99, error=reason), NOW) == 5_000


def test_a_terminal_order_has_a_last_look_at_the_end_of_its_grace_then_none() -> None:
    ended = known(Phase.COMPLETED, terminal_since=NOW, began=NOW)
    assert rhythm().next(ended, NOW + 15 * MINUTE - 10_000) == NOW + 15 * MINUTE - 10_000
    last = ended._replace(began=NOW + 15 * MINUTE - 1_000)
    assert rhythm().next(last, NOW + 15 * MINUTE - 900) == NOW + 15 * MINUTE
    assert rhythm().next(last, NOW + 15 * MINUTE) is None


def test_a_silent_order_is_given_up_only_past_its_schedule_and_a_lost_one_after_a_day() -> None:
    week = NOW + 7 * DAY
    assert rhythm().next(known(began=week), week) is None
    assert rhythm().next(known(began=week, ends=week + DAY), week) is not None
    assert rhythm().next(known(began=week + DAY, ends=week + DAY), week + DAY) is None
    assert rhythm().next(known(began=NOW, lost_since=NOW), NOW + DAY - 1) is not None
    assert rhythm().next(known(began=NOW, lost_since=NOW), NOW + DAY) is None


def test_a_clock_that_was_put_back_delays_no_look_by_more_than_its_interval() -> None:
    due = rhythm().next(known(began=NOW + 3_600_000), NOW)
    assert due is not None
    assert due <= NOW + 5_500
