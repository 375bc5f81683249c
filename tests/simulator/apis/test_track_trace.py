"""Track & trace against its document: every time format it names, and entries that lack what is optional."""

import re
from datetime import datetime

import pytest

from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Ask
from notifier.simulator.apis.track_trace import iso, javascript
from tests.simulator.apis.shared import rendered, variants

WORDS = "sim-new-1s-confirmed-1500ms-ARRIVAL-1s-postponed"


def test_the_documents_own_example_of_a_javascript_time() -> None:
    assert javascript(1_558_966_732_000) == "Mon May 27 2019 17:18:52 GMT+0300 (Moscow Standard Time)"
    assert iso(1_558_966_732_000) == "2019-05-27T14:18:52.000Z"


def test_entry_times_come_in_every_form_and_agree() -> None:
    items = [item for body in variants("track_trace", WORDS, 9_000) for item in body["history"]]
    assert {("timestamp" in item, "time" in item) for item in items} == {(True, True), (True, False), (False, True)}
    for item in items:
        if "timestamp" in item and item.get("time", "").endswith("Z"):
            assert datetime.fromisoformat(item["time"]).timestamp() == item["timestamp"]
        if "timestamp" not in item:
            assert item["time"].endswith("Z")  # a JavaScript text alone would lose the milliseconds
    assert any("GMT+0300" in item.get("time", "") for item in items)


def test_a_status_update_is_found_in_the_log_by_its_time() -> None:
    body = rendered("track_trace", f"{WORDS}.1", 9_000)
    log = {entry["timestamp"]: entry["status"] for entry in body["status_log"]}
    updates = [item["timestamp"] for item in body["history"] if item["event"] == "STATUS_UPDATE"]
    assert [log[at] for at in sorted(updates)] == ["confirmed", "postponed"]
    assert all("status" not in item for item in body["history"])


def test_lists_may_be_newest_first() -> None:
    firsts = {body["status_log"][0]["status"] for body in variants("track_trace", WORDS, 9_000)}
    assert firsts == {"new", "postponed"}


def test_the_time_window_comes_in_every_form() -> None:
    bodies = variants("track_trace", "sim-new-1s-ARRIVAL")
    windows = [body["time_window"]["start"] for body in bodies if "time_window" in body]
    assert {text.endswith("Z") for text in windows} == {True, False}
    bare = [body["time_interval"] for body in bodies if "time_window" not in body]
    dated = [text for text in bare if "/" in text]
    assert dated
    assert all(datetime.fromisoformat(part).utcoffset() for text in dated for part in text.split("/"))
    clocks = [text for text in bare if "/" not in text]
    assert all(re.fullmatch(r"(\d\d(:\d\d){0,2})( - |-)(\d\d(:\d\d){0,2})", text) for text in clocks)
    assert {text.count(":") for text in clocks} == {0, 2, 4}


def test_every_field_of_the_document_is_there() -> None:
    body = rendered("track_trace", "17", 10**8)
    assert {"id", "company_id", "status", "history", "status_log", "amount", "confirmed_at", "delivered_at"} <= set(
        body
    )
    assert body["id"] == 17
    assert isinstance(rendered("track_trace", WORDS)["id"], int)


def test_comments_tell_why() -> None:
    comments = rendered("track_trace", WORDS, 9_000)["order_status_comments"]
    assert comments == [{"id": 1, "status": "postponed", "comment": "Nobody answered the phone"}]


@pytest.mark.parametrize(
    ("company", "order", "status"), [("5", "x", 422), ("c", "17", 422), ("5", "17", None), ("6", "17", 403)]
)
def test_ids_are_integers_and_companies_closed(company: str, order: str, status: int | None) -> None:
    refused = APIS["track_trace"].refuse(Ask({"company": company, "order": order}, {}, {}, clients={"5"}))
    assert (refused.status if refused else None) == status
