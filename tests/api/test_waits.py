"""Why a delivery waits, and until when: what stands before it in its lane, and what holds its endpoint."""

import pytest

from notifier.routing.line import Wait
from tests.api.conftest import Client
from tests.api.desk import NOW, MemoryDesk, a_delivery

PENDING = {"state": "pending", "reason": None, "attempts": ()}


@pytest.fixture
def lane(desk: MemoryDesk) -> MemoryDesk:
    """One that waits for its next attempt, and another behind it."""
    desk.view.deliveries = [
        a_delivery("head", 1, **PENDING, due=NOW + 60_000, held="retrying"),
        a_delivery("next", 2, **PENDING, due=NOW - 4_000),
        a_delivery("other", 2, **PENDING, due=NOW - 4_000, to="ben@example.org"),
    ]
    return desk


async def shown(client: Client, id: str) -> tuple[str | None, str | None]:
    one = (await client.get(f"/v1/deliveries/{id}")).json
    (listed,) = (it for it in (await client.get("/v1/deliveries")).json["items"] if it["id"] == id)
    why = (await client.get("/v1/orders/trips/885e/why")).json
    (held,) = (it for it in why["held_back"] if it["id"] == id)
    assert one == listed == held
    return one["reason"], one["next_attempt_at"]


async def test_behind_another_of_its_lane(client: Client, lane: MemoryDesk) -> None:
    assert await shown(client, "head") == ("retrying", "2026-11-21T11:01:00.000Z")
    assert await shown(client, "next") == ("in_line", "2026-11-21T11:01:00.000Z")
    assert await shown(client, "other") == (None, "2026-11-21T10:59:56.000Z")


async def test_behind_one_whose_endpoint_is_held(client: Client, lane: MemoryDesk) -> None:
    endpoint = lane.view.deliveries[0].endpoint
    lane.holds[endpoint] = Wait(NOW + 90_000, "retry_after")
    assert await shown(client, "head") == ("retry_after", "2026-11-21T11:01:30.000Z")
    assert await shown(client, "next") == ("in_line", "2026-11-21T11:01:30.000Z")
    lane.holds[endpoint] = Wait(NOW + 5_000, "breaker_open")
    assert await shown(client, "head") == ("retrying", "2026-11-21T11:01:00.000Z")
    lane.holds[endpoint] = Wait(None, "unknown_sink")
    assert await shown(client, "other") == ("unknown_sink", None)


async def test_what_the_rules_put_off_lets_others_pass(client: Client, desk: MemoryDesk) -> None:
    desk.view.deliveries = [
        a_delivery("quiet", 1, **PENDING, due=NOW + 60_000, held="quiet_hours"),
        a_delivery("first", 2, **PENDING, due=NOW + 20_000, held="grouped", group="g"),
        a_delivery("second", 3, **PENDING, due=NOW + 50_000, held="grouped", group="g"),
        a_delivery("now", 4, **PENDING, due=NOW),
    ]
    assert await shown(client, "quiet") == ("quiet_hours", "2026-11-21T11:01:00.000Z")
    assert await shown(client, "second") == ("grouped", "2026-11-21T11:00:20.000Z")
    assert await shown(client, "now") == (None, "2026-11-21T11:00:00.000Z")


async def test_what_goes_as_one_message_says_so(client: Client, desk: MemoryDesk) -> None:
    desk.view.deliveries = [
        a_delivery(f"d{n}", n, **PENDING, due=NOW + 9_000, held="retrying", group="*", message="m") for n in (1, 2)
    ]
    items = (await client.get("/v1/deliveries")).json["items"]
    assert [(it["message"], it["reason"], it["next_attempt_at"]) for it in items] == [
        ("m", "retrying", "2026-11-21T11:00:09.000Z")
    ] * 2
