"""The server: births, the truth beside what was told, tokens, and the doors for whoever drives it."""

import asyncio

import aiohttp
import pytest

from notifier.simulator.faults import Fault
from notifier.simulator.lives import API_NAMES
from notifier.simulator.server import Simulator
from tests.simulator.conftest import BORN, Hands

PATHS = {
    "progress": "/api/1.0/client/c/order/{}/progress",
    "taxi_v1": "/api/1.0/client/c/order/{}",
    "business_v2": "/integration/2.0/orders/info?order_id={}",
    "track_trace": "/api/v1/companies/1/orders/{}",
    "restaurant": "/order/{}/status",
}


@pytest.mark.parametrize("api", API_NAMES)
async def test_what_is_told_is_the_truth_of_that_time(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands, api: str
) -> None:
    path = simulator.base_urls[api] + PATHS[api].format("17")
    for _ in range(12):
        async with session.get(path) as answer:
            status = (await answer.json())["status"]
        told = status["full"] if isinstance(status, dict) else status
        assert told == simulator.life(api, "17").statuses(hands())[-1][1]
        hands.turn(240)
    assert simulator.timeline(api, "17", whole=True)[0].time_ms == BORN
    assert len(simulator.answers(api, "17")) == 12


@pytest.mark.parametrize("api", API_NAMES)
@pytest.mark.parametrize("status", [401, 403, 404, 422, 429, 500, 504])
async def test_every_api_writes_its_errors(session: aiohttp.ClientSession, api: str, status: int) -> None:
    async with session.get(PATHS[api].format(f"sim-{status}")) as answer:
        assert answer.status == status
        body = await answer.json()
    assert isinstance(body, list) == (api == "restaurant" and status != 401)


async def test_an_order_is_born_when_it_is_first_asked_for(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    with pytest.raises(LookupError):
        simulator.timeline("restaurant", "1")
    hands.turn(30)
    await session.get("/order/1/status")
    hands.turn(30)
    await session.get("/order/1/status")
    assert simulator.life("restaurant", "1").born == BORN + 30_000


async def test_an_order_may_begin_before_anybody_asks(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    order = "sim-NEW-5s-COOKING-5s-READY"
    assert simulator.begin("restaurant", order, BORN - 6_000) == BORN - 6_000
    async with session.get(f"/order/{order}/status") as answer:
        assert (await answer.json())["status"] == "COOKING"
    assert simulator.begin("restaurant", order) == BORN - 6_000


async def test_with_an_epoch_everything_is_a_function_of_time(hands: Hands) -> None:
    async with (
        Simulator(seed=1, epoch=BORN, spread=60, speed=2, clock=hands) as simulator,
        aiohttp.ClientSession(simulator.url, headers={"Authorization": "t"}) as session,
    ):
        born = simulator.life("restaurant", "5").born
        assert BORN < born < BORN + 30_000
        async with session.get("/order/5/status") as answer:
            assert answer.status == 404
        hands.ms = born
        async with session.get("/order/5/status") as answer:
            assert answer.status == 200
        assert simulator.life("restaurant", "5").born == born
        assert simulator.life("restaurant", "sim-NEW").born == BORN


async def test_ids_travel_percent_encoded(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    await session.get("/order/a%20b%3Fc/status")
    assert simulator.timeline("restaurant", "a b?c")


@pytest.mark.parametrize(
    ("header", "status"),
    [("t", 200), ("Bearer t", 200), ("OAuth t", 200), ("", 401), ("Basic t", 401), ("Bearer ", 401), ("other", 401)],
)
async def test_tokens(hands: Hands, header: str, status: int) -> None:
    async with Simulator(clock=hands, tokens={"t"}) as simulator, aiohttp.ClientSession(simulator.url) as session:
        async with session.get("/order/1/status", headers={"Authorization": header}) as answer:
            assert answer.status == status
        assert bool(simulator.ledger.orders) == (status == 200)


async def test_issued_tokens_end(hands: Hands) -> None:
    async with (
        Simulator(clock=hands, tokens=(), oauth_clients={"id": "secret"}, token_ttl=60) as simulator,
        aiohttp.ClientSession() as session,
    ):
        grant, client = (
            {"grant_type": "client_credentials"},
            {"Authorization": aiohttp.encode_basic_auth("id", "secret")},
        )
        async with session.post(simulator.token_url, data=grant, headers=client) as answer:
            issued = await answer.json()
        assert issued["expires_in"] == 60
        assert issued["token_type"] == "Bearer"
        url, headers = simulator.url + "/order/1/status", {"Authorization": f"Bearer {issued['access_token']}"}
        statuses = []
        for _ in range(2):
            async with session.get(url, headers=headers) as answer:
                statuses.append(answer.status)
            hands.turn(60)
        assert statuses == [200, 401]
        async with session.post(
            simulator.token_url, data=grant, headers={"Authorization": aiohttp.encode_basic_auth("id", "x")}
        ) as answer:
            assert answer.status == 401
            assert (await answer.json())["error"] == "invalid_client"
        async with session.post(simulator.token_url, data={"grant_type": "password"}, headers=client) as answer:
            assert answer.status == 400
        simulator.add_fault(Fault(kind="503", api="oauth"))
        async with session.post(simulator.token_url, data=grant, headers=client) as answer:
            assert answer.status == 503


async def test_expiry_revokes_the_tokens_seen_and_no_others(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    async def ask(token: str) -> int:
        async with session.get("/order/1/status", headers={"Authorization": token}) as answer:
            return answer.status

    assert await ask("old") == 200
    simulator.expire_tokens()
    assert [await ask("old"), await ask("new")] == [401, 200]
    simulator.add_fault(Fault(kind="expire", count=1))
    assert [await ask("new"), await ask("new"), await ask("newer")] == [401, 401, 200]


async def test_the_admin_endpoints(simulator: Simulator, session: aiohttp.ClientSession, hands: Hands) -> None:
    async with session.post(
        "/sim/faults", json=[{"kind": "500", "count": 1}, {"kind": "404", "api": "progress"}]
    ) as answer:
        assert (answer.status, await answer.json()) == (201, {"ids": [1, 2]})
    for wrong in (b"{", b'{"kind": "teapot"}'):
        async with session.post("/sim/faults", data=wrong) as answer:
            assert answer.status == 400
            assert "error" in await answer.json()
    order = "sim-NEW-5s-READY"
    for _ in range(2):
        await session.get(f"/order/{order}/status")
    async with session.get("/sim/faults") as answer:
        (left,) = (await answer.json())["faults"]
        assert (left["id"], left["kind"], left["hits"]) == (2, "404", 0)
    async with session.get(f"/sim/timeline/restaurant/{order}") as answer:
        so_far = await answer.json()
    async with session.get(f"/sim/timeline/restaurant/{order}?whole=1") as answer:
        whole = await answer.json()
    assert [change["value"] for change in so_far["timeline"]] == ["NEW"]
    assert [change["value"] for change in whole["timeline"]] == ["NEW", "READY"]
    assert whole["timeline"][1]["time_ms"] == BORN + 5_000
    assert whole["timeline"][1]["time"] == "2026-11-21T11:00:05.000Z"
    async with session.get(f"/sim/answers/restaurant/{order}") as answer:
        assert [a["http_status"] for a in (await answer.json())["answers"]] == [500, 200]
    async with session.get("/sim/orders") as answer:
        assert (await answer.json())["orders"] == [
            {"api": "restaurant", "order": order, "born": BORN, "requests": 2, "status": "NEW"}
        ]
    hands.turn(2)
    async with session.get("/sim/stats") as answer:
        restaurant = (await answer.json())["apis"]["restaurant"]
    assert restaurant["answers"] == {"500": 1, "200": 1}
    assert (restaurant["requests"], restaurant["last_second"], restaurant["peak_second"]) == (2, 0, 2)
    async with session.post("/sim/orders/restaurant/later", json={"born": BORN + 1}) as answer:
        assert await answer.json() == {"born": BORN + 1}
    for path, status in (("?id=2", 204), ("?id=2", 404), ("", 204)):
        async with session.delete(f"/sim/faults{path}") as answer:
            assert answer.status == status
    async with session.post("/sim/tokens/expire") as answer:
        assert answer.status == 204
    for unknown in ("/sim/timeline/post/1", "/sim/timeline/restaurant/never"):
        async with session.get(unknown) as answer:
            assert answer.status == 404


async def test_closing_does_not_wait_for_a_slow_answer() -> None:
    slow = asyncio.Event()

    async def nap(_seconds: float) -> None:
        slow.set()
        await asyncio.Event().wait()

    async with Simulator(sleep=nap) as simulator, aiohttp.ClientSession(headers={"Authorization": "t"}) as session:
        asked = asyncio.create_task(session.get(simulator.url + "/order/sim-slow-1h-NEW/status").__aenter__())
        await slow.wait()
        await asyncio.wait_for(simulator.close(), 5)
        with pytest.raises(aiohttp.ClientError):
            await asked


def test_a_speed_must_be_positive() -> None:
    with pytest.raises(ValueError, match="speed"):
        Simulator(speed=0)
