"""What is known of an endpoint: the newest fact counts, told by whomever, whatever the clocks say."""

import asyncio

from notifier.errors import Reason, Unavailable
from notifier.model import Fact
from notifier.service.endpoints import Endpoints
from notifier.sinks.base import Outcome
from notifier.testing.virtual import START, VirtualClock, run

GONE = Outcome("gone", "410")
OK = Outcome("delivered", "200")


def made(told: list[Fact], broken: list[int] | None = None) -> Endpoints:
    async def tell(fact: Fact) -> None:
        if broken and broken.pop():
            raise Unavailable("the disk is full")
        told.append(fact)

    return Endpoints(lambda _: 3, tell, VirtualClock())


def test_gone_is_told_once_and_ends_with_the_success_of_a_forced_attempt_only() -> None:
    async def main() -> None:
        told: list[Fact] = []
        endpoints = made(told)
        endpoint = endpoints.get("hook:x")
        for _ in range(3):
            await endpoints.record(endpoint, GONE, START, forced=False)
        assert [(fact.subject, fact.disabled) for fact in told] == [("endpoint:hook:x", True)]
        await endpoints.record(endpoint, OK, START, forced=False)
        assert endpoints.disabled_by_sink() == {("hook",): 1.0}
        await endpoints.record(endpoint, OK, START, forced=True)
        assert endpoints.disabled_by_sink() == {}
        assert [fact.disabled for fact in told] == [True, False]
        assert told[1].at > told[0].at  # also within one millisecond

    run(main)


def test_a_hold_does_not_enable_what_is_disabled_and_a_shorter_one_does_not_end_a_longer() -> None:
    async def main() -> None:
        told: list[Fact] = []
        endpoints = made(told)
        endpoint = endpoints.get("hook:x")
        await endpoints.record(endpoint, GONE, START, forced=False)
        for after in (300.0, 10.0, 1e9):
            await endpoints.record(endpoint, Outcome("again", "429", Reason.THROTTLED, after=after), START, forced=True)
        assert [fact.disabled for fact in told] == [True] * 4
        assert [fact.held_until for fact in told] == [None, START + 300_000, START + 300_000, START + 86_400_000]

    run(main)


def test_an_old_fact_changes_nothing() -> None:
    async def main() -> None:
        told: list[Fact] = []
        endpoints = made(told)
        endpoint = endpoints.get("hook:x")
        await endpoints.record(endpoint, GONE, START, forced=False)
        assert endpoints.learn(Fact(subject="endpoint:hook:x", at=START - 1)) is None
        assert endpoints.disabled_by_sink() == {("hook",): 1.0}
        assert endpoints.learn(Fact(subject="credential:x", held_until=START, at=START)) is None
        assert endpoints.learn(Fact(subject="endpoint:hook:x", at=START + 1)) is endpoint
        assert endpoints.disabled_by_sink() == {}

    run(main)


def test_it_is_told_as_soon_as_the_backend_takes_it_and_counts_here_before() -> None:
    async def main() -> None:
        told: list[Fact] = []
        endpoints = made(told, [0, 1, 1, 1])
        endpoint = endpoints.get("hook:x")
        telling = asyncio.create_task(endpoints.record(endpoint, GONE, START, forced=False))
        await asyncio.sleep(0.1)
        assert (endpoint.disabled, told) == (True, [])
        await telling
        assert len(told) == 1
        assert asyncio.get_running_loop().time() >= 3

    run(main)


def test_any_answer_but_a_failure_closes_the_breaker() -> None:
    async def main() -> None:
        endpoints = made([])
        for answer in (OK, GONE, Outcome("dead", "400", Reason.REFUSED)):
            endpoint = endpoints.get(f"hook:{answer.kind}")
            for _ in range(3):
                await endpoints.record(endpoint, Outcome("again", "500"), START, forced=False)
            assert endpoints.breakers_by_sink() == {("sink", "hook"): 1.0}
            await endpoints.record(endpoint, answer, START, forced=False)
            assert endpoints.breakers_by_sink() == {}

    run(main)


def test_what_is_deferred_by_itself_says_that_the_endpoint_is_well() -> None:
    """A mail server that greylists every new recipient would be held for ever: each probe is greylisted, too."""

    async def main() -> None:
        endpoints = made([])
        endpoint = endpoints.get("mail:mx")
        failed = Outcome("again", None, Reason.CONNECTION)
        greylisted = Outcome("again", "451", Reason.DEFERRED, alone=True)
        for outcome in [greylisted] * 9 + [failed] * 2 + [greylisted] + [failed] * 2:
            await endpoints.record(endpoint, outcome, START, forced=False)
        assert endpoints.held("mail:mx") is None
        await endpoints.record(endpoint, failed, START, forced=False)
        held = endpoints.held("mail:mx")
        assert held is not None
        assert held.reason == Reason.BREAKER_OPEN

    run(main)
