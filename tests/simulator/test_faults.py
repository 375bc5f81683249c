"""Faults: whom they hit, for how long, and what becomes of an answer, over real HTTP."""

import aiohttp
import pytest

from notifier.simulator.faults import Fault, FaultKind, Faults, read_faults
from notifier.simulator.server import Simulator
from tests.simulator.conftest import BORN, Hands

ORDER = "/order/sim-NEW-5s-COOKING-5s-READY/status"
LONG = "/api/v1/companies/1/orders/sim-new-1s-confirmed-1s-START-1s-ORDER_BECAME_NEXT-1s-ARRIVAL"


async def _status(session: aiohttp.ClientSession, path: str = ORDER) -> int:
    async with session.get(path) as answer:
        await answer.read()
        return answer.status


async def _told(session: aiohttp.ClientSession, path: str = ORDER) -> str:
    async with session.get(path) as answer:
        return str((await answer.json())["status"])


@pytest.mark.parametrize("kind", ["400", "401", "403", "404", "420", "422", "429", "500", "502", "503", "504"])
async def test_a_status_for_the_next_answers(
    simulator: Simulator, session: aiohttp.ClientSession, kind: FaultKind
) -> None:
    simulator.add_fault(Fault(kind=kind, count=2))
    assert [await _status(session) for _ in range(3)] == [int(kind), int(kind), 200]


async def test_a_fault_ends_after_its_seconds(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    simulator.add_fault(Fault(kind="500", seconds=10))
    assert await _status(session) == 500
    hands.turn(10)
    assert await _status(session) == 200
    assert simulator.faults.standing(hands()) == ()


async def test_a_fault_may_be_meant_for_one_api_or_one_order(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    simulator.add_fault(Fault(kind="500", api="progress"))
    simulator.add_fault(Fault(kind="404", order="17"))
    assert await _status(session) == 200
    assert await _status(session, "/order/17/status") == 404
    assert await _status(session, "/api/1.0/client/c/order/1/progress") == 500


def test_chance_is_the_same_in_every_run_whatever_the_interleaving() -> None:
    def hits(orders: list[str]) -> dict[str, list[bool]]:
        faults, nth = Faults(3), dict.fromkeys("ab", 0)
        faults.add(Fault(kind="500", probability=0.3), 0)
        seen: dict[str, list[bool]] = {"a": [], "b": []}
        for order in orders:
            seen[order].append(faults.treat("progress", order, nth[order], 0).status == 500)
            nth[order] += 1
        return seen

    assert hits(["a", "b"] * 200) == hits(["a"] * 200 + ["b"] * 200)
    assert 30 < sum(hits(["a"] * 200)["a"]) < 90


async def test_retry_after_in_seconds_as_a_date_or_not_at_all(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    simulator.add_fault(Fault(kind="429", retry_after=7.2, count=1))
    async with session.get(ORDER) as answer:
        assert answer.headers["Retry-After"] == "8"
    simulator.add_fault(Fault(kind="503", retry_after=120, retry_after_form="date", count=1))
    async with session.get(ORDER) as answer:
        assert answer.headers["Date"] == "Sat, 21 Nov 2026 11:00:00 GMT"
        assert answer.headers["Retry-After"] == "Sat, 21 Nov 2026 11:02:00 GMT"
    simulator.add_fault(Fault(kind="429", retry_after=None, count=1))
    async with session.get(ORDER) as answer:
        assert "Retry-After" not in answer.headers


async def test_bodies_that_cannot_be_read(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    whole = await (await session.get(ORDER)).read()
    bodies = {}
    kinds: tuple[FaultKind, ...] = ("truncated", "empty", "html", "no_status", "wrong_types")
    for kind in kinds:
        simulator.add_fault(Fault(kind=kind, count=1))
        async with session.get(ORDER) as answer:
            assert answer.status == 200
            bodies[kind] = await answer.read()
    assert bodies["truncated"] == whole[: len(whole) // 2]
    assert bodies["empty"] == b""
    assert bodies["html"].startswith(b"<!DOCTYPE html>")
    assert b"status" not in bodies["no_status"]
    assert b'"status":17' in bodies["wrong_types"]


async def test_a_connection_that_ends_early(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    simulator.add_fault(Fault(kind="drop", count=2))  # aiohttp's client asks once more by itself
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await session.get(ORDER)
    simulator.add_fault(Fault(kind="cut", count=1))
    with pytest.raises(aiohttp.ClientPayloadError):
        await (await session.get(ORDER)).read()
    answers = simulator.answers("restaurant", ORDER.split("/")[2])
    assert [(a.http_status, a.told, a.faults) for a in answers] == [
        (None, None, ("drop",)),
        (None, None, ("drop",)),
        (200, None, ("cut",)),
    ]


async def test_a_slow_answer_and_a_drip_are_waits(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    simulator.add_fault(Fault(kind="latency", delay=30, count=1))
    assert await _told(session) == "NEW"
    assert hands.naps == [30]
    simulator.add_fault(Fault(kind="drip", delay=0.5, count=1))
    async with session.get(ORDER) as answer:
        body = await answer.read()
    assert hands.naps[1:] == [0.5] * len(body)


async def test_a_stale_answer_is_an_older_moment_but_never_before_birth(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    assert await _told(session) == "NEW"
    simulator.add_fault(Fault(kind="stale", behind=4))
    assert await _told(session) == "NEW"
    hands.turn(6)
    assert await _told(session) == "NEW"
    hands.turn(3)
    assert await _told(session) == "COOKING"


async def test_skipped_steps_are_never_told_but_the_last_is(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    simulator.add_fault(Fault(kind="skip"))
    told = []
    for _ in range(3):
        told.append(await _told(session))
        hands.turn(5)
    assert told == ["NEW", "NEW", "READY"]


async def test_a_skewed_clock_moves_times_but_not_the_life(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    path = "/api/v1/companies/1/orders/sim-new-5s-confirmed"
    before = await (await session.get(path)).json()
    simulator.add_fault(Fault(kind="skew", skew=90))
    async with session.get(path) as answer:
        after = await answer.json()
        assert answer.headers["Date"] == "Sat, 21 Nov 2026 11:01:30 GMT"
    assert after["status"] == "new"
    assert after["status_log"][0]["timestamp"] == before["status_log"][0]["timestamp"] + 90


async def test_latency_and_a_status_hit_together(
    simulator: Simulator, session: aiohttp.ClientSession, hands: Hands
) -> None:
    simulator.add_fault(Fault(kind="latency", delay=2))
    simulator.add_fault(Fault(kind="504"))
    simulator.add_fault(Fault(kind="500"))
    assert await _status(session) == 504
    assert hands.naps == [2]
    assert simulator.answers("restaurant", ORDER.split("/")[2])[0].faults == ("latency", "504", "500")


async def test_habits_of_an_id(simulator: Simulator, session: aiohttp.ClientSession, hands: Hands) -> None:
    flaky = "/order/sim-flaky-NEW/status"
    assert [await _status(session, flaky) for _ in range(6)] == [200, 200, 500] * 2
    slow = "/order/sim-slow-3s-NEW/status"
    assert await _told(session, slow) == "NEW"
    assert hands.naps == [3]
    stale = "/order/sim-stale-2s-NEW-5s-READY/status"
    assert await _told(session, stale) == "NEW"
    hands.turn(6)
    assert [await _told(session, stale) for _ in range(4)] == ["READY", "NEW", "READY", "READY"]
    skip = "/order/sim-skip-NEW-5s-COOKING-5s-READY/status"
    told = []
    for _ in range(3):
        told.append(await _told(session, skip))
        hands.turn(5)
    assert told == ["NEW", "NEW", "READY"]


async def test_an_order_that_vanishes_and_comes_back(session: aiohttp.ClientSession, hands: Hands) -> None:
    path = "/order/sim-NEW-5s-404-5s-READY/status"
    seen = []
    for _ in range(3):
        seen.append(await _status(session, path))
        hands.turn(5)
    assert seen == [200, 404, 200]


@pytest.mark.parametrize(
    "wrong",
    [b'{"kind": "teapot"}', b'{"kind": "500", "probability": 2}', b'{"kind": "500", "often": 1}', b"[{}]", b"{"],
)
def test_wrong_faults_are_refused(wrong: bytes) -> None:
    with pytest.raises(ValueError, match="not a fault"):
        read_faults(wrong)


def test_one_fault_or_a_list_is_read() -> None:
    assert read_faults(b'{"kind": "drop"}') == read_faults(b'[{"kind": "drop"}]') == [Fault(kind="drop")]


async def test_420_names_its_resource(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    simulator.add_fault(Fault(kind="420"))
    async with session.get(ORDER) as answer:
        assert answer.headers["X-RateLimit-Resource-Remaining"] == "0"


async def test_a_long_body_is_compressed_for_who_accepts_it(session: aiohttp.ClientSession, hands: Hands) -> None:
    await _status(session, LONG)
    hands.turn(10)
    async with session.get(LONG, headers={"Accept-Encoding": "gzip, deflate"}) as answer:
        assert answer.headers["Content-Encoding"] == "gzip"
        packed = await answer.json()
    async with session.get(LONG, headers={"Accept-Encoding": "identity"}) as answer:
        assert "Content-Encoding" not in answer.headers
        assert await answer.json() == packed
    assert hands() == BORN + 10_000


async def test_a_gateways_page_keeps_its_status(simulator: Simulator, session: aiohttp.ClientSession) -> None:
    simulator.add_fault(Fault(kind="502"))
    simulator.add_fault(Fault(kind="html"))
    async with session.get(ORDER) as answer:
        assert (answer.status, answer.content_type) == (502, "text/html")
