"""Orders as INTERFACE shows them, and the addresses under which they stand."""

from urllib.parse import quote

import pytest
from yarl import URL

from notifier.backends.base import Order
from notifier.model import Phase, Snapshot
from tests.api.conftest import Client
from tests.api.desk import NOW, MemoryDesk, a_cloud_event, a_state, a_watch


async def test_an_order_is_shown_whole(client: Client) -> None:
    answer = await client.get("/v1/orders/trips/885e")
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json == {
        "key": "trips/885e",
        "source": "trips",
        "id": "885e",
        "labels": {"team": "sales"},
        "life": NOW - 60_000,
        "sequence": 2,
        "status": "waiting",
        "phase": "arrived",
        "phase_certain": True,
        "snapshot": {
            "status": "waiting",
            "phase": "arrived",
            "updated_at": "2026-11-21T10:59:55.000Z",
            "performer": {
                "name": "Ivan",
                "phone": "+79120000000",
                "vehicle": {"model": "Solaris", "plate": "A1", "color": "white"},
            },
            "location": {"lat": 55.75, "lon": 37.61},
            "route": [
                {"address": "Lenina 1", "lat": 55.75, "lon": 37.61},
                {"address": "Mira 2", "lat": None, "lon": None},
            ],
            "schedule": {"start": "2026-11-21T11:00:00.000Z", "end": None},
            "finished_at": None,
            "cost": {"amount": 100.5, "with_vat": 120.6},
            "cancel_rules": {"can_cancel": True, "state": "free", "title": "Free", "message": "For now"},
            "history": [
                {"event": "ARRIVAL", "at": "2026-11-21T10:59:52.000Z", "initiator": "app", "lat": 1.5, "lon": 2.5}
            ],
            "status_log": [{"status": "new", "at": "2026-11-21T10:59:51.000Z", "lat": None, "lon": None}],
            "person": {"id": "5769", "name": "Olga", "phone": "+79120000001"},
            "number": "42",
            "class": "econom",
            "cost_centers": [{"id": "cc", "title": "Purpose", "value": "meeting"}],
            "created_by": "boss",
            "comments": [{"status": "NEW", "text": "no onions"}],
            "comment": "no onions",
        },
        "last_ok_at": "2026-11-21T10:59:59.000Z",
        "next_poll_at": "2026-11-21T11:00:05.000Z",
        "last_error": "timeout",
        "retired": None,
        "as_of": "2026-11-21T11:00:00.000Z",
    }


async def test_before_the_first_good_look_there_is_no_snapshot(client: Client) -> None:
    order = (await client.get("/v1/orders/food/1")).json
    assert order["snapshot"] is None
    assert (order["status"], order["phase"], order["phase_certain"]) == (None, "unknown", False)
    assert (order["life"], order["sequence"]) == (NOW - 60_000, 0)
    assert (order["last_ok_at"], order["next_poll_at"], order["last_error"]) == (None, None, None)


async def test_what_the_api_did_not_tell_is_null_or_empty(client: Client, desk: MemoryDesk) -> None:
    desk.view.orders["food/1"] = Order(a_watch("food/1"), a_state(snapshot=Snapshot(status="NEW")), False)
    snapshot = (await client.get("/v1/orders/food/1")).json["snapshot"]
    lists = {name for name, value in snapshot.items() if value == []}
    assert lists == {"route", "history", "status_log", "cost_centers", "comments"}
    assert {name for name, value in snapshot.items() if value is None} == snapshot.keys() - lists - {"status", "phase"}


async def test_elsewhere_owned_orders_are_told_as_of_their_last_commit(client: Client, desk: MemoryDesk) -> None:
    desk.lives.clear()
    desk.view.orders["trips/885e"] = Order(a_watch(), a_state(last_error="throttled"), False)
    order = (await client.get("/v1/orders/trips/885e")).json
    assert order["last_ok_at"] == "2026-11-21T10:59:56.000Z"
    assert (order["next_poll_at"], order["last_error"]) == (None, "throttled")


async def test_an_order_of_a_source_no_longer_configured_says_so(client: Client, desk: MemoryDesk) -> None:
    desk.config.sources = {}
    assert (await client.get("/v1/orders/trips/885e")).json["last_error"] == "unknown_source"


@pytest.mark.parametrize(
    ("removed", "state", "told"),
    [
        (True, a_state(), "removed"),
        (False, a_state(retired_at=NOW, retirement="given_up"), "given_up"),
        (False, a_state(retired_at=NOW, retirement="terminal"), "terminal"),
        (False, a_state(), None),
    ],
)
async def test_an_order_no_longer_polled_says_why(
    client: Client, desk: MemoryDesk, removed: bool, state: object, told: str | None
) -> None:
    desk.view.orders["trips/885e"] = Order(a_watch(), state, removed)  # type: ignore[arg-type]
    assert (await client.get("/v1/orders/trips/885e")).json["retired"] == told


@pytest.mark.parametrize(
    "path",
    [
        "trips/7",
        "trips",
        "trips/885e/x",
        "trips/885e/events/x",
        "trips//885e",
        "trips/885e/",
        "trips/%FF",
        "a/b/c/d/why",
    ],
)
async def test_what_is_no_key_of_an_order_is_not_found(client: Client, path: str) -> None:
    answer = await client.get(f"/v1/orders/{path}")
    assert answer.status == 404
    assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("id", ["a b", "a%2B", "100%", "ключ", "?x=1", "a#b", "a:b;c=d,e", "events", "why", "+"])
async def test_ids_travel_percent_encoded(client: Client, desk: MemoryDesk, id: str) -> None:
    desk.view.orders[f"trips/{id}"] = Order(a_watch(f"trips/{id}"), None, False)
    url = URL(f"{client.base}/v1/orders/trips/{quote(id, safe='')}", encoded=True)
    async with client.session.get(url) as answer:
        assert answer.status == 200
        assert (await answer.json())["id"] == id


async def test_why_is_a_view_of_an_order_unless_it_is_an_order(client: Client, desk: MemoryDesk) -> None:
    assert "polled" in (await client.get("/v1/orders/trips/885e/why")).json
    desk.view.orders["trips/885e/why"] = Order(a_watch("trips/885e/why"), None, False)
    order = (await client.get("/v1/orders/trips/885e/why")).json
    assert (order["key"], order["id"]) == ("trips/885e/why", "why")
    explained = (await client.get("/v1/orders/trips/885e/why/why")).json
    assert (explained["key"], explained["watch"]["key"]) == ("trips/885e/why", "trips/885e/why")


async def test_an_account_is_part_of_the_address(client: Client, desk: MemoryDesk) -> None:
    desk.view.orders["trips/acme/7"] = Order(a_watch("trips/acme/7"), None, False)
    desk.view.events.append(a_cloud_event(1, "trips/acme/7"))
    assert (await client.get("/v1/orders/trips/acme/7")).json["key"] == "trips/acme/7"
    assert len((await client.get("/v1/orders/trips/acme/7/events")).json["items"]) == 1


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("", ["food/1", "trips/885e"]),
        ("?source=food", ["food/1"]),
        ("?phase=arrived", ["trips/885e"]),
        ("?phase=arrived&source=food", []),
        ("?key=food/1", ["food/1"]),
        ("?source=", ["food/1", "trips/885e"]),
    ],
)
async def test_orders_are_listed_by_source_and_phase(client: Client, query: str, keys: list[str]) -> None:
    answer = await client.get(f"/v1/orders{query}")
    assert [order["key"] for order in answer.json["items"]] == keys
    assert answer.json["next"] is None


async def test_lists_are_paged(client: Client, desk: MemoryDesk) -> None:
    for number in range(25):
        desk.view.orders[f"trips/{number:02}"] = Order(a_watch(f"trips/{number:02}"), None, False)
    cursor: str | None = ""
    seen, pages = [], 0
    while cursor is not None:
        page = (await client.get(f"/v1/orders?limit=10&cursor={cursor}")).json
        seen += [order["key"] for order in page["items"]]
        cursor, pages = page["next"], pages + 1
    assert (pages, seen) == (3, sorted(desk.view.orders))


@pytest.mark.parametrize(
    ("query", "paths"),
    [
        ("limit=0", ["limit"]),
        ("limit=1001", ["limit"]),
        ("limit=ten", ["limit"]),
        ("limit=%D9%A3", ["limit"]),
        ("limit=", ["limit"]),
        ("limit=-1", ["limit"]),
        ("phase=flying", ["phase"]),
        ("cursor=garbage", ["cursor"]),
        ("limit=0&phase=flying", ["limit", "phase"]),
        ("source=a%00b", ["source"]),
    ],
)
async def test_wrong_parameters_are_all_told(client: Client, query: str, paths: list[str]) -> None:
    answer = await client.get(f"/v1/orders?{query}")
    assert answer.status == 422
    assert [error["path"] for error in answer.json["errors"]] == paths
    assert all(error["message"] for error in answer.json["errors"])


async def test_events_are_structured_cloudevents_by_sequence(client: Client, desk: MemoryDesk) -> None:
    page = (await client.get("/v1/orders/trips/885e/events?limit=1")).json
    (first,) = page["items"]
    sealed = desk.view.events[0]
    assert {name: first[name] for name in sealed.attributes} == sealed.attributes
    assert first["data"]["sequence"] == 1
    rest = (await client.get(f"/v1/orders/trips/885e/events?cursor={page['next']}")).json
    assert [event["data"]["sequence"] for event in rest["items"]] == [2]
    assert rest["next"] is None


async def test_an_order_without_events_has_an_empty_list(client: Client, desk: MemoryDesk) -> None:
    desk.view.events.clear()
    assert (await client.get("/v1/orders/food/1/events")).json == {"items": [], "next": None}


async def test_why_tells_the_whole_way(client: Client) -> None:
    why = (await client.get("/v1/orders/trips/885e/why")).json
    assert why["phase"] == Phase.ARRIVED
    assert why["polled"]["looks"] == [
        {
            "began": "2026-11-21T10:59:58.000Z",
            "ended": "2026-11-21T10:59:58.100Z",
            "outcome": "timeout",
            "detail": "no answer in 10 s",
        }
    ]
    assert (why["polled"]["failures"], why["polled"]["last_error"]) == (1, "timeout")
    assert [(event["sequence"], event["type"]) for event in why["events"]] == [
        (1, "notifier.order.status_changed.v1"),
        (2, "notifier.order.status_changed.v1"),
    ]
    first, second = (event["deliveries"] for event in why["events"])
    assert {(it["id"], it["rule"], it["sink"], it["state"], it["reason"]) for it in first} == {
        ("dead1", "everything", "mail", "dead", "retries_exhausted"),
        ("done1", "everything", "hook", "delivered", None),
    }
    assert {(it["id"], it["state"], it["reason"]) for it in second} == {
        ("held1", "pending", "quiet_hours"),
        ("skip1", "skipped", "no_address"),
    }
    assert [it["id"] for it in why["held_back"]] == ["held1"]
    assert [it["id"] for it in why["skipped"]] == ["skip1"]
    assert why["complete"] is True


async def test_why_of_an_order_in_trouble(client: Client, desk: MemoryDesk) -> None:
    desk.lives.clear()
    troubled = a_state(doubt="driving", misses=2, missing_since=NOW - 9_000, lost=True, stalled=True, failures=3)
    desk.view.orders["trips/885e"] = Order(a_watch(), troubled, True)
    why = (await client.get("/v1/orders/trips/885e/why")).json
    told = {name: why["state"][name] for name in ("doubt", "misses", "missing_since", "lost", "stalled")}
    assert told == {
        "doubt": "driving",
        "misses": 2,
        "missing_since": "2026-11-21T10:59:51.000Z",
        "lost": True,
        "stalled": True,
    }
    assert (why["retired"], why["polled"]["failures"], why["polled"]["looks"]) == ("removed", 3, [])


async def test_why_before_anything_happened(client: Client, desk: MemoryDesk) -> None:
    desk.view.events.clear()
    why = (await client.get("/v1/orders/food/1/why")).json
    assert (why["events"], why["state"]["phase"], why["polled"]["last_ok_at"]) == ([], "unknown", None)


async def test_masks_hide_addresses_in_why(client: Client) -> None:
    text = (await client.get("/v1/orders/trips/885e/why")).body.decode()
    assert "s3cret" not in text
    assert '"to":"h.example.org"' in text
    assert '"to":"a***@example.org"' in text
