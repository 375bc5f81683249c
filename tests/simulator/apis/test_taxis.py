"""The three taxi APIs against their documents; each contradiction of a document is shown by some orders."""

import re
from zoneinfo import ZoneInfo

import pytest

from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Ask
from notifier.simulator.lives import life
from tests.simulator.apis.shared import rendered, variants

RIDE = "sim-driving-1s-waiting-1s-transporting-1s-complete"
CANCEL = {"show_cancel_text": "true"}


def test_progress_shows_the_car_where_the_example_or_the_table_has_it() -> None:
    bodies = variants("progress", "sim-driving")
    assert all(body["status"] == "driving" for body in bodies)
    inside = [body["vehicle"]["location"] for body in bodies if "location" not in body]
    assert all(55 < lat < 56 < 60 and 37 < lon < 38 for lat, lon in inside)
    beside = [body["location"] for body in bodies if "location" in body]
    assert 0 < len(beside) < len(inside)
    assert all(re.fullmatch(r"55\.\d+, 37\.\d+", text) for text in beside)


def test_progress_has_no_vehicle_before_a_driver() -> None:
    assert rendered("progress", "sim-search") == {"status": "search"}


def test_taxi_v1_shows_every_contradiction_of_its_document() -> None:
    bodies = variants("taxi_v1", RIDE, 3_000)
    assert {body["status"] if isinstance(body["status"], str) else body["status"]["full"] for body in bodies} == {
        "complete"
    }
    assert len({type(body["status"]) for body in bodies}) == 2
    assert {key for body in bodies for key in body if key.startswith("cost_center")} == {
        "cost_center",
        "cost_centers",
        "cost_center_values",
    }
    assert {len(body["finished_date"]) for body in bodies} == {
        len("2016-03-24T21:47:17"),
        len("2016-03-24T21:47:17+0300"),
    }


def test_taxi_v1_has_coordinates_as_texts_longitude_first_and_the_plate_in_the_car() -> None:
    body, order = rendered("taxi_v1", RIDE), life(1, "taxi_v1", RIDE, born=0)
    assert body["source"]["geopoint"] == [str(order.route[0].lon), str(order.route[0].lat)]
    performer = order.moment(0).performer
    assert performer
    assert body["performer"]["car"].endswith(performer.plate)


def test_taxi_v1_tells_cancel_rules_only_when_asked() -> None:
    assert "cancel_rules" not in rendered("taxi_v1", RIDE)
    assert rendered("taxi_v1", RIDE, query=CANCEL)["cancel_rules"]["state"] == "free"
    assert "cancel_rules" not in rendered("taxi_v1", RIDE, 3_000, query=CANCEL)


def test_taxi_v1_writes_bare_times_in_the_servers_zone() -> None:
    bare = [b["finished_date"] for b in variants("taxi_v1", RIDE, 3_000, zone=ZoneInfo("Asia/Tokyo"))]
    assert set(bare) == {"1970-01-01T09:00:03", "1970-01-01T03:00:03+0300"}


def test_business_v2_phone_and_rules_vanish_on_completion_and_cost_comes_only_then() -> None:
    before, after = rendered("business_v2", RIDE), rendered("business_v2", RIDE, 3_000)
    assert {"cost", "cost_with_vat", "finished_date"} & set(before) == set()
    assert {"cost", "cost_with_vat", "finished_date"} <= set(after)
    assert "phone" in before["performer"]
    assert "phone" not in after["performer"]
    assert "cancel_rules" in before
    assert "cancel_rules" not in after
    assert after["finished_date"] == "1970-01-01T03:00:03.000000+03:00"


def test_business_v2_phones_with_dial_pauses_and_both_forms_of_offset_occur() -> None:
    bodies = variants("business_v2", RIDE)
    assert {",," in body["performer"]["phone"] for body in bodies} == {True, False}
    assert {body["due_date"][-6:] for body in bodies} == {"+03:00", "1+0300"}


def test_business_v2_longitude_comes_first() -> None:
    lon, lat = rendered("business_v2", RIDE)["destination"]["geopoint"]
    assert 37 < lon < 38
    assert 55 < lat < 56


@pytest.mark.parametrize(
    ("accept", "title"),
    [
        ("ru", "Бесплатная отмена"),
        ("fr, ru;q=0.5", "Бесплатная отмена"),
        ("en", "Free cancellation"),
        ("he", "Free cancellation"),
    ],
)
def test_business_v2_speaks_the_language_asked_for(accept: str, title: str) -> None:
    assert rendered("business_v2", RIDE, headers={"accept-language": accept})["cancel_rules"]["title"] == title


@pytest.mark.parametrize(
    ("clients", "client", "code"),
    [
        (None, None, None),
        (None, "any", None),
        ({"a"}, None, None),
        ({"a", "b"}, None, "SELECT_CLIENT_HEADER_REQUIRED"),
        ({"a", "b"}, "b", None),
        ({"a", "b"}, "c", "SELECTED_CLIENT_ACCESS_DENIED"),
    ],
)
def test_business_v2_has_two_reasons_for_403(clients: set[str] | None, client: str | None, code: str | None) -> None:
    headers = {"x-yataxi-selected-corp-client-id": client} if client else {}
    refused = APIS["business_v2"].refuse(Ask({}, {"order_id": "1"}, headers, clients=clients))
    assert (refused.code if refused else None) == code


def test_business_v2_wants_an_order_id() -> None:
    refused = APIS["business_v2"].refuse(Ask({}, {}, {}))
    assert refused
    assert refused.status == 400


@pytest.mark.parametrize("api", ["progress", "taxi_v1"])
def test_another_clients_order_is_forbidden(api: str) -> None:
    refused = APIS[api].refuse(Ask({"client": "x", "order": "1"}, {}, {}, clients={"a"}))
    assert refused
    assert refused.status == 403
