"""An endpoint is gone while thousands wait for it: they are given up many in one commit, and nobody else is."""

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from notifier.errors import Reason
from notifier.sinks.base import Outcome
from notifier.testing.virtual import run
from tests.service.build import TO_RECIPIENTS, Program, program

T = TypeVar("T")

ORDERS, SHARDS = 1_500, 3
SLICE = 50  # deliveries that go in one commit
AGAIN = Outcome("again", "500", Reason.SERVER_ERROR)
GONE = Outcome("gone", "410")


async def waiting(it: Program, first: int = 0) -> None:
    it.hook.answer = AGAIN
    for number in range(first, ORDERS):
        await it.put(str(number))
    await asyncio.sleep(20)
    assert first + len(await it.deliveries(state="pending")) == ORDERS


def counted(it: Program) -> Counter[str]:
    """What the backend writes from now on."""
    count: Counter[str] = Counter()
    write = it.backend.storage.write

    def counting(work: Callable[..., T]) -> T:
        count["writes"] += 1
        return write(work)

    it.backend.storage.write = counting  # type: ignore[method-assign]
    return count


def test_of_many_orders_as_many_go_together_as_a_commit_takes(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, shards=SHARDS, sink=", retries: [12h], breaker: 0") as it:
            await waiting(it)
            it.hook.answer = GONE
            count = counted(it)
            await it.put("last")
            await asyncio.sleep(5)
            dead = await it.deliveries(state="dead")
            assert len(dead) == ORDERS + 1
            assert {each.reason for each in dead} == {Reason.ENDPOINT_DISABLED}
            assert {len(each.attempts) for each in dead} == {1}
            assert count["writes"] < ORDERS / SLICE + 4 * SHARDS + 10
            it.api.answers["7"] = "cooking"
            await asyncio.sleep(10)
            assert len(await it.deliveries("7", state="dead")) == 3, "their lanes go on"

    run(main)


def test_what_an_operator_wants_to_be_sent_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=", retries: [12h], breaker: 0") as it:
            await waiting(it)
            it.hook.answer = GONE
            await it.put("last")
            await asyncio.sleep(5)
            it.hook.answer = AGAIN
            [retried] = await it.deliveries("3")
            await it.app.desk.retry(retried.key, retried.id)
            await asyncio.sleep(1)
            for number in range(ORDERS):
                it.api.answers[str(number)] = "cooking"
            await asyncio.sleep(20)
            assert [each.state for each in await it.deliveries("3")].count("pending") == 3, "in order behind it"
            assert {each.state for each in await it.deliveries("4")} == {"dead"}

    run(main)


def test_a_retry_while_they_are_given_up_is_sent(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, sink=", retries: [12h], breaker: 0") as it:
            it.hook.outcomes.append(Outcome("dead", "400", Reason.REFUSED))
            await it.put("first")
            await asyncio.sleep(1)
            await waiting(it, first=1)
            it.hook.answer = GONE
            await it.put("last")
            while not it.app.endpoints.disabled_by_sink():
                await asyncio.sleep(0.001)
            it.hook.answer = Outcome("delivered", "200")
            [refused] = await it.deliveries("first")
            await it.app.desk.retry(refused.key, refused.id)
            await asyncio.sleep(2)
            assert [each.state for each in await it.deliveries("first")] == ["delivered"]

    run(main)


def test_an_endpoint_beside_it_is_told_as_ever(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, rules=TO_RECIPIENTS, sink=", retries: [12h], breaker: 0") as it:
            it.hook.answer = AGAIN
            for number in range(200):
                for address in ("https://gone.example.org/", "https://here.example.org/"):
                    await it.put(f"{number}{address[8]}", recipients=[{"webhook": address}])
            await asyncio.sleep(20)
            it.hook.answer = GONE
            await it.put("last", recipients=[{"webhook": "https://gone.example.org/"}])
            await asyncio.sleep(5)
            states = Counter((each.to, each.state) for each in await it.deliveries())
            assert states == {
                ("https://gone.example.org/", "dead"): 201,
                ("https://here.example.org/", "pending"): 200,
            }

    run(main)
