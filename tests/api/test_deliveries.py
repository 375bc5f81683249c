"""Deliveries over HTTP, and another try for those that were given up."""

from typing import Any

import pytest

from notifier.errors import Unavailable
from tests.api.conftest import Client
from tests.api.desk import NOW, MemoryDesk, a_delivery


async def test_a_delivery_is_the_documented_one(client: Client, desk: MemoryDesk) -> None:
    (delivery,) = (await client.get("/v1/deliveries?state=dead")).json["items"]
    documented = {
        "id": "dead1",
        "state": "dead",
        "key": "trips/885e",
        "event_id": desk.view.events[0].id,
        "sequence": 1,
        "type": "notifier.order.status_changed.v1",
        "sink": "mail",
        "to": "a***@example.org",
        "attempts": [{"at": "2026-11-21T10:59:57.000Z", "status": 503, "reason": "server_error", "ms": 12}],
        "next_attempt_at": None,
        "reason": "retries_exhausted",
    }
    assert {name: delivery[name] for name in documented} == documented
    assert (await client.get("/v1/deliveries/dead1")).json == delivery
    assert (await client.get("/v1/deliveries/nobody")).status == 404


async def test_a_deferred_one_is_pending_and_says_why(client: Client) -> None:
    held = (await client.get("/v1/deliveries/held1")).json
    assert (held["state"], held["reason"], held["next_attempt_at"]) == (
        "pending",
        "quiet_hours",
        "2026-11-21T11:00:07.000Z",
    )


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", {"dead1", "held1", "skip1", "done1"}),
        ("?state=pending", {"held1"}),
        ("?state=skipped", {"skip1"}),
        ("?key=trips/885e&sink=hook", {"done1"}),
        ("?key=food/1", set()),
        ("?to=anna@example.org", {"dead1", "held1"}),
        ("?since=2026-11-21T11:00:00Z", set()),
        ("?since=2026-11-21T10:59:55Z", {"dead1", "held1", "skip1", "done1"}),
        ("?since=2026-11-21T13:59:55%2B03:00", {"dead1", "held1", "skip1", "done1"}),
        ("?until=2026-11-21T10:59:55Z", set()),
    ],
)
async def test_deliveries_are_found(client: Client, query: str, ids: set[str]) -> None:
    answer = await client.get(f"/v1/deliveries{query}")
    assert {delivery["id"] for delivery in answer.json["items"]} == ids


@pytest.mark.parametrize("query", ["state=deed", "since=yesterday", "since=2026-11-21T10:00:00", "until=0", "limit=x"])
async def test_wrong_questions_are_refused(client: Client, query: str) -> None:
    answer = await client.get(f"/v1/deliveries?{query}")
    assert answer.status == 422
    assert [error["path"] for error in answer.json["errors"]] == [query.partition("=")[0]]


@pytest.mark.parametrize("state", ["dead", "expired"])
async def test_one_given_up_is_tried_again(client: Client, desk: MemoryDesk, state: str) -> None:
    desk.view.deliveries.append(a_delivery("x", state=state))
    answer = await client.ask("POST", "/v1/deliveries/x/retry")
    assert (answer.status, desk.retried) == (202, ["x"])


@pytest.mark.parametrize("id", ["held1", "skip1", "done1"])
async def test_one_not_given_up_is_not(client: Client, desk: MemoryDesk, id: str) -> None:
    answer = await client.ask("POST", f"/v1/deliveries/{id}/retry")
    assert (answer.status, desk.retried) == (409, [])


async def test_an_unknown_one_is_not_found(client: Client) -> None:
    assert (await client.ask("POST", "/v1/deliveries/nobody/retry")).status == 404


async def test_a_retry_that_cannot_be_kept_is_not_acknowledged(client: Client, desk: MemoryDesk) -> None:
    desk.failure = Unavailable("disk full")
    assert (await client.ask("POST", "/v1/deliveries/dead1/retry")).status == 503
    assert (await client.post("/v1/deliveries/retry", {"sink": "mail", "state": "dead"})).status == 503


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"sink": "mail", "state": "dead"}, {"dead1", "early"}),
        ({"sink": "mail", "state": "dead", "to": "anna@example.org"}, {"dead1", "early"}),
        ({"sink": "mail", "state": "dead", "to": "eve@example.org"}, set()),
        ({"sink": "mail", "state": "expired", "to": None}, {"late"}),
        ({"sink": "mail", "state": "dead", "since": "2026-11-21T10:59:00Z"}, {"dead1"}),
        ({"sink": "mail", "state": "dead", "until": "2026-11-21T10:59:00Z"}, {"early"}),
        ({"sink": "nobody", "state": "dead"}, set()),
    ],
)
async def test_many_are_tried_again(client: Client, desk: MemoryDesk, body: dict[str, Any], ids: set[str]) -> None:
    desk.view.deliveries += [a_delivery("late", state="expired"), a_delivery("early", created_at=NOW - 3_600_000)]
    answer = await client.post("/v1/deliveries/retry", body)
    assert (answer.status, answer.json) == (202, {"count": len(ids)})
    assert set(desk.retried) == ids


async def test_very_many_go_in_slices(client: Client, desk: MemoryDesk) -> None:
    desk.view.deliveries = [a_delivery(f"d{number:04}", created_at=NOW + number) for number in range(1001)]
    answer = await client.post("/v1/deliveries/retry", {"sink": "mail", "state": "dead"})
    assert answer.json == {"count": 1001}
    assert desk.retried == [it.id for it in desk.view.deliveries], "the oldest first, as they were to be sent"


@pytest.mark.parametrize(
    ("body", "paths"),
    [
        ({}, {"sink", "state"}),
        ({"sink": "mail", "state": "delivered"}, {"state"}),
        ({"sink": 5, "state": "dead"}, {"sink"}),
        ({"sink": "mail", "state": "dead", "sinse": "x"}, {"sinse"}),
        ({"sink": "mail", "state": "dead", "since": "yesterday", "until": 5}, {"since", "until"}),
        ([], {""}),
        (None, {""}),
        ("mail", {""}),
    ],
)
async def test_a_wrong_request_for_many_is_refused(
    client: Client, desk: MemoryDesk, body: object, paths: set[str]
) -> None:
    answer = await client.post("/v1/deliveries/retry", body)
    assert (answer.status, desk.retried) == (422, [])
    assert {error["path"] for error in answer.json["errors"]} == paths
    assert "yesterday" not in answer.body.decode()
