"""Lives are pure functions of seed, id, birth and time; what is shown at any time is what the timeline says."""

import subprocess
import sys
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.simulator.lives import API_NAMES, life
from notifier.simulator.lives.model import Life

BORN = 1_795_258_800_000
apis = st.sampled_from(API_NAMES)
ids = st.text("0123456789abcdef", min_size=1, max_size=32)

TAXI_STEPS = {
    "": {"scheduling", "search"},
    "scheduling": {"scheduled", "search"},
    "scheduled": {"driving", "search"},
    "search": {"driving"},
    "driving": {"waiting", "search"},
    "waiting": {"transporting", "search"},
    "transporting": {"complete", "finished"},
}
RESTAURANT = ["NEW", "ACCEPTED_BY_RESTAURANT", "COOKING", "READY", "TAKEN_BY_COURIER", "DELIVERED"]


@given(apis, ids, st.integers(0, 2**31))
def test_the_same_order_lives_the_same_life(api: str, order_id: str, seed: int) -> None:
    assert life(seed, api, order_id, born=BORN) == life(seed, api, order_id, born=BORN)


def test_another_process_tells_the_same_life() -> None:
    code = f"from notifier.simulator.lives import life; print(life(7, 'track_trace', '17', born={BORN}).timeline())"
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(life(7, "track_trace", "17", born=BORN).timeline())


@given(apis, ids, st.integers(-1_000, 10_000_000))
def test_a_moment_is_what_the_timeline_adds_up_to(api: str, order_id: str, after: int) -> None:
    order = life(7, api, order_id, born=BORN)
    moment = order.moment(BORN + after)
    told = order.timeline(max(BORN, BORN + after))
    for kind in order.told - {"history", "status_log", "comment"}:
        values = [change.value for change in told if change.kind == kind]
        assert getattr(moment, kind) == (values[-1] if values else None)
    for kind in order.told & {"history", "status_log", "comment"}:
        assert getattr(moment, kind) == tuple(change.value for change in told if change.kind == kind)


@given(apis, ids)
def test_time_begins_at_birth_and_never_goes_back(api: str, order_id: str) -> None:
    order = life(7, api, order_id, born=BORN)
    times = [change.time_ms for change in order.timeline()]
    assert times == sorted(times)
    assert times[0] == BORN
    assert order.statuses()[0][0] == BORN


@given(apis, ids, st.sampled_from([2.0, 10.0, 60.0]))
def test_speed_divides_every_dwell_and_changes_nothing_else(api: str, order_id: str, speed: float) -> None:
    slow, fast = (life(7, api, order_id, born=BORN, speed=s) for s in (1.0, speed))
    assert [status for _, status in slow.statuses()] == [status for _, status in fast.statuses()]
    for (at, _), (sooner, _) in zip(slow.statuses(), fast.statuses(), strict=True):
        assert abs((at - BORN) / speed - (sooner - BORN)) <= 1


@given(st.sampled_from(["progress", "taxi_v1", "business_v2"]), ids)
def test_drawn_rides_are_legal(api: str, order_id: str) -> None:
    before = ""
    for _, status in life(7, api, order_id, born=BORN).statuses():
        if status == "expired" or before == "expired" or status in ("cancelled", "failed"):
            assert before not in ("complete", "finished", "cancelled", "failed")
        else:
            assert status in TAXI_STEPS[before]
        before = status


@given(ids)
def test_drawn_restaurant_orders_go_forward_only(order_id: str) -> None:
    statuses = [status for _, status in life(7, "restaurant", order_id, born=BORN).statuses()]
    ended = statuses.pop() if statuses[-1] == "CANCELLED" else None
    assert statuses == RESTAURANT[: len(statuses)]
    assert ended or statuses[-1] == "DELIVERED"


@pytest.mark.parametrize(
    ("api", "wanted"),
    [
        ("taxi_v1", {"complete", "finished", "cancelled", "failed"}),
        ("track_trace", {"finished", "partially_finished", "cancelled"}),
        ("restaurant", {"DELIVERED", "CANCELLED"}),
    ],
)
def test_all_ends_occur(api: str, wanted: set[str]) -> None:
    ends = Counter(life(1, api, str(n), born=0).statuses()[-1][1] for n in range(400))
    assert set(ends) == wanted


def test_drawn_lives_show_what_makes_polling_hard() -> None:
    rides = [life(1, "business_v2", str(n), born=0) for n in range(400)]
    assert any("expired" in dict(map(reversed, ride.statuses())) for ride in rides)  # type: ignore[arg-type]
    assert any(len({c.value for c in ride.changes if c.kind == "performer" and c.value}) > 1 for ride in rides)
    assert any(sum(c.kind == "schedule" for c in ride.changes) > 1 for ride in rides)
    assert any(_cost_after_end(ride) for ride in rides)


def _cost_after_end(ride: Life) -> bool:
    at = {change.kind: change.time_ms for change in ride.timeline()}
    return at.get("cost", 0) > at.get("finished_at", sys.maxsize)


def test_an_unknown_api_is_refused() -> None:
    with pytest.raises(ValueError, match="no order API"):
        life(1, "post", "17", born=0)
