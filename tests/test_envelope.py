"""Sealing: the shape of a published event, and what never leaves without personal data."""

import itertools
import time
from typing import Any
from uuid import UUID, uuid5

import orjson
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_structured_event

from notifier.envelope import event_id, seal, structured
from notifier.model import (
    CloudEvent,
    CostCenter,
    Event,
    EventType,
    Performer,
    Person,
    Phase,
    Place,
    Snapshot,
    Vehicle,
    Watch,
)

LIFE = 1795258800000
SECRETS = ("Ivan", "Olga", "+7912", "Lenina", "A123BC", "55.75", "37.61", "olga@example.org")

WATCH = Watch(
    key="trips/885e",
    source="trips",
    ids={"order_id": "885e"},
    labels={"team": "sales"},
    created_at=LIFE,
    updated_at=LIFE,
)

SNAPSHOT = Snapshot(
    status="waiting",
    performer=Performer(
        name="Ivan", phone="+79120000000", vehicle=Vehicle(model="Solaris", plate="A123BC", color="white")
    ),
    location=Place(lat=55.75, lon=37.61),
    route=(Place(lat=55.75, lon=37.61, address="Lenina 1"),),
    person=Person(id="5769", name="Olga", phone="+79120000001"),
    number="42",
    tariff="econom",
    cost_centers=(CostCenter(id="cc", title="Purpose", value="meeting"),),
    created_by="olga@example.org",
)

CAR = {"model": "Solaris", "plate": "A123BC", "color": "white"}
CHANGES: dict[EventType, tuple[dict[str, Any] | None, dict[str, Any] | None]] = {
    EventType.TRACKED: (None, {"status": "waiting", "phase": "arrived"}),
    EventType.STATUS_CHANGED: ({"status": "driving"}, {"status": "waiting"}),
    EventType.PHASE_CHANGED: ({"phase": "assigned"}, {"phase": "arrived"}),
    EventType.HISTORY_ADDED: (
        None,
        {"event": "ARRIVAL", "at": "2026-11-21T10:00:05.120Z", "initiator": "app", "status": None, "lat": 55.75},
    ),
    EventType.PERFORMER_CHANGED: (None, {"name": "Ivan", "phone": "+79120000000", "vehicle": CAR}),
    EventType.SCHEDULE_CHANGED: (None, {"start": "2026-11-21T10:00:00.000Z", "end": None}),
    EventType.COST_CHANGED: ({"amount": 100.0, "with_vat": None}, {"amount": 120.5, "with_vat": 144.6}),
    EventType.CANCEL_RULES_CHANGED: (None, {"can_cancel": True, "state": "free", "title": "Ivan waits"}),
    EventType.LOCATION_CHANGED: (None, {"lat": 55.75, "lon": 37.61}),
    EventType.LOST: (None, None),
    EventType.STALLED: (None, None),
    EventType.CONTRACT_VIOLATED: (None, {"kind": "unknown_status", "value": "teleporting"}),
}


def an_event(type: EventType = EventType.STATUS_CHANGED, **changes: Any) -> Event:
    before, after = CHANGES[type]
    fields: dict[str, Any] = {
        "key": "trips/885e",
        "life": LIFE,
        "sequence": 7,
        "type": type,
        "before": before,
        "after": after,
        "status": "waiting",
        "phase": Phase.ARRIVED,
        "certain": True,
        "at": None,
        "not_before": LIFE,
        "not_after": LIFE + 5120,
        "observed_at": LIFE + 5120,
        "snapshot": SNAPSHOT,
    }
    return Event(**(fields | changes))


def data_of(event: CloudEvent) -> dict[str, Any]:
    data = orjson.loads(event.data)
    assert isinstance(data, dict)
    return data


def test_a_sealed_event_is_the_documented_one() -> None:
    sealed = seal(an_event(), WATCH, personal_data=False)
    id = sealed.attributes["id"]
    assert sealed.attributes == {
        "specversion": "1.0",
        "id": id,
        "source": "/sources/trips",
        "type": "notifier.order.status_changed.v1",
        "subject": "trips/885e",
        "time": "2026-11-21T11:00:05.120Z",
        "sequence": "00000000000000000007",
        "datacontenttype": "application/json",
        "dataschema": "/schemas/notifier.order.status_changed.v1.json",
    }
    assert list(data_of(sealed).items()) == list(
        {
            "id": id,
            "order": {
                "key": "trips/885e",
                "source": "trips",
                "id": "885e",
                "life": LIFE,
                "labels": {"team": "sales"},
                "person_id": "5769",
                "number": "42",
                "class": "econom",
                "cost_centers": [{"id": "cc", "title": "Purpose", "value": "meeting"}],
            },
            "sequence": 7,
            "before": {"status": "driving"},
            "after": {"status": "waiting"},
            "status": "waiting",
            "phase": "arrived",
            "phase_certain": True,
            "occurred": {
                "at": None,
                "not_before": "2026-11-21T11:00:00.000Z",
                "not_after": "2026-11-21T11:00:05.120Z",
            },
            "observed_at": "2026-11-21T11:00:05.120Z",
            "inferred": False,
            "late": False,
        }.items()
    )


def test_a_told_time_is_the_events_time() -> None:
    sealed = seal(an_event(at=LIFE - 1, not_before=None, not_after=None), WATCH, personal_data=False)
    assert sealed.attributes["time"] == "2026-11-21T10:59:59.999Z"
    assert data_of(sealed)["occurred"] == {"at": "2026-11-21T10:59:59.999Z", "not_before": None, "not_after": None}


def test_the_id_follows_from_key_life_and_sequence_alone() -> None:
    one = seal(an_event(), WATCH, personal_data=False)
    other = seal(an_event(EventType.COST_CHANGED, status="x", inferred=True, snapshot=None), WATCH, personal_data=True)
    assert one.id == other.id == str(UUID(one.id))
    keys = ("trips/1", "trips/11", "trips/1/1")
    ids = {event_id(*parts) for parts in itertools.product(keys, (1, 11, LIFE), (1, 11, 111))}
    assert len(ids) == 27
    assert event_id("trips/885e", LIFE, 7) == one.id


def test_ids_stay_what_they_were_in_former_releases() -> None:
    assert event_id("trips/885e", LIFE, 7) == "c5d07651-d600-5bed-9dbb-0a48b9622ab5"
    namespace = UUID("0120e9a6-9526-4dcc-b67b-af66ff41d5e8")
    for key, sequence in itertools.product(("trips/885e", "поездки/1"), range(1, 50)):
        assert event_id(key, LIFE, sequence) == str(uuid5(namespace, f"{key}\n{LIFE}\n{sequence}"))


@pytest.mark.parametrize("type", list(EventType))
def test_nothing_personal_leaves_unless_asked_for(type: EventType) -> None:
    text = structured(seal(an_event(type), WATCH, personal_data=False)).decode()
    assert [secret for secret in SECRETS if secret in text] == []


def test_without_personal_data_a_performer_is_a_vehicle() -> None:
    sealed = seal(an_event(EventType.PERFORMER_CHANGED, before={"name": "Oleg"}), WATCH, personal_data=False)
    assert data_of(sealed)["after"] == {"vehicle": {"model": "Solaris", "color": "white"}}
    assert data_of(sealed)["before"] == {"vehicle": None}


def test_a_former_car_told_in_parts_keeps_its_model() -> None:
    """The next driver's car is not told yet, so the snapshot cannot say how this API tells a car."""
    event = an_event(
        EventType.PERFORMER_CHANGED,
        before={"name": "Ivan", "phone": None, "vehicle": CAR},
        after={"name": "Oleg", "phone": None, "vehicle": None},
        snapshot=Snapshot(status="search", performer=Performer(name="Oleg")),
    )
    data = data_of(seal(event, WATCH, personal_data=False))
    assert data["before"] == {"vehicle": {"model": "Solaris", "color": "white"}}
    assert data["after"] == {"vehicle": None}


def test_with_personal_data_a_performer_is_whole_but_no_more() -> None:
    after = {"name": "Ivan", "phone": "+79120000000", "vehicle": CAR, "passport": "1234"}
    sealed = seal(an_event(EventType.PERFORMER_CHANGED, after=after), WATCH, personal_data=True)
    assert data_of(sealed)["after"] == {"name": "Ivan", "phone": "+79120000000", "vehicle": CAR}


@pytest.mark.parametrize(
    "performer",
    [Performer(vehicle=Vehicle(model="white Solaris A123BC", combined=True)), Performer(name="Ivan"), None],
)
def test_a_car_told_in_one_text_holds_its_plate_and_stays_inside(performer: Performer | None) -> None:
    snapshot = Snapshot(status="driving", performer=performer)
    car = {"name": None, "phone": None, "vehicle": {"model": "white Solaris A123BC", "color": None, "plate": None}}
    event = an_event(EventType.PERFORMER_CHANGED, before=car, after=car, snapshot=snapshot)
    hidden = data_of(seal(event, WATCH, personal_data=False))
    assert hidden["before"] == hidden["after"] == {"vehicle": {"model": None, "color": None}}
    assert data_of(seal(event, WATCH, personal_data=True))["after"] == car


def test_a_place_is_shown_with_personal_data_only() -> None:
    event = an_event(EventType.LOCATION_CHANGED)
    assert data_of(seal(event, WATCH, personal_data=True))["after"] == {"lat": 55.75, "lon": 37.61}
    hidden = data_of(seal(event, WATCH, personal_data=False))
    assert (hidden["before"], hidden["after"]) == (None, None)


def test_an_order_never_seen_has_no_facts() -> None:
    event = an_event(EventType.LOST, snapshot=None, status=None, phase=Phase.UNKNOWN, certain=False, sequence=1)
    data = data_of(seal(event, WATCH, personal_data=False))
    assert data["status"] is None
    assert data["phase"] == "unknown"
    assert data["order"]["cost_centers"] == []
    assert {data["order"][name] for name in ("person_id", "number", "class")} == {None}


def test_the_account_is_part_of_the_key_alone() -> None:
    data = data_of(seal(an_event(key="trips/acme/885e"), WATCH, personal_data=False))
    assert (data["order"]["key"], data["order"]["id"]) == ("trips/acme/885e", "885e")


@pytest.mark.parametrize("type", list(EventType))
def test_the_sdk_reads_what_was_sealed(type: EventType) -> None:
    sealed = seal(an_event(type, key="trips/заказ 7"), WATCH, personal_data=True)
    message = HTTPMessage(
        headers={"content-type": "application/cloudevents+json; charset=UTF-8"}, body=structured(sealed)
    )
    read = from_structured_event(message)
    told = {name: read.get_attributes()[name] for name in sealed.attributes if name != "time"}
    assert told == {name: value for name, value in sealed.attributes.items() if name != "time"}
    moment = read.get_time()
    assert moment is not None
    assert moment.timestamp() * 1000 == LIFE + 5120
    assert read.get_data() == data_of(sealed)


def test_structured_keeps_the_bytes_of_the_data() -> None:
    sealed = CloudEvent(attributes={"id": "1"}, data=b'{"a":1.50, "b": [ ]}')
    assert structured(sealed) == b'{"id":"1","data":{"a":1.50, "b": [ ]}}'


def test_a_kept_event_holds_no_more_than_its_text() -> None:
    sealed = seal(an_event(), WATCH, personal_data=False)
    assert sealed.data.__sizeof__() < len(sealed.data) + 64


def test_sealing_is_cheap() -> None:
    event = an_event(EventType.PERFORMER_CHANGED)
    best = min(_timed(event) for _ in range(5))
    assert best < 100e-6  # about 20 us here; the room is for a busy machine


def _timed(event: Event) -> float:
    began = time.perf_counter()
    for _ in range(200):
        seal(event, WATCH, personal_data=False)
    return (time.perf_counter() - began) / 200
