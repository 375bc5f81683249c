"""What is asked of a shard: offered until it is done, bad records told once, nothing lost at the end of retention."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier import codec
from notifier.backends.kafka.inputs import (
    command_record,
    removal_record,
    retirement_record,
    watch_record,
)
from notifier.backends.kafka.intake import Done, Followed, Intake, of_chores
from notifier.backends.kafka.progress import Progress
from notifier.backends.kafka.records import Cursors, Kept, Outgoing
from notifier.backends.kafka.topics import Topics
from notifier.backends.partition import shard_of
from notifier.model import Command, Watch
from tests.backends.kafka.bench import SHARDS, parse
from tests.backends.kafka.made import read
from tests.contracts.records import KEYS, T, a_watch

TOPICS = Topics("p")
KEY = KEYS[0]
SHARD = shard_of(KEY, SHARDS)
OTHER = next(key for key in KEYS[1:] if shard_of(key, SHARDS) == SHARD)
STRAY = next(key for key in KEYS if shard_of(key, SHARDS) != SHARD)


def intake(cursors: Cursors | None = None) -> Intake:
    return Intake(TOPICS, SHARD, SHARDS, parse, cursors or Cursors())


def put(asked: Intake, offset: int, key: str = KEY, known: Followed | None = None, watch: Watch | None = None) -> None:
    asked.watch(read(watch_record(watch or a_watch(key), T + offset), offset), known)


def remove(asked: Intake, offset: int, key: str = KEY, known: Followed | None = None) -> None:
    asked.watch(read(removal_record(key, T + offset), offset), known)


def commands(asked: Intake) -> list[tuple[str, str, int]]:
    return [(each.kind, each.key, each.number) for each in asked.log if each is not None]


def finish(asked: Intake, *numbers: int) -> None:
    done = [each for each in asked.log if each is not None and each.number in numbers]
    asked.finish(asked.done(done))


# --- commands --------------------------------------------------------------------------------------------------------


def test_commands_in_their_order_until_they_are_done() -> None:
    asked = intake()
    put(asked, 0)
    put(asked, 1, OTHER)
    remove(asked, 2)
    assert commands(asked) == [("put", KEY, 0), ("put", OTHER, 1), ("remove", KEY, 2)]
    finish(asked, 0)
    assert commands(asked) == [("put", OTHER, 1), ("remove", KEY, 2)]


def test_a_later_command_of_an_order_finishes_those_before_it() -> None:
    """One that failed by a fault of ours is not to be obeyed after a newer one."""
    asked = intake()
    put(asked, 0)
    put(asked, 1)
    finish(asked, 1)
    assert commands(asked) == []
    assert asked.cursors(1, Done()).watches == 2


def test_a_removal_of_nothing_is_nothing() -> None:
    asked = intake()
    remove(asked, 0)
    put(asked, 1)
    remove(asked, 2)
    remove(asked, 3)
    assert commands(asked) == [("put", KEY, 1), ("remove", KEY, 2)]


def test_what_a_former_lease_has_done_is_not_offered_again() -> None:
    known = Followed(a_watch(), True, offset=5)
    asked = intake(Cursors(watches=3))
    for offset in range(8):
        put(asked, offset, known=known)
    assert commands(asked) == [("put", KEY, 6), ("put", KEY, 7)]


def test_the_watch_goes_on_with_what_was_asked_before() -> None:
    asked = intake()
    put(asked, 0)
    put(asked, 1, watch=a_watch(at=T + 1, ids={"order_id": "00", "client_id": "another"}, labels={"team": "b"}))
    last = asked.asked(KEY)
    assert last is not None
    assert (last.watch.ids, last.watch.created_at, last.watch.labels) == (a_watch().ids, T, {"team": "b"})


def test_retries_have_a_count_of_their_own() -> None:
    asked = intake(Cursors(commands=2, done=(3,)))
    for offset in range(5):
        record = command_record(Command(kind="retry", key=KEY, delivery=f"d{offset}", at=T))
        asked.command(read(record, offset, TOPICS.commands))
    put(asked, 2)
    assert commands(asked) == [("retry", KEY, 2), ("retry", KEY, 4), ("put", KEY, 2)]
    done = asked.done([Command(kind="retry", key=KEY, delivery="d4", number=4)])
    cursors = asked.cursors(9, done)
    assert (cursors.commands, cursors.done, cursors.watches) == (2, (3, 4), 2)
    asked.finish(done)
    finish(asked, 2)
    assert asked.cursors(9, Done()) == Cursors(n=9, watches=3, commands=5)


# --- bad records -----------------------------------------------------------------------------------------------------


def test_bad_records_are_reported_once() -> None:
    asked = intake()
    put(asked, 0)
    asked.watch(read(Outgoing(STRAY.encode(), b"{}"), 1, partition=SHARD), None)
    asked.watch(read(Outgoing(OTHER.encode(), b"{"), 2), None)
    asked.command(read(Outgoing(KEY.encode(), b"{}"), 0, TOPICS.commands))
    assert [(each.reason, each.topic, each.offset) for each in asked.chores] == [
        ("wrong_partition", TOPICS.dead_letters, 1),
        ("bad_json", TOPICS.dead_letters, 2),
        ("bad_command", TOPICS.dead_letters, 0),
    ]
    done = of_chores(asked.chores, TOPICS.watches)
    cursors = asked.cursors(1, done)
    assert (cursors.watches, cursors.told) == (0, (1, 2)), "the put before them is not done yet"
    again = intake(cursors)
    put(again, 0)
    again.watch(read(Outgoing(STRAY.encode(), b"{}"), 1, partition=SHARD), None)
    again.watch(read(Outgoing(OTHER.encode(), b"{"), 2), None)
    again.command(read(Outgoing(KEY.encode(), b"{}"), 0, TOPICS.commands))
    assert again.chores == []
    assert commands(again) == [("put", KEY, 0)]


# --- the end of retention --------------------------------------------------------------------------------------------


def retired(asked: Intake, offset: int, retires: int, known: Followed | None = None) -> None:
    asked.watch(read(retirement_record(KEY, retires), offset), known)


def test_a_retirement_alone_is_nothing_to_be_done() -> None:
    asked = intake()
    retired(asked, 7, 3)
    assert (commands(asked), asked.chores) == ([], [])


@pytest.mark.parametrize("former", [True, False])
def test_a_watch_that_lies_between_is_written_again(former: bool) -> None:
    """By whoever owns the shard when the tombstone is read: who wrote it, or his successor."""
    asked = intake()
    put(asked, 0, OTHER)
    if not former:
        asked.up_to_date()
        assert asked.retire([KEY]) == 0
    put(asked, 1, watch=a_watch(at=T + 1))
    retired(asked, 2, 0)
    [chore] = asked.chores
    assert (chore.topic, chore.reason, chore.offset) == (TOPICS.watches, None, 2)
    assert ("put", KEY, 1) in commands(asked)
    asked.watch(read(chore.record, 3), None)
    assert commands(asked)[-1] == ("put", KEY, 3), "the same again, for whoever reads it after a compaction"
    last = asked.asked(KEY)
    assert last is not None
    assert last.watch.created_at == T + 1


def test_a_watch_between_that_was_followed_already_is_written_again_too() -> None:
    asked = intake(Cursors(watches=2))
    retired(asked, 2, 0, known=Followed(a_watch(), True, offset=1))
    assert [chore.topic for chore in asked.chores] == [TOPICS.watches]


def test_a_removal_that_lies_between_needs_nothing() -> None:
    asked = intake()
    asked.up_to_date()
    asked.retire([KEY])
    remove(asked, 1)
    retired(asked, 2, 0)
    assert (commands(asked), asked.chores) == ([], [])


def test_a_watch_after_the_tombstone_is_a_new_one() -> None:
    asked = intake()
    asked.up_to_date()
    asked.retire([KEY])
    retired(asked, 1, 0)
    put(asked, 2)
    assert commands(asked) == [("put", KEY, 2)]
    assert asked.chores == []


def test_a_live_order_without_a_record_was_removed() -> None:
    kept = Kept(offset=4, watch=codec.pack_watch(a_watch()))
    asked = intake(Cursors(watches=9))
    asked.gone(KEY, kept, T)
    assert commands(asked) == [("remove", KEY, 4)]
    assert asked.followed({KEY: kept}) == {}
    assert asked.cursors(1, Done()).gone == 1, "until it is done, a restore must look for it again"
    removal = asked.log[0]
    assert removal is not None
    done = asked.done([removal])
    assert asked.cursors(1, done).gone == 0


# --- how far it is ---------------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30), st.randoms())
def test_after_a_restart_exactly_what_is_not_done_is_open(records: list[tuple[bool, bool]], random: object) -> None:
    """Each record is something to be done about or not; of those some are done, in any order."""
    progress = Progress()
    wanted = []
    for offset, (matters, done) in enumerate(records):
        assert progress.read(offset)
        if matters:
            progress.open(offset, keep=True)
            if not done:
                wanted.append(offset)
    finished = [offset for offset, (matters, done) in enumerate(records) if matters and done]
    random.shuffle(finished)  # type: ignore[attr-defined]
    for offset in finished:
        after = progress.after([offset])
        progress.finish([offset])
        assert progress.after([]) == after
    restarted = Progress(*progress.after([]))
    seen = [offset for offset in range(len(records)) if restarted.read(offset)]
    assert [offset for offset in seen if records[offset][0]] == wanted


def test_one_that_is_never_done_does_not_make_the_record_grow_for_ever() -> None:
    progress = Progress()
    for offset in range(1_500):
        progress.read(offset)
        progress.open(offset, keep=True)
    for offset in range(1, 1_500):
        progress.finish([offset])
    first, beyond = progress.after([])
    assert (first, beyond) == (1_500, ())
