"""What each fixture is read as. `example`, `active` and `completed` are the documents' own answers, word for word; the
others are the forms in which a document contradicts itself."""

from notifier.instants import from_text
from notifier.model import (
    CancelRules,
    Comment,
    Cost,
    CostCenter,
    Entry,
    Performer,
    Person,
    Place,
    Schedule,
    Snapshot,
    Vehicle,
)

CAR = Place(lat=55.749884, lon=37.589688)
START = Place(lat=55.734141752, lon=37.5887876121, address="Россия, Москва, улица Тимура Фрунзе, 11к8")
END = Place(lat=55.750379, lon=37.600296, address="Россия, Москва, Большая Никитская улица, 13")
TAXI_V1 = {
    "performer": Performer(
        name="Сергей",
        phone="+75551234567",
        vehicle=Vehicle(model="Volkswagen Caravelle коричневый А123ВЕ", combined=True),
    ),
    "route": (START, END),
    "schedule": Schedule(end=from_text("2016-03-24T21:37:17+03:00")),
    "finished_at": from_text("2016-03-24T21:47:17+03:00"),
    "cost": Cost(amount=540, with_vat=680),
    "cancel_rules": CancelRules(
        can_cancel=True,
        state="free",
        title="Бесплатная отмена",
        message="Сейчас отмена бесплатна. После приезда водителя за это, возможно, придётся платить",
    ),
    "person": Person(id="88eaf8ef4d8b4d8384f6064da13a1680"),
    "tariff": "econom",
    "cost_centers": (
        CostCenter(id="cost_center", title="Центр затрат", value="командировка"),
        CostCenter(id="0123456789abcdef0123456789abcde1", title="Цель поездки", value="особая цель"),
    ),
    "created_by": "Менеджер Анна",
}
NISSAN = Vehicle(model="Nissan Qashqai", plate="B746YO777", color="green")
ZOO = Place(lat=55.76631637044709, lon=37.58508433837886, address="Moscow, Zoologicheskaya St., 28 bld 1")
GODOVIKOVA = Place(lat=55.80713497241309, lon=37.62525310058589, address="Moscow, Godovikova, 9 bld 1")
BUSINESS_V2 = {
    "route": (ZOO, GODOVIKOVA),
    "schedule": Schedule(start=from_text("2023-02-10T10:54:55+03:00")),
    "person": Person(id="5769a1d0ed084122a5ff50d67941edc8"),
    "tariff": "econom",
    "cost_centers": (CostCenter(id="cost_center", title="Trip goal", value=""),),
}
FREE = CancelRules(
    can_cancel=True,
    state="free",
    title="Free cancellation",
    message="At the moment cancellation is free. After the driver arrives, it might not be.",
)
UPDATED = from_text("2019-05-27T14:20:00.500Z")
DELIVERED = (
    Entry(kind="status", value="new", at=from_text("2019-05-27T14:18:52Z")),
    Entry(kind="history", value="ORDER_CREATED", at=from_text("2019-05-27T14:18:52Z")),  # `timestamp` wins
    Entry(kind="status", value="confirmed", at=UPDATED),
    Entry(kind="history", value="STATUS_UPDATE", at=UPDATED, initiator="user_api"),
    Entry(kind="history", value="STATUS_UPDATE", at=UPDATED, nth=1, initiator="app"),
    Entry(
        kind="history", value="ARRIVAL", at=from_text("2019-05-27T14:21:50.250Z"), place=Place(lat=55.7338, lon=37.5869)
    ),
    Entry(kind="status", value="finished", at=from_text("2019-05-27T14:23:20Z"), place=Place(lat=55.7341, lon=37.5872)),
    Entry(kind="history", value="DEPARTURE", at=from_text("2019-05-27T14:25:00Z")),
)

EXPECTED: dict[tuple[str, str], Snapshot] = {
    ("progress", "example"): Snapshot(status="finished", location=CAR),
    ("progress", "location_beside"): Snapshot(status="driving", location=CAR),
    ("progress", "location_text"): Snapshot(status="complete", location=CAR),
    ("progress", "no_vehicle"): Snapshot(status="search"),
    ("taxi_v1", "example"): Snapshot(status="finished", **TAXI_V1),  # type: ignore[arg-type]
    ("taxi_v1", "as_in_the_table"): Snapshot(status="complete", **TAXI_V1),  # type: ignore[arg-type]
    ("taxi_v1", "vehicle_object"): Snapshot(
        status="waiting",
        performer=Performer(
            name="Сергей",
            phone="+75551234567",
            vehicle=Vehicle(model="Volkswagen Caravelle", plate="А123ВЕ", color="коричневый"),
        ),
        cost=Cost(amount=540.5),
        cost_centers=(CostCenter(value="some cost center"),),
    ),
    ("taxi_v1", "expired"): Snapshot(status="expired"),
    ("business_v2", "active"): Snapshot(
        status="driving",
        performer=Performer(name="Sazonov Stanimir Matveyevich", phone="+79120995513,,95576", vehicle=NISSAN),
        cancel_rules=FREE,
        **BUSINESS_V2,  # type: ignore[arg-type]
    ),
    ("business_v2", "completed"): Snapshot(
        status="complete",
        performer=Performer(name="Sazonov Stanimir Matveyevich", vehicle=NISSAN),
        finished_at=from_text("2023-02-10T11:14:16.037+03:00"),
        cost=Cost(amount=2188, with_vat=2625.6),
        **BUSINESS_V2,  # type: ignore[arg-type]
    ),
    ("business_v2", "as_in_taxi_v1"): Snapshot(
        status="waiting",
        performer=Performer(
            name="Sazonov Stanimir Matveyevich",
            phone="+79120995513",
            vehicle=Vehicle(model="Nissan Qashqai green B746YO777", combined=True),
        ),
        cancel_rules=FREE,
        **{  # type: ignore[arg-type]
            **BUSINESS_V2,
            "route": (
                ZOO,
                Place(lat=55.757, lon=37.611, address="Moscow, Tverskaya St., 1"),
                Place(address="Moscow, Tverskaya St., 2"),
                GODOVIKOVA,
            ),
        },
    ),
    ("business_v2", "interim_object"): Snapshot(
        status="transporting", route=(Place(lat=55.757, lon=37.611, address="Moscow, Tverskaya St., 1"),)
    ),
    ("track_trace", "example"): Snapshot(
        status="string",
        route=(Place(lat=0, lon=0, address="string"),),
        schedule=Schedule(start=from_text("2019-03-06T14:15:00Z"), end=from_text("2019-03-06T14:16:30Z")),
        cost=Cost(amount=0),
        entries=(
            Entry(kind="status", value="string", at=0, place=Place(lat=0, lon=0)),
            Entry(kind="history", value="string", at=0, initiator="string", place=Place(lat=0, lon=0)),
        ),
        person=Person(id="string", name="string", phone="string"),
        number="string",
        comments=(Comment(status="string", text="string"),),
    ),
    ("track_trace", "javascript_times"): Snapshot(
        status="confirmed",
        number="42",
        entries=(Entry(kind="history", value="ORDER_CREATED", at=from_text("2019-05-27T14:18:52Z")),),
        schedule=Schedule(start=from_text("2019-03-06T14:15:00Z"), end=from_text("2019-03-06T14:16:30Z")),
    ),
    ("track_trace", "iso_interval"): Snapshot(
        status="new",
        schedule=Schedule(start=from_text("2018-09-06T07:15:00Z"), end=from_text("2018-09-06T09:45:00Z")),
    ),
    ("track_trace", "interval_without_date"): Snapshot(status="new"),
    ("track_trace", "delivered"): Snapshot(
        status="finished",
        number="A-42",
        cost=Cost(amount=1250.5),
        route=(Place(lat=55.7341, lon=37.5872, address="Lva Tolstogo, 16"),),
        person=Person(id="1001", name="Anna", phone="+79990000000"),
        entries=DELIVERED,
        comments=(Comment(status="finished", text="Left at the door"),),
    ),
    ("restaurant", "example"): Snapshot(
        status="NEW", comment="New order", updated_at=from_text("1937-01-01T11:40:27.870Z")
    ),
    ("restaurant", "utc_seconds"): Snapshot(status="TAKEN_BY_COURIER", updated_at=from_text("2026-11-21T10:00:00Z")),
    ("restaurant", "no_time"): Snapshot(status="CANCELLED"),
    ("json", "order"): Snapshot(
        status="on_the_way",
        updated_at=from_text("2026-11-21T11:00:00.500Z"),
        schedule=Schedule(start=from_text("2026-11-21T10:00:00+03:00"), end=from_text("2026-11-21T11:00:00+03:00")),
        cost=Cost(amount=99.9),
        performer=Performer(name="Ann", phone="+15550001111", vehicle=Vehicle(plate="X1")),
        entries=(
            Entry(kind="history", value="packed", at=from_text("2026-11-21T09:00:00Z")),
            Entry(kind="history", value="left", at=from_text("2026-11-21T09:30:00Z")),
            Entry(kind="status", value="packing", at=from_text("2026-11-21T10:00:00Z")),
            Entry(kind="status", value="on_the_way", at=from_text("2026-11-21T11:00:00Z")),
        ),
    ),
    ("json", "sparse"): Snapshot(
        status="3",
        cost=Cost(amount=5, with_vat=6),
        performer=Performer(vehicle=Vehicle(model="Fiat X1", combined=True)),
    ),
}
