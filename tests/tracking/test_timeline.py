"""status_log and history as one timeline (track & trace)."""

from notifier.model import Entry, EventType, Phase
from notifier.sources.lifecycles import TRACK_TRACE
from tests.tracking.build import LATENCY, Order, brief, happened, logged, snap

NEW, CREATED = logged("new", 10), happened("ORDER_CREATED", 10)
CONFIRMED, UPDATE_20 = logged("confirmed", 20), happened("STATUS_UPDATE", 20, initiator="yandex")
NEXT, ARRIVAL = happened("ORDER_BECAME_NEXT", 30), happened("ARRIVAL", 40)
FINISHED, UPDATE_50 = logged("finished", 50), happened("STATUS_UPDATE", 50, initiator="app")
TO_CONFIRMED = (NEW, CREATED, CONFIRMED, UPDATE_20)


def seen(status: str, *entries: Entry) -> Order:
    order = Order(TRACK_TRACE)
    order.see(snap(status, *entries))
    return order


def test_all_that_lies_between_two_polls_one_after_the_other() -> None:
    order = seen("new", NEW, CREATED)
    events = order.see(snap("finished", *TO_CONFIRMED, NEXT, ARRIVAL, FINISHED, UPDATE_50))
    assert brief(events) == [
        ("status", "new > confirmed"),
        ("phase", "created > accepted"),
        ("history", "STATUS_UPDATE"),
        ("history", "ORDER_BECAME_NEXT"),
        ("phase", "accepted > assigned"),
        ("history", "ARRIVAL"),
        ("phase", "assigned > arrived"),
        ("status", "confirmed > finished"),
        ("phase", "arrived > completed"),
        ("history", "STATUS_UPDATE"),
    ]
    assert [event.at for event in events] == [20, 20, 20, 30, 30, 40, 40, 50, 50, 50]
    assert {(event.not_before, event.not_after) for event in events} == {(None, None)}
    assert order.state.since == 50


def test_an_unsorted_list_is_the_same() -> None:
    entries = (*TO_CONFIRMED, NEXT, ARRIVAL)
    tidy = seen("new", NEW, CREATED).see(snap("confirmed", *entries))
    untidy = seen("new", CREATED, NEW).see(snap("confirmed", *reversed(entries)))
    assert brief(tidy) == brief(untidy) != []


def test_history_added_shows_the_entry() -> None:
    update = seen("new", NEW, CREATED).see(snap("confirmed", *TO_CONFIRMED))[-1]
    assert update.type is EventType.HISTORY_ADDED
    assert update.before is None
    assert update.after == {
        "event": "STATUS_UPDATE",
        "at": "1970-01-01T00:00:00.020Z",
        "initiator": "yandex",
        "status": "confirmed",
    }


def test_a_status_update_without_a_log_entry_of_its_time_has_no_status() -> None:
    update = seen("confirmed", NEW, CONFIRMED).see(snap("confirmed", NEW, CONFIRMED, happened("STATUS_UPDATE", 21)))[0]
    assert update.after is not None
    assert update.after["status"] is None


def test_status_updates_of_one_time_take_the_last_log_entries_of_it() -> None:
    entries = (NEW, CREATED, logged("confirmed", 10), happened("STATUS_UPDATE", 10))
    events = seen("confirmed").see(snap("confirmed", *entries))
    assert [
        event.after["status"] for event in events if event.after and event.after.get("event") == "STATUS_UPDATE"
    ] == ["confirmed"]


def test_equal_entries_are_two() -> None:
    order = seen("new", NEW, happened("INTERVAL_UPDATE", 15))
    [second] = order.see(snap("new", NEW, happened("INTERVAL_UPDATE", 15), happened("INTERVAL_UPDATE", 15, nth=1)))
    assert second.at == 15
    assert not second.late


def test_log_entry_that_repeats_the_status_is_known_without_an_event() -> None:
    order = seen("confirmed", NEW, CONFIRMED)
    assert order.see(snap("confirmed", NEW, CONFIRMED, logged("confirmed", 25))) == []
    assert order.state.newest == 25


def test_unknown_entries() -> None:
    order = seen("new", NEW)
    events = order.see(snap("new", NEW, happened("ABDUCTED", 20), happened("ABDUCTED", 30), happened("ARRIVAL", 40)))
    assert brief(events) == [
        ("history", "ABDUCTED"),
        ("violated", "unknown_entry", "ABDUCTED"),
        ("history", "ABDUCTED"),
        ("history", "ARRIVAL"),
        ("phase", "created > arrived"),
    ]
    assert events[1].at == 20
    assert order.state.phase is Phase.ARRIVED


def test_unknown_log_status_keeps_the_phase() -> None:
    order = seen("new", NEW)
    events = order.see(snap("confirmed", NEW, logged("weird", 15), CONFIRMED))
    assert brief(events) == [
        ("status", "new > weird"),
        ("violated", "unknown_status", "weird"),
        ("status", "weird > confirmed"),
        ("phase", "created > accepted"),
    ]
    assert [event.certain for event in events] == [False, False, True, True]


class TestLate:
    def test_a_late_entry_that_is_still_the_last_with_a_phase_moves_it(self) -> None:
        visit = happened("ORDER_VISIT", 45)
        order = seen("confirmed", *TO_CONFIRMED, NEXT, visit)
        events = order.see(snap("confirmed", *TO_CONFIRMED, NEXT, visit, ARRIVAL))
        assert brief(events) == [("history", "ARRIVAL", "late"), ("phase", "assigned > arrived", "late")]
        assert order.state.newest == 45

    def test_a_late_entry_behind_which_another_has_a_phase_moves_nothing(self) -> None:
        order = seen("confirmed", *TO_CONFIRMED, ARRIVAL)
        [event] = order.see(snap("confirmed", *TO_CONFIRMED, NEXT, ARRIVAL))
        assert brief([event]) == [("history", "ORDER_BECAME_NEXT", "late")]
        assert event.phase is Phase.ARRIVED

    def test_a_late_log_entry_tells_its_place_and_moves_nothing(self) -> None:
        order = seen("finished", NEW, FINISHED)
        [event] = order.see(snap("finished", NEW, CONFIRMED, FINISHED))
        assert brief([event]) == [("status", "new > confirmed", "late")]
        assert (event.status, event.phase, event.at) == ("finished", Phase.COMPLETED, 20)

    def test_a_late_log_entry_that_is_the_last_status_moves_it(self) -> None:
        departure = happened("DEPARTURE", 60)
        order = seen("new", NEW, departure)
        events = order.see(snap("confirmed", NEW, CONFIRMED, departure))
        assert brief(events) == [("status", "new > confirmed", "late"), ("phase", "created > accepted", "late")]

    def test_status_moves_but_the_phase_of_a_later_entry_stays(self) -> None:
        order = seen("new", NEW, ARRIVAL)
        [event] = order.see(snap("confirmed", NEW, CONFIRMED, ARRIVAL))
        assert brief([event]) == [("status", "new > confirmed", "late")]
        assert (event.status, event.phase) == ("confirmed", Phase.ARRIVED)

    def test_of_the_newest_time_is_not_late(self) -> None:
        order = seen("new", NEW, happened("START", 30))
        assert brief(order.see(snap("new", NEW, happened("START", 30), NEXT))) == [
            ("history", "ORDER_BECAME_NEXT"),
            ("phase", "created > assigned"),
        ]


class TestStatusBeforeItsLogEntry:
    def test_one_status_changed_and_the_entry_is_recognised(self) -> None:
        order = seen("new", NEW, CREATED)
        accepted = order.state.last_ok
        events = order.see(snap("confirmed", NEW, CREATED), at=5_000)
        assert brief(events) == [("status", "new > confirmed"), ("phase", "created > accepted")]
        assert {(e.at, e.not_before, e.not_after) for e in events} == {(None, accepted, 5_000 + LATENCY)}
        assert brief(order.see(snap("confirmed", *TO_CONFIRMED))) == [("history", "STATUS_UPDATE")]
        assert order.state.unlogged == ()

    def test_known_from_the_first_look_on(self) -> None:
        order = seen("new")
        assert brief(order.see(snap("new", NEW, CREATED))) == [("history", "ORDER_CREATED")]

    def test_known_times_come_first(self) -> None:
        order = seen("new", NEW)
        assert brief(order.see(snap("finished", NEW, CONFIRMED, ARRIVAL))) == [
            ("status", "new > confirmed"),
            ("phase", "created > accepted"),
            ("history", "ARRIVAL"),
            ("phase", "accepted > arrived"),
            ("status", "confirmed > finished"),
            ("phase", "arrived > completed"),
        ]

    def test_inferred_steps_are_recognised_too(self) -> None:
        order = seen("new", NEW)
        assert brief(order.see(snap("finished", NEW))) == [
            ("status", "new > confirmed", "inferred"),
            ("phase", "created > accepted", "inferred"),
            ("status", "confirmed > finished"),
            ("phase", "accepted > completed"),
        ]
        assert order.see(snap("finished", NEW, CONFIRMED)) == []
        assert order.see(snap("finished", NEW, CONFIRMED, FINISHED)) == []

    def test_what_the_log_tells_as_one_step_was_one(self) -> None:
        order = seen("new", NEW)
        assert brief(order.see(snap("finished", NEW, FINISHED))) == [
            ("status", "new > finished"),
            ("phase", "created > completed"),
        ]

    def test_an_entry_that_was_missed_meanwhile_is_late(self) -> None:
        order = seen("new", NEW)
        order.see(snap("confirmed", NEW))
        events = order.see(snap("confirmed", NEW, logged("postponed", 15), CONFIRMED))
        assert brief(events) == [("status", "new > postponed", "late")]
        assert events[0].status == "confirmed"

    def test_a_status_that_the_log_never_tells_is_waited_for_no_longer(self) -> None:
        order = seen("new", NEW)
        order.see(snap("postponed", NEW))
        assert brief(order.see(snap("confirmed", NEW, CONFIRMED))) == [
            ("status", "postponed > confirmed"),
            ("phase", "postponed > accepted"),
        ]
        later = order.see(snap("postponed", NEW, CONFIRMED, logged("postponed", 30)))
        assert brief(later) == [("status", "confirmed > postponed"), ("phase", "accepted > postponed")]
        assert later[0].at == 30

    def test_creation_that_shows_up_later_moves_nothing(self) -> None:
        """The log lags from the first status on."""
        order = seen("new")
        assert brief(order.see(snap("confirmed"))) == [("status", "new > confirmed"), ("phase", "created > accepted")]
        assert brief(order.see(snap("confirmed", NEW, CREATED))) == [("history", "ORDER_CREATED")]
        assert brief(order.see(snap("confirmed", *TO_CONFIRMED))) == [("history", "STATUS_UPDATE")]
        assert order.state.phase is Phase.ACCEPTED

    def test_what_happens_after_it_was_seen_comes_after_it(self) -> None:
        order = seen("new", NEW)
        order.see(snap("confirmed", NEW), at=2_000)
        arrival = happened("ARRIVAL", 2_500)
        assert brief(order.see(snap("confirmed", NEW, arrival), at=3_000)) == [
            ("history", "ARRIVAL"),
            ("phase", "accepted > arrived"),
        ]
        assert order.see(snap("confirmed", NEW, logged("confirmed", 1_990), arrival)) == []
        assert order.state.phase is Phase.ARRIVED

    def test_it_counts_as_the_newest_until_its_entry_tells_its_place(self) -> None:
        order = seen("new", NEW)
        assert brief(order.see(snap("confirmed", NEW, ARRIVAL))) == [
            ("history", "ARRIVAL"),
            ("phase", "created > arrived"),
            ("status", "new > confirmed"),
            ("phase", "arrived > accepted"),
        ]
        events = order.see(snap("confirmed", NEW, CONFIRMED, UPDATE_20, ARRIVAL))
        assert brief(events) == [("history", "STATUS_UPDATE", "late"), ("phase", "accepted > arrived", "late")]


class TestEmptyLog:
    def test_history_entries_carry_their_phase(self) -> None:
        order = seen("new")
        assert brief(order.see(snap("new", ARRIVAL))) == [("history", "ARRIVAL"), ("phase", "created > arrived")]

    def test_also_those_of_the_first_look(self) -> None:
        assert seen("new", ARRIVAL).state.phase is Phase.ARRIVED
        assert seen("confirmed", CREATED, UPDATE_20, ARRIVAL).state.phase is Phase.ARRIVED
        assert seen("confirmed", CREATED, UPDATE_20).state.phase is Phase.ACCEPTED
        assert seen("finished", CREATED, ARRIVAL).state.phase is Phase.COMPLETED

    def test_a_status_moves_the_phase_too(self) -> None:
        order = seen("new", CREATED)
        assert brief(order.see(snap("confirmed", CREATED, UPDATE_20))) == [
            ("history", "STATUS_UPDATE"),
            ("status", "new > confirmed"),
            ("phase", "created > accepted"),
        ]

    def test_but_not_back_behind_what_came_after_its_update(self) -> None:
        order = seen("new", CREATED)
        assert brief(order.see(snap("confirmed", CREATED, UPDATE_20, ARRIVAL))) == [
            ("history", "STATUS_UPDATE"),
            ("history", "ARRIVAL"),
            ("phase", "created > arrived"),
            ("status", "new > confirmed"),
        ]


class TestTerminal:
    def test_then_the_phase_is_that_of_the_status(self) -> None:
        order = seen("finished", NEW, FINISHED)
        assert brief(order.see(snap("finished", NEW, FINISHED, happened("ARRIVAL", 60)))) == [("history", "ARRIVAL")]

    def test_reopened(self) -> None:
        order = seen("finished", *TO_CONFIRMED, FINISHED)
        assert order.state.terminal_since is not None
        events = order.see(snap("confirmed", *TO_CONFIRMED, FINISHED, logged("confirmed", 70)))
        assert brief(events) == [("status", "finished > confirmed"), ("phase", "completed > accepted")]
        assert order.state.terminal_since is None

    def test_reopened_with_what_happened_meanwhile(self) -> None:
        late = happened("ARRIVAL", 80)
        order = seen("finished", NEW, FINISHED, late)
        events = order.see(snap("confirmed", NEW, FINISHED, logged("confirmed", 70), late))
        assert brief(events) == [("status", "finished > confirmed", "late"), ("phase", "completed > arrived", "late")]

    def test_illegal_in_the_log_needs_two_looks(self) -> None:
        order = seen("cancelled", NEW, logged("cancelled", 20))
        answer = snap("confirmed", NEW, logged("cancelled", 20), logged("confirmed", 30), happened("START", 35))
        assert order.see(answer) == []
        assert order.verdict == "doubtful"
        events = order.see(answer)
        assert brief(events) == [
            ("status", "cancelled > confirmed"),
            ("phase", "cancelled > accepted"),
            ("violated", "illegal_transition", "confirmed"),
            ("history", "START"),
        ]
        assert [event.at for event in events] == [30, 30, 30, 35]
