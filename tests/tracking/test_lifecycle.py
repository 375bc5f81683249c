"""The tables and the ways between their statuses, against PHASES as the oracle has it."""

import pytest

from notifier.model import Phase
from notifier.sources.lifecycles import RESTAURANT, TAXI, TRACK_TRACE
from notifier.tracking import Lifecycle
from tests import oracle
from tests.tracking.lives import LIFECYCLES


@pytest.mark.parametrize("api", LIFECYCLES)
def test_phases_are_those_of_the_table(api: str) -> None:
    assert {status: phase and phase.value for status, phase in LIFECYCLES[api].statuses.items()} == oracle.STATUSES[api]


def test_entries_are_those_of_the_table() -> None:
    assert {entry: phase and phase.value for entry, phase in TRACK_TRACE.entries.items()} == oracle.ENTRIES
    assert not TAXI.entries
    assert not RESTAURANT.entries


@pytest.mark.parametrize("api", LIFECYCLES)
def test_ways_between_all_pairs(api: str) -> None:
    """A graph search finds what walking all the paths finds."""
    for before in oracle.STATUSES[api]:
        for after in oracle.STATUSES[api]:
            if before != after:
                found = LIFECYCLES[api].between(before, after)
                assert (None if found is None else list(found)) == oracle.steps_between(api, before, after)


@pytest.mark.parametrize(
    ("lifecycle", "before", "after", "between"),
    [
        (TAXI, "search", "transporting", ("driving", "waiting")),
        (TAXI, "driving", "complete", ("waiting", "transporting")),
        (TAXI, "driving", "finished", ("waiting", "transporting")),
        (TAXI, "scheduling", "driving", ()),  # over scheduled or over search
        (TAXI, "scheduling", "waiting", ("driving",)),
        (TAXI, "driving", "cancelled", ()),
        (TAXI, "search", "failed", ()),
        (TAXI, "waiting", "expired", ()),
        (TAXI, "expired", "transporting", ()),
        (TAXI, "driving", "search", ()),
        (TAXI, "waiting", "search", ()),
        (TAXI, "scheduled", "search", ()),
        (TAXI, "complete", "finished", ()),
        (TAXI, "finished", "complete", ()),
        (TAXI, "waiting", "driving", None),
        (TAXI, "transporting", "search", None),
        (TAXI, "complete", "cancelled", None),
        (RESTAURANT, "COOKING", "DELIVERED", ("READY", "TAKEN_BY_COURIER")),
        (RESTAURANT, "NEW", "CANCELLED", ()),
        (RESTAURANT, "DELIVERED", "CANCELLED", None),
        (RESTAURANT, "READY", "COOKING", None),
        (TRACK_TRACE, "new", "finished", ("confirmed",)),
        (TRACK_TRACE, "postponed", "partially_finished", ("confirmed",)),
        (TRACK_TRACE, "finished", "confirmed", ()),  # reopened
        (TRACK_TRACE, "finished", "cancelled", ()),
        (TRACK_TRACE, "confirmed", "new", ()),  # postponed, or finished and reopened
        (TRACK_TRACE, "cancelled", "confirmed", None),
    ],
)
def test_ways_that_phases_names(lifecycle: Lifecycle, before: str, after: str, between: tuple[str, ...] | None) -> None:
    assert lifecycle.between(before, after) == between


def test_nothing_is_known_of_undocumented_statuses() -> None:
    assert TAXI.between("waiting", "paused") == ()
    assert TAXI.between("paused", "driving") == ()


def test_without_steps_everything_is_legal_and_nothing_inferred() -> None:
    free = Lifecycle(statuses={"a": Phase.CREATED, "b": Phase.READY, "c": Phase.COMPLETED})
    assert free.between("c", "a") == ()
    assert free.between("a", "c") == ()
