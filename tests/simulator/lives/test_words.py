"""Ids that spell a life: what they say, and that nothing a caller invents can break the reading."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.simulator.faults import Fault
from notifier.simulator.lives import API_NAMES, life
from notifier.simulator.lives.words import FAULT_WORDS, Word, duration, spelled


def test_a_word_lasts_as_long_as_the_duration_after_it() -> None:
    script = spelled("sim-driving-5s-waiting-250ms-complete")
    assert script is not None
    assert script.words == (Word("driving", 5_000), Word("waiting", 250), Word("complete"))


def test_the_suffix_only_varies_the_draws() -> None:
    plain, varied = (life(1, "taxi_v1", id_, born=0) for id_ in ("sim-driving-5s-waiting", "sim-driving-5s-waiting.17"))
    assert plain.statuses() == varied.statuses() == ((0, "driving"), (5_000, "waiting"))
    assert plain.moment(0).performer != varied.moment(0).performer


@pytest.mark.parametrize("order_id", ["17", "8b8de2e4", "simple", "sim-", "sim-.3", "sim--", "sim"])
def test_other_ids_spell_nothing(order_id: str) -> None:
    assert spelled(order_id) is None


@pytest.mark.parametrize(
    ("text", "ms"), [("250ms", 250), ("5s", 5_000), ("2m", 120_000), ("1h", 3_600_000), ("5", None), ("5d", None)]
)
def test_durations(text: str, ms: int | None) -> None:
    assert duration(text) == ms


def test_habits_come_first_and_may_have_a_duration() -> None:
    script = spelled("sim-stale-3s-skip-slow-driving-1s-waiting")
    assert script is not None
    assert dict(script.habits) == {"stale": 3_000, "skip": 0, "slow": 1_000}
    assert script.words[0] == Word("driving", 1_000)


def test_durations_add_up_and_a_leading_one_is_the_time_before_the_order_is_known() -> None:
    assert life(1, "restaurant", "sim-2s-NEW-1m-5s-READY", born=0).statuses() == ((2_000, "NEW"), (67_000, "READY"))


def test_every_fault_word_is_a_fault() -> None:
    assert {Fault(kind=word).kind for word in FAULT_WORDS} == FAULT_WORDS  # type: ignore[arg-type]


def test_a_fault_stands_until_the_next_word_and_the_order_lives_on() -> None:
    order = life(1, "progress", "sim-driving-5s-404-5s-waiting", born=0)
    assert [order.moment(t).fault for t in (4_999, 5_000, 9_999, 10_000)] == [None, "404", "404", None]
    assert [order.moment(t).status for t in (5_000, 10_000)] == ["driving", "waiting"]


@pytest.mark.parametrize(("api", "first"), [("progress", "search"), ("track_trace", "new"), ("restaurant", "NEW")])
def test_an_id_of_faults_alone_is_an_order_all_the_same(api: str, first: str) -> None:
    assert life(1, api, "sim-truncated", born=0).statuses() == ((0, first),)


@given(st.sampled_from(API_NAMES), st.text("sim-driving5ms.late_ARIVL4", max_size=60).map("sim-".__add__))
def test_any_id_has_a_life(api: str, order_id: str) -> None:
    order = life(3, api, order_id, born=0)
    assert order.statuses()
    assert [c.time_ms for c in order.changes] == sorted(c.time_ms for c in order.changes)
