"""Every life of an order, every rhythm of polling: the events are those that the oracle predicts."""

from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.model import Event, Look
from notifier.tracking import Tracking, advance, begin
from tests.oracle import Life, Poll, predict
from tests.tracking.build import expected
from tests.tracking.lives import LIFECYCLES, answer, plain_lives, polls, track_lives

PATIENT = Tracking(stalled_after=10**9)


def look_of(life: Life, poll: Poll) -> Look:
    return Look(began=poll.began, ended=poll.ended, snapshot=answer(life, poll.shows))


def follow(life: Life, rhythm: list[Poll]) -> list[list[Event]]:
    state, told = begin("a/1", 1), []
    for poll in rhythm:
        step = advance(state, look_of(life, poll), LIFECYCLES[life.api], PATIENT)
        state = step.state
        told.append(list(step.events))
    return told


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_taxi_and_restaurant_as_predicted(data: st.DataObject) -> None:
    life = data.draw(plain_lives())
    rhythm = data.draw(polls(life, stale=data.draw(st.booleans())))
    assert [[expected(event) for event in events] for events in follow(life, rhythm)] == predict(life, rhythm)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_track_and_trace_as_predicted(data: st.DataObject) -> None:
    life = data.draw(track_lives())
    rhythm = data.draw(polls(life))
    assert [[expected(event) for event in events] for events in follow(life, rhythm)] == predict(life, rhythm)
