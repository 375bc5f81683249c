"""Every life of an order, every rhythm of polling: the predicted events, and what holds whatever the life."""

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from notifier.model import Event, EventType, Look, State
from notifier.tracking import Step, Tracking, advance, begin
from tests.oracle import Life, Poll, predict
from tests.tracking.build import expected
from tests.tracking.lives import LIFECYCLES, answer, any_lives, plain_lives, polls, track_lives

PATIENT = Tracking(stalled_after=10**9)


def look_of(life: Life, poll: Poll) -> Look:
    return Look(
        began=poll.began, ended=poll.ended, snapshot=answer(life, poll.shows), digest=poll.shows.to_bytes(8, "big")
    )


def steps(life: Life, rhythm: list[Poll]) -> list[Step]:
    state, taken = begin("a/1", 1), []
    for poll in rhythm:
        taken.append(advance(state, look_of(life, poll), LIFECYCLES[life.api], PATIENT))
        state = taken[-1].state
    return taken


def events_of(taken: list[Step]) -> list[Event]:
    return [event for step in taken for event in step.events]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_taxi_and_restaurant_as_predicted(data: st.DataObject) -> None:
    life = data.draw(plain_lives())
    rhythm = data.draw(polls(life, stale=data.draw(st.booleans())))
    assert [[expected(event) for event in step.events] for step in steps(life, rhythm)] == predict(life, rhythm)


@settings(max_examples=250, deadline=None)
@given(st.data())
def test_track_and_trace_as_predicted(data: st.DataObject) -> None:
    life = data.draw(track_lives())
    rhythm = data.draw(polls(life))
    assert [[expected(event) for event in step.events] for step in steps(life, rhythm)] == predict(life, rhythm)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_sequences_rise_by_one_and_before_is_the_former_after(data: st.DataObject) -> None:
    life = data.draw(any_lives())
    events = events_of(steps(life, data.draw(polls(life, stale=data.draw(st.booleans())))))
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    assert events[0].type is EventType.TRACKED
    status, phase = events[0].status, events[0].phase
    for event in events[1:]:
        if event.type is not EventType.STATUS_CHANGED:
            assert event.status == status
        elif event.status != status or not event.late:  # a late one may move nothing
            assert (event.before, event.after) == ({"status": status}, {"status": event.status})
        if event.type is EventType.PHASE_CHANGED:
            assert event.before == {"phase": phase.value}
            assert event.after == {"phase": event.phase.value} != event.before
            phase = event.phase
        status = event.status


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_end_is_that_of_the_last_answer(data: st.DataObject) -> None:
    life = data.draw(any_lives())
    taken = steps(life, data.draw(polls(life)))
    state, events = taken[-1].state, events_of(taken)
    assert state.snapshot is not None
    assert state.snapshot.status == events[-1].status == life.statuses[-1][1]
    assert (state.phase, state.certain) == (events[-1].phase, events[-1].certain)
    assert state.sequence == events[-1].sequence


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_entry_comes_out_once_and_in_order(data: st.DataObject) -> None:
    """What the first good look found is known; of the rest each history item is one event, whatever the rhythm."""
    life = data.draw(track_lives())
    taken = steps(life, data.draw(polls(life)))
    assert taken[0].state.snapshot is not None
    known = {(entry.kind, entry.value, entry.at) for entry in taken[0].state.snapshot.entries}
    added = [event for event in events_of(taken) if event.type is EventType.HISTORY_ADDED]
    found = [(event.after["event"], event.at or 0) for event in added if event.after]
    rows = [row for row in life.rows if row.kind == "history"]
    assert sorted(found) == sorted((row.value, row.at) for row in rows if ("history", row.value, row.at) not in known)
    for step in taken:
        times = [event.at for event in step.events if event.at is not None and not _recognised(event)]
        assert times == sorted(times)
    prompt = [event.at or 0 for event in added if not event.late]
    assert prompt == sorted(prompt)


def _recognised(event: Event) -> bool:
    """The phase that an entry gives which was told before the status found its place."""
    return event.type is EventType.PHASE_CHANGED and event.late


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_every_log_entry_is_told_once(data: st.DataObject) -> None:
    """With a log that is complete at once, by the times of its entries."""
    life = data.draw(track_lives().filter(lambda life: any(row.kind == "status" for row in life.rows)))
    assume(all(row.shown == row.at for row in life.rows if row.kind == "status"))
    taken = steps(life, data.draw(polls(life)))
    first = taken[0].state.last_ok
    assert first is not None
    changed = [event for event in events_of(taken) if event.type is EventType.STATUS_CHANGED]
    assert [event.at for event in changed] == [at for at, _ in life.statuses if at > first + 2]


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_the_same_look_again_changes_nothing(data: st.DataObject) -> None:
    """So an answer that a lost commit carried may be applied to the restored state, whether it is in there or not."""
    life = data.draw(any_lives())
    state = begin("a/1", 1)
    for poll in data.draw(polls(life, stale=True)):
        look = look_of(life, poll)
        state = advance(state, look, LIFECYCLES[life.api], PATIENT).state
        again = advance(state, look, LIFECYCLES[life.api], PATIENT)
        assert (again.events, again.state) == ((), state)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_stale_answers_change_nothing(data: st.DataObject) -> None:
    life = data.draw(any_lives().filter(lambda life: life.api != "taxi"))
    state = begin("a/1", 1)
    for poll in data.draw(polls(life)):
        step = advance(state, look_of(life, poll), LIFECYCLES[life.api], PATIENT)
        state = step.state
        old = Poll(poll.began + 3, poll.ended + 3, data.draw(st.integers(life.statuses[0][0], poll.shows)))
        if _provably_older(life, old, state):
            step = advance(state, look_of(life, old), LIFECYCLES[life.api], PATIENT)
            assert (step.verdict, step.events, step.state) == ("stale", (), state)


def _provably_older(life: Life, poll: Poll, state: State) -> bool:
    told, held = answer(life, poll.shows), state.snapshot
    assert held is not None
    if told.updated_at is not None and held.updated_at is not None:
        return told.updated_at < held.updated_at
    return not set(held.entries) <= set(told.entries)
