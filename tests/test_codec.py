"""Stored records: the same after a round, small, kept from newer releases, refused where they cannot be read."""

import base64
import json
import random
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some
from msgspec import StructMeta

from notifier import codec, model
from notifier.codec import TooLarge
from notifier.envelope import seal
from notifier.errors import BackendError, LookFailed, Reason, Refused
from notifier.model import (
    Attempt,
    CancelRules,
    CloudEvent,
    Comment,
    Cost,
    CostCenter,
    Delivery,
    Entry,
    Event,
    EventType,
    Performer,
    Person,
    Phase,
    Place,
    Recipient,
    Schedule,
    Snapshot,
    State,
    Vehicle,
    Watch,
)
from notifier.model.words import ByPlace

T = 1_795_258_800_000
KEY = "trips/885e440dc70acc3bb6ce0cc5c67d7f2e"
FORMAT_1 = Path(__file__).parent / "data" / "format-1.json"

SNAPSHOT = Snapshot(
    status="driving",
    updated_at=T,
    performer=Performer(
        name="Sazonov Stanimir Matveyevich",
        phone="+79120995513,,95576",
        vehicle=Vehicle(model="Nissan Qashqai", plate="B746YO777", color="green"),
    ),
    location=Place(lat=55.76631637044709, lon=37.58508433837886),
    route=(
        Place(address="Москва, Зоологическая улица, 28с1", lat=55.76631637044709, lon=37.58508433837886),
        Place(address="Moscow, Godovikova, 9 bld 1", lat=55.80713497241309, lon=37.62525310058589),
    ),
    schedule=Schedule(start=T, end=T + 3_600_000),
    cost=Cost(amount=2188.0, with_vat=2625.6),
    cancel_rules=CancelRules(can_cancel=True, state="free", title="Free cancellation", message="At the moment."),
    entries=(Entry(kind="status", value="search", at=T - 5), Entry(kind="history", value="ARRIVAL", at=T, nth=1)),
    person=Person(id="5769a1d0ed084122a5ff50d67941edc8"),
    tariff="econom",
    cost_centers=(CostCenter(id="cost_center", title="Trip goal", value=""),),
    comments=(Comment(status="new", text="ring twice"),),
)
STATE = State(
    key=KEY,
    life=T,
    sequence=7,
    snapshot=SNAPSHOT,
    phase=Phase.ASSIGNED,
    certain=True,
    since=T + 1,
    tracked=True,
    last_ok=T + 2,
    digest=bytes(range(16)),
    doubt="waiting",
    misses=2,
    missing_since=T + 3,
    lost_since=T + 4,
    reported=frozenset({"unknown_status:odd"}),
    unlogged=("driving",),
    newest=T,
    changed_at=T + 5,
    watch_number=12,
    told=frozenset({"driver-arrived"}),
    failures=3,
    failing_since=T + 6,
    last_error="timeout",
    not_before=T + 7,
)
WATCH = Watch(
    key=KEY,
    source="trips",
    ids={"order_id": "885e440dc70acc3bb6ce0cc5c67d7f2e", "client_id": "a2d"},
    recipients=(Recipient(email="a@example.org", phone="+79120995513", locale="ru", timezone="Europe/Moscow"),),
    labels={"team": "sales"},
    created_at=T,
    updated_at=T + 1,
)
EVENT = seal(
    Event(
        key=KEY,
        life=T,
        sequence=7,
        type=EventType.STATUS_CHANGED,
        before={"status": "search"},
        after={"status": "driving"},
        status="driving",
        phase=Phase.ASSIGNED,
        certain=True,
        at=None,
        not_before=T,
        not_after=T + 2,
        observed_at=T + 2,
        snapshot=SNAPSHOT,
    ),
    WATCH,
    personal_data=False,
)
DELIVERY = Delivery(
    id="c0f1e8a0-4c9e-5b9e-8d5f-6b1f0a9d0c11",
    key=KEY,
    event=EVENT,
    facts=b"\x00personal",
    rule="everything",
    sink="hook",
    to="https://example.org/hook",
    endpoint="https://example.org/hook",
    state="dead",
    due=T,
    held="retrying",
    reason="refused",
    attempts=(Attempt(at=T, outcome="again", status="503", reason="server_error", detail="busy", ms=12),),
    created_at=T,
    finished_at=T + 9,
    tries=1,
)

KINDS: dict[str, tuple[Any, Callable[[Any], bytes], Callable[[bytes], Any]]] = {
    "watch": (WATCH, codec.pack_watch, codec.unpack_watch),
    "state": (STATE, codec.pack_state, codec.unpack_state),
    "delivery": (DELIVERY, codec.pack_delivery, codec.unpack_delivery),
    "event": (EVENT, codec.pack_event, codec.unpack_event),
}
of_every_kind = pytest.mark.parametrize("kind", KINDS)


@of_every_kind
def test_it_comes_back_as_it_was(kind: str) -> None:
    value, pack, unpack = KINDS[kind]
    assert unpack(pack(value)) == value
    assert pack(unpack(pack(value))) == pack(value)


@of_every_kind
def test_records_of_format_1_are_read_for_ever(kind: str) -> None:
    value, _, unpack = KINDS[kind]
    stored = json.loads(FORMAT_1.read_text())
    for record in stored[kind]:
        assert unpack(base64.b64decode(record)) == value
    assert base64.b64decode(stored[kind][0])[0] == 1


BY_PLACE: dict[str, tuple[type[msgspec.Struct], ...]] = {
    "watch": (Watch, Recipient),
    "state": (
        *(State, Snapshot, Place, Vehicle, Performer, Schedule, Cost, CancelRules, Person, CostCenter, Comment, Entry),
    ),
}


@pytest.mark.parametrize("type", [each for types in BY_PLACE.values() for each in types])
def test_what_is_stored_by_place_keeps_its_places(type: type[msgspec.Struct]) -> None:
    """A new field goes to the end, with a default: the next release must read what this one wrote, and it that."""
    places = json.loads(FORMAT_1.read_text())["places"][type.__name__]
    assert list(type.__struct_fields__[: len(places)]) == places
    added = msgspec.structs.fields(type)[len(places) :]
    assert not [field.name for field in added if field.required]


def test_everything_that_is_stored_by_place_is_known_here() -> None:
    known = {type for types in BY_PLACE.values() for type in types}
    types = {each for each in vars(model).values() if isinstance(each, StructMeta)}
    assert known == {type for type in types if issubclass(type, ByPlace)}


def test_only_long_records_are_deflated() -> None:
    """A typical order's and event's are plain: deflating them cost more than all the rest of a change."""
    many = tuple(Entry(kind="history", value="STATUS_UPDATE", at=T + at) for at in range(100))
    long = msgspec.structs.replace(STATE, snapshot=msgspec.structs.replace(SNAPSHOT, entries=many))
    assert [codec.pack_state(state)[1] for state in (STATE, long)] == [0, 1]
    assert len(codec.pack_state(long)) < 1_000
    assert codec.pack_event(EVENT)[1] == 0


def test_a_delivery_without_its_event() -> None:
    record = codec.pack_delivery(DELIVERY, event=False)
    assert len(record) < len(codec.pack_delivery(DELIVERY))
    assert codec.unpack_delivery(record, EVENT) == DELIVERY


# --- newer releases --------------------------------------------------------------------------------------------------

NEWER = {"invented": {"deep": [1, "two", b"three"]}, "also": True}


def by_a_newer_release(kind: str) -> tuple[bytes, dict[str, Any]]:
    """The same format, with fields that this release does not know; and those, as they are kept."""
    value, _, _ = KINDS[kind]
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    if kind not in BY_PLACE:
        fields.pop("extra", None)
        return bytes((1, 0)) + msgspec.msgpack.encode({**fields, **NEWER}), NEWER
    places = [*fields.values(), *NEWER.values()]
    known = {str(len(fields) + number): each for number, each in enumerate(NEWER.values())}
    return bytes((1, 0)) + msgspec.msgpack.encode(places), known


@pytest.mark.parametrize("kind", ["watch", "state", "delivery"])
def test_what_a_newer_release_added_is_kept_and_written_back(kind: str) -> None:
    value, pack, unpack = KINDS[kind]
    record, added = by_a_newer_release(kind)
    read = unpack(record)
    assert read.extra == added
    assert msgspec.structs.replace(read, extra={}) == value
    again = unpack(pack(msgspec.structs.replace(read, key="trips/other")))
    assert (again.extra, again.key) == (added, "trips/other")


@pytest.mark.parametrize("kind", BY_PLACE)
def test_an_older_release_wrote_fewer_fields(kind: str) -> None:
    value, _, unpack = KINDS[kind]
    places = [getattr(value, name) for name in value.__struct_fields__]
    read = unpack(bytes((1, 0)) + msgspec.msgpack.encode(places[:-1]))
    assert read == value


def test_an_event_of_a_newer_release_is_read() -> None:
    assert codec.unpack_event(by_a_newer_release("event")[0]) == EVENT


@of_every_kind
def test_a_higher_format_is_refused_with_how_to_go_on(kind: str) -> None:
    value, pack, unpack = KINDS[kind]
    newer = bytes((codec.FORMAT + 1,)) + pack(value)[1:]
    with pytest.raises(Refused, match=rf"format {codec.FORMAT + 1}, written by a newer release.*start that release"):
        unpack(newer)


# --- damage and size -------------------------------------------------------------------------------------------------


@of_every_kind
@given(data=some.data())
@settings(max_examples=60, deadline=None)
def test_damaged_bytes_are_an_error_of_the_backend_without_their_content(kind: str, data: some.DataObject) -> None:
    value, pack, unpack = KINDS[kind]
    record = bytearray(pack(value))
    if data.draw(some.booleans(), label="cut"):
        del record[data.draw(some.integers(0, len(record) - 1)) :]
    else:
        record[data.draw(some.integers(0, len(record) - 1))] ^= data.draw(some.integers(1, 255))
    told = ""
    try:
        unpack(bytes(record))
    except BackendError as error:
        told = str(error)
    assert "a@example.org" not in told
    assert "Sazonov" not in told


@pytest.mark.parametrize("record", [b"", b"\x01", b"\x01\x00", b"\x00\x00\x80", b"\x01\x07\x80", b"\x01\x00\xc1"])
@of_every_kind
def test_what_is_no_record_is_an_error(kind: str, record: bytes) -> None:
    with pytest.raises(BackendError):
        KINDS[kind][2](record)


def incompressible(size: int) -> str:
    """Characters that deflating helps little, the same at every run."""
    return base64.b85encode(random.Random(1).randbytes(size))[:size].decode()


def test_what_would_be_too_large_is_a_failed_look() -> None:
    fits = msgspec.structs.replace(STATE, snapshot=Snapshot(status="new", comment=incompressible(1_000_000)))
    assert 700_000 < len(codec.pack_state(fits)) <= codec.MOST_BYTES
    much = msgspec.structs.replace(STATE, snapshot=Snapshot(status="new", comment=incompressible(2_000_000)))
    with pytest.raises(TooLarge) as too_large:
        codec.pack_state(much)
    assert isinstance(too_large.value, LookFailed)
    assert too_large.value.reason is Reason.TOO_LARGE
    with pytest.raises(TooLarge, match="watch"):
        codec.pack_watch(msgspec.structs.replace(WATCH, labels={"long": incompressible(2_000_000)}))


def test_much_of_the_same_is_not_too_large() -> None:
    entries = tuple(Entry(kind="history", value="STATUS_UPDATE", at=T + at, nth=0) for at in range(20_000))
    packed = codec.pack_state(msgspec.structs.replace(STATE, snapshot=Snapshot(status="new", entries=entries)))
    assert len(packed) < 200_000


def test_a_typical_order_is_small_and_holds_no_spare_bytes() -> None:
    """200,000 orders in 400 MB: 2,000 bytes each with everything around them."""
    state, watch = codec.pack_state(STATE), codec.pack_watch(WATCH)
    assert len(state) + len(watch) < 1_100
    empty = sys.getsizeof(b"")
    assert sys.getsizeof(state) == len(state) + empty
    assert sys.getsizeof(watch) == len(watch) + empty
    assert len(codec.pack_event(EVENT)) < 1_000


# --- any value -------------------------------------------------------------------------------------------------------

instants = some.integers(0, 2**50)
texts = some.text(max_size=40)
states = some.builds(
    State,
    key=texts,
    life=instants,
    sequence=some.integers(0, 2**40),
    snapshot=some.none() | some.builds(Snapshot, status=texts, comment=some.none() | texts),
    phase=some.sampled_from(Phase),
    since=instants,
    last_ok=some.none() | instants,
    digest=some.binary(max_size=16),
    reported=some.frozensets(texts, max_size=4),
    unlogged=some.lists(texts, max_size=4).map(tuple),
    last_error=some.none() | texts,
    retirement=some.sampled_from([None, "terminal", "given_up", "removed"]),
    extra=some.lists(some.integers(-9, 9) | texts, max_size=3).map(
        lambda added: {str(len(State.__struct_fields__) + place): value for place, value in enumerate(added)}
    ),
)


@given(state=states)
@settings(max_examples=200, deadline=None)
def test_any_state_comes_back(state: State) -> None:
    packed = codec.pack_state(state)
    assert codec.unpack_state(packed) == state


@given(attributes=some.dictionaries(texts, texts, max_size=8), data=some.binary(max_size=3_000))
@settings(max_examples=100, deadline=None)
def test_any_event_comes_back(attributes: dict[str, str], data: bytes) -> None:
    event = CloudEvent(attributes=attributes, data=data)
    assert codec.unpack_event(codec.pack_event(event)) == event
