"""A look at an order on virtual time: what each answer means, what is repeated and when, what holds whom back."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

import pytest
from structlog.testing import capture_logs

from notifier.errors import LookFailed, Reason
from notifier.fields import Secret
from notifier.instants import to_text
from notifier.model import Instant
from notifier.net.breaker import Breaker
from notifier.net.budget import Budget
from notifier.net.credentials import Credential, NoCredential, TokenCredential
from notifier.net.fetch import Request, Response
from notifier.net.oauth2 import OAuth2Credential
from notifier.net.order_api import OrderApi
from notifier.testing.fetch import SILENCE, Answer, FakeFetch, reply
from notifier.testing.virtual import VirtualClock, run

ORDER = Request("https://orders.test/o/1", headers=(("Accept", "application/json"),))
OK = reply(200, b'{"status": "driving"}')


class Source:
    def refusal(self, response: Response, /) -> str:
        return "" if response.body == b"" else f"says {response.body.decode()}"


class Made(NamedTuple):
    api: OrderApi
    fetch: FakeFetch
    clock: VirtualClock

    @property
    def sent(self) -> int:
        return len(self.fetch.requests)

    def headers(self) -> list[str | None]:
        return [dict(request.headers).get("Authorization") for request in self.fetch.requests]


def make(
    *script: Answer,
    always: Answer | None = None,
    credential: Credential | None = None,
    rate: float = 1000,
    retry_for_ms: int = 30_000,
    spread: Callable[[], float] = lambda: 1.0,  # the jitter's upper end: waits of 0.5, 1, 2, 4, 8, 8, …
) -> Made:
    clock = VirtualClock()
    fetch = FakeFetch(*script, always=always)
    api = OrderApi(
        Source(),
        fetch,
        credential or TokenCredential(Secret("t0ken"), "Bearer"),
        Budget(rate, 10, clock, patience=retry_for_ms / 1000),
        Breaker(1, 30.0),
        retry_for_ms=retry_for_ms,
        clock=clock,
        name="trips",
        spread=spread,
    )
    return Made(api, fetch, clock)


def now() -> float:
    return asyncio.get_running_loop().time()


async def failure(answer: Awaitable[object]) -> LookFailed:
    with pytest.raises(LookFailed) as caught:
        await answer
    return caught.value


def test_the_body_of_a_200() -> None:
    async def main() -> None:
        made = make(OK)
        assert await made.api.get(ORDER) == OK.body
        [request] = made.fetch.requests
        assert request.headers == (("Accept", "application/json"), ("Authorization", "Bearer t0ken"))
        await made.api.close()
        assert made.fetch.closed

    run(main)


def test_without_a_credential_the_request_goes_as_it_is() -> None:
    async def main() -> None:
        made = make(OK, credential=NoCredential())
        await made.api.get(ORDER)
        assert made.fetch.requests == [ORDER]

    run(main)


# --- what is not repeated ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "reason", "detail"),
    [
        (201, Reason.UNREADABLE, "HTTP 201 instead of 200"),
        (204, Reason.UNREADABLE, "HTTP 204 instead of 200"),
        (206, Reason.UNREADABLE, "HTTP 206 instead of 200"),
        (301, Reason.REDIRECTED, "HTTP 301: redirects are not followed"),
        (304, Reason.REDIRECTED, "HTTP 304: redirects are not followed"),
        (400, Reason.REJECTED, "says no"),
        (401, Reason.UNAUTHORIZED, "says no"),
        (402, Reason.REJECTED, "says no"),
        (403, Reason.FORBIDDEN, "says no"),
        (404, Reason.NOT_FOUND, "says no"),
        (408, Reason.REJECTED, "says no"),
        (410, Reason.REJECTED, "says no"),
        (422, Reason.REJECTED, "says no"),
        (501, Reason.SERVER_ERROR, "says no"),
        (600, Reason.UNREADABLE, "HTTP 600 instead of 200"),
    ],
)
def test_answers_that_are_not_repeated(status: int, reason: Reason, detail: str) -> None:
    async def main() -> None:
        made = make(reply(status, b"no", {"Retry-After": "7"}), always=OK)
        told = await failure(made.api.get(ORDER))
        assert (told.reason, told.detail, told.status, told.after) == (reason, detail, status, None)
        assert (made.sent, now()) == (1, 0.0)

    run(main)


@pytest.mark.parametrize("reason", [Reason.TLS, Reason.TOO_LARGE, Reason.UNREADABLE, Reason.REJECTED])
def test_failures_that_are_not_repeated(reason: Reason) -> None:
    async def main() -> None:
        made = make(LookFailed(reason, "so"), always=OK)
        assert (await failure(made.api.get(ORDER))).reason is reason
        assert made.sent == 1

    run(main)


def test_a_refusal_without_words_has_its_number_and_a_long_one_is_cut() -> None:
    async def main() -> None:
        made = make(reply(404), reply(404, b"x" * 1000))
        assert (await failure(made.api.get(ORDER))).detail == "HTTP 404"
        assert len((await failure(made.api.get(ORDER))).detail) == 200

    run(main)


def test_cancelled_while_it_waits_to_repeat() -> None:
    async def main() -> None:
        made = make(always=reply(503))
        task = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(2)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        sent = made.sent
        await asyncio.sleep(60)
        assert made.sent == sent

    run(main)


# --- what is repeated -------------------------------------------------------------------------------------------------

PASSING: dict[str, Answer] = {
    **{str(status): reply(status) for status in (500, 502, 503, 504, 520, 429, 420)},
    "silence": SILENCE,
    "timeout": LookFailed(Reason.TIMEOUT),
    "connection": LookFailed(Reason.CONNECTION),
}


@pytest.mark.parametrize("answer", PASSING.values(), ids=PASSING)
def test_a_passing_failure_is_repeated(answer: Answer) -> None:
    async def main() -> None:
        made = make(answer, answer, OK)
        assert await made.api.get(ORDER) == OK.body
        assert made.sent == 3

    run(main)


def test_waits_grow_and_the_last_failure_is_told_within_the_span() -> None:
    async def main() -> None:
        times: list[float] = []

        def answer(_: Request) -> Response:
            times.append(now())
            return reply(503 if len(times) < 8 else 500, b"down")

        made = make(always=answer)
        told = await failure(made.api.get(ORDER))
        assert times == pytest.approx([0, 0.5, 1.5, 3.5, 7.5, 15.5, 23.5], abs=0.01)
        assert now() == pytest.approx(23.5, abs=0.01), "the next would begin at 31.5: it is not waited for"
        assert (told.reason, told.detail, told.status) == (Reason.SERVER_ERROR, "says down", 503)

    run(main)


def test_the_jitter_is_between_half_and_the_whole() -> None:
    async def main() -> None:
        for spread, begun in ((0.0, 0.25), (0.5, 0.375), (1.0, 0.5)):
            began = now()
            made = make(reply(503), OK, spread=lambda spread=spread: spread)  # type: ignore[misc]
            await made.api.get(ORDER)
            assert now() - began == pytest.approx(begun)

    run(main)


def test_an_attempt_under_way_at_the_end_of_the_span_is_ended() -> None:
    async def main() -> None:
        made = make(always=SILENCE)  # 10 s each
        told = await failure(made.api.get(ORDER))
        assert told.reason is Reason.TIMEOUT
        assert made.sent == 3
        assert now() == pytest.approx(30.0)

    run(main)


def test_a_repeat_that_is_refused_ends_the_look() -> None:
    async def main() -> None:
        made = make(reply(503), reply(404, b"gone"), OK)
        told = await failure(made.api.get(ORDER))
        assert (told.reason, told.detail, made.sent) == (Reason.NOT_FOUND, "says gone", 2)

    run(main)


@pytest.mark.parametrize("retry_for_ms", [0, 400])
def test_without_time_for_it_nothing_is_repeated(retry_for_ms: int) -> None:
    async def main() -> None:
        made = make(reply(503), always=OK, retry_for_ms=retry_for_ms)
        assert (await failure(made.api.get(ORDER))).status == 503
        assert (made.sent, now()) == (1, 0.0)

    run(main)


def test_repeats_take_from_the_budget_too() -> None:
    async def main() -> None:
        made = make(always=reply(500), rate=1)
        looks = [asyncio.create_task(made.api.get(ORDER)) for _ in range(5)]
        await asyncio.gather(*looks, return_exceptions=True)
        assert made.sent <= now() + 1.0

    run(main)


def test_a_repeat_for_which_the_budget_has_no_room_in_time_ends_the_look() -> None:
    async def main() -> None:
        made = make(reply(500, b"down"), always=OK, rate=0.01)
        told = await failure(made.api.get(ORDER))
        assert (told.reason, told.detail, told.status) == (Reason.SERVER_ERROR, "says down", 500)
        assert made.sent == 1
        assert now() == pytest.approx(0.5), "known when the repeat would begin"

    run(main)


def test_a_success_logs_nothing() -> None:
    async def main() -> None:
        made = make(reply(503), always=OK)
        with capture_logs() as logs:
            for _ in range(3):
                await made.api.get(ORDER)
        assert logs == []

    run(main)


# --- Retry-After ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [420, 429])
def test_a_throttled_answer_holds_the_whole_credential(status: int) -> None:
    async def main() -> None:
        made = make(reply(status, b"", {"Retry-After": "10"}), always=OK)
        first = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(0.1)
        others = [asyncio.create_task(made.api.get(ORDER)) for _ in range(5)]
        await asyncio.sleep(9.8)
        assert made.sent == 1
        await asyncio.gather(first, *others)
        assert made.sent == 7
        assert 10.0 <= now() < 10.6

    run(main)


def test_a_hold_longer_than_the_span_fails_every_look_at_once() -> None:
    async def main() -> None:
        made = make(reply(429, b"", {"Retry-After": "100"}), always=OK)
        waiting = [asyncio.create_task(made.api.get(ORDER)) for _ in range(3)]
        told = [await failure(one) for one in waiting[:1]]
        await asyncio.gather(*waiting, return_exceptions=True)
        assert [(one.reason, one.after) for one in told] == [(Reason.THROTTLED, 100.0)]
        await asyncio.sleep(40)
        sent = made.sent
        other = await failure(made.api.get(ORDER))
        assert (other.reason, other.status) == (Reason.THROTTLED, None)
        assert other.after == pytest.approx(60.0)
        assert (made.sent, now()) == (sent, 40.0)
        await asyncio.sleep(60)
        assert await made.api.get(ORDER) == OK.body

    run(main)


def test_a_busy_servers_retry_after_holds_that_order_only() -> None:
    async def main() -> None:
        made = make(reply(503, b"", {"Retry-After": "12"}), always=OK)
        first = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(1)
        assert await made.api.get(ORDER) == OK.body
        assert now() == 1.0
        assert await first == OK.body
        assert now() == 12.0

    run(main)


@pytest.mark.parametrize("status", [503, 429])
def test_longer_than_what_is_left_ends_the_look(status: int) -> None:
    async def main() -> None:
        made = make(reply(500), reply(status, b"", {"Retry-After": "29.8"}), always=OK)
        told = await failure(made.api.get(ORDER))
        assert (told.status, told.after) == (status, 29.8)
        assert now() == 0.5

    run(main)


def test_a_date_counts_from_the_answers_own_date() -> None:
    async def main() -> None:
        headers = {"Date": "Sat, 21 Nov 2020 10:00:00 GMT", "Retry-After": "Sat, 21 Nov 2020 10:00:20 GMT"}
        made = make(reply(503, b"", headers), OK)
        await made.api.get(ORDER)
        assert now() == 20.0

    run(main)


@pytest.mark.parametrize("text", ["soon", "-5", "", "Sat, 99 Nov 2020 10:00:00 GMT", "0"])
@pytest.mark.parametrize("status", [503, 429])
def test_garbage_and_nothing_are_ignored(status: int, text: str) -> None:
    async def main() -> None:
        made = make(reply(status, b"", {"Retry-After": text}), OK)
        assert await made.api.get(ORDER) == OK.body
        assert now() == 0.5

    run(main)


def test_a_retry_after_of_years_is_a_day() -> None:
    async def main() -> None:
        made = make(reply(429, b"", {"Retry-After": "999999999"}), OK)
        assert (await failure(made.api.get(ORDER))).after == 86_400.0

    run(main)


def test_a_hold_is_told_once_and_can_come_from_another_replica() -> None:
    async def main() -> None:
        throttled = reply(429, b"", {"Retry-After": "60"})
        made, other = make(throttled, throttled, throttled, always=OK), make(always=OK)
        told: list[Instant] = []
        made.api.on_hold(told.append)
        await asyncio.gather(*(made.api.get(ORDER) for _ in range(3)), return_exceptions=True)
        assert [to_text(one) for one in told] == [to_text(made.clock.start + 60_000)]
        other.api.hold_until(told[0])
        assert (await failure(other.api.get(ORDER))).after == pytest.approx(60.0)
        assert other.sent == 0
        await asyncio.sleep(60)
        assert await other.api.get(ORDER) == OK.body

    run(main)


def test_throttling_slows_the_whole_credential() -> None:
    async def main() -> None:
        made = make(reply(429), always=OK, rate=10)
        await made.api.get(ORDER)
        began = now()
        await asyncio.gather(*(made.api.get(ORDER) for _ in range(10)))
        assert now() - began == pytest.approx(2.0, rel=0.15)

    run(main)


# --- a rejected credential --------------------------------------------------------------------------------------------


def accepts(*good: str) -> Callable[[Request], Response]:
    """An API for which only these tokens count."""

    def answer(request: Request) -> Response:
        return OK if dict(request.headers).get("Authorization") in good else reply(401, b"who?")

    return answer


def test_a_plain_tokens_first_401_opens_the_breaker() -> None:
    async def main() -> None:
        made = make(always=reply(401, b"who?"))
        with capture_logs() as logs:
            told = await failure(made.api.get(ORDER))
            assert (told.reason, told.detail, told.status) == (Reason.UNAUTHORIZED, "says who?", 401)
            assert made.api.breaker_open()
            for _ in range(100):
                told = await failure(made.api.get(ORDER))
                assert told.reason is Reason.UNAUTHORIZED
                assert "rejected" in told.detail
                assert "t0ken" not in str(told)
                await asyncio.sleep(0.299)
        assert made.sent == 1, "no request while it is open"
        assert [one["event"] for one in logs] == ["credential_rejected"]
        await asyncio.sleep(0.2)
        assert (await failure(made.api.get(ORDER))).status == 401
        assert made.sent == 2, "after 30 s one probe"
        assert (await failure(made.api.get(ORDER))).status is None
        assert made.sent == 2
        made.fetch.always = OK
        await asyncio.sleep(30)
        assert await made.api.get(ORDER) == OK.body
        assert not made.api.breaker_open()
        assert await made.api.get(ORDER) == OK.body

    run(main)


def test_after_the_hold_one_probe_and_the_rest_waits_for_its_answer() -> None:
    async def main() -> None:
        made = make(reply(401), always=SILENCE)
        await failure(made.api.get(ORDER))
        await asyncio.sleep(30)
        probe = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(1)
        for _ in range(5):
            assert (await failure(made.api.get(ORDER))).reason is Reason.UNAUTHORIZED
        assert made.sent == 2
        made.fetch.always = OK
        assert (await failure(probe)).reason is Reason.TIMEOUT
        assert await made.api.get(ORDER) == OK.body, "a probe that says nothing leaves the next one to probe"
        assert not made.api.breaker_open()

    run(main)


def test_a_probe_that_is_cancelled_leaves_the_next_one_to_probe() -> None:
    async def main() -> None:
        made = make(reply(401), SILENCE, OK)
        await failure(made.api.get(ORDER))
        await asyncio.sleep(30)
        probe = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(1)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert await made.api.get(ORDER) == OK.body

    run(main)


@pytest.mark.parametrize(
    ("status", "closes"), [(200, True), (404, True), (403, True), (422, True), (500, False), (302, False), (429, False)]
)
def test_what_a_probes_answer_says_of_the_token(status: int, closes: bool) -> None:
    async def main() -> None:
        made = make(reply(401), reply(status), always=SILENCE)
        await failure(made.api.get(ORDER))
        await asyncio.sleep(30)
        await asyncio.gather(made.api.get(ORDER), return_exceptions=True)
        assert made.api.breaker_open() is not closes

    run(main)


def test_those_in_line_when_the_token_is_rejected_send_nothing() -> None:
    async def main() -> None:
        made = make(always=reply(401), rate=1)
        looks = await asyncio.gather(*(made.api.get(ORDER) for _ in range(10)), return_exceptions=True)
        assert {one.reason for one in looks if isinstance(one, LookFailed)} == {Reason.UNAUTHORIZED}
        assert made.sent == 1

    run(main)


def rotate(file: Path, token: str) -> None:
    file.write_text(token)


@pytest.fixture
def token_file(tmp_path: Path) -> Path:
    file = tmp_path / "token"
    file.write_text("old")
    return file


def test_a_token_files_401_reads_it_again_and_repeats_once(token_file: Path) -> None:
    async def main() -> None:
        made = make(always=accepts("the new one"), credential=TokenCredential(Secret(path=token_file), ""))
        told = await failure(made.api.get(ORDER))
        assert told.status == 401
        assert made.headers() == ["old", "old"], "one repeat, and the second 401 opens the breaker"
        assert made.api.breaker_open()
        await failure(made.api.get(ORDER))
        assert made.sent == 2

    run(main)


def test_a_rotation_between_two_looks_costs_no_look(token_file: Path) -> None:
    async def main() -> None:
        made = make(
            accepts("old"), always=accepts("the new one"), credential=TokenCredential(Secret(path=token_file), "")
        )
        await made.api.get(ORDER)
        rotate(token_file, "the new one")
        assert await made.api.get(ORDER) == OK.body
        assert made.headers() == ["old", "old", "the new one"]
        assert not made.api.breaker_open()

    run(main)


def test_a_changed_token_closes_the_breaker_within_five_seconds(token_file: Path) -> None:
    async def main() -> None:
        made = make(always=accepts("the new one"), credential=TokenCredential(Secret(path=token_file), ""))
        await failure(made.api.get(ORDER))
        assert made.api.breaker_open()
        await asyncio.sleep(3)
        await failure(made.api.get(ORDER))
        rotate(token_file, "the new one")
        await asyncio.sleep(1.1)
        assert not made.api.breaker_open(), "also without a look"
        assert await made.api.get(ORDER) == OK.body
        assert made.headers() == ["old", "old", "the new one"]

    run(main)


def oauth2(fetch: FakeFetch, clock: VirtualClock) -> OAuth2Credential:
    return OAuth2Credential(
        fetch, clock, token_url="https://auth.test/t", client_id="c", client_secret=Secret("s"), scheme="Bearer"
    )


def tokens(*names: str, takes: float = 0.5) -> FakeFetch:
    left = iter(names)

    async def answer(_: Request) -> Response:
        await asyncio.sleep(takes)
        return reply(200, f'{{"access_token": "{next(left)}"}}')

    return FakeFetch(always=answer)


def test_hundreds_of_looks_one_renewal_and_one_repeat_each() -> None:
    async def main() -> None:
        endpoint = tokens("t1", "t2")
        made = make(always=accepts("Bearer t1"), credential=oauth2(endpoint, VirtualClock()))
        await made.api.get(ORDER)
        made.fetch.always = accepts("Bearer t2")
        bodies = await asyncio.gather(*(made.api.get(ORDER) for _ in range(300)))
        assert bodies == [OK.body] * 300
        assert len(endpoint.requests) == 2
        assert made.sent <= 1 + 2 * 300
        assert made.headers().count("Bearer t2") == 300
        assert not made.api.breaker_open()

    run(main)


def test_a_second_401_opens_the_breaker() -> None:
    async def main() -> None:
        endpoint = tokens("t1", "t2", "t3", takes=0.0)
        made = make(always=reply(401), credential=oauth2(endpoint, VirtualClock()))
        assert (await failure(made.api.get(ORDER))).status == 401
        assert made.headers() == ["Bearer t1", "Bearer t2"]
        assert made.api.breaker_open()
        await failure(made.api.get(ORDER))
        assert (made.sent, len(endpoint.requests)) == (2, 2)
        await asyncio.sleep(30)
        made.fetch.always = accepts("Bearer t3")
        assert await made.api.get(ORDER) == OK.body, "the probe renews as any look does"
        assert len(endpoint.requests) == 3
        assert not made.api.breaker_open()

    run(main)


def test_a_late_401_for_a_former_token_opens_nothing() -> None:
    async def main() -> None:
        endpoint = tokens("t1", "t2", takes=0.0)

        async def slow(_: Request) -> Response:
            await asyncio.sleep(5)
            return reply(401)

        made = make(OK, slow, reply(401), always=accepts("Bearer t2"), credential=oauth2(endpoint, VirtualClock()))
        await made.api.get(ORDER)
        late = asyncio.create_task(made.api.get(ORDER))
        await asyncio.sleep(1)
        await made.api.get(ORDER)
        assert await late == OK.body
        assert len(endpoint.requests) == 2
        assert not made.api.breaker_open()

    run(main)


def test_a_token_that_cannot_be_had_fails_the_look_with_its_reason() -> None:
    async def main() -> None:
        endpoint = FakeFetch(always=reply(400, b'{"error": "invalid_client"}'))
        made = make(always=OK, credential=oauth2(endpoint, VirtualClock()))
        told = await failure(made.api.get(ORDER))
        assert (told.reason, told.detail) == (Reason.UNAUTHORIZED, "token request: HTTP 400, invalid_client")
        assert (made.sent, now()) == (0, 0.0)

    run(main)


def test_a_token_endpoint_that_is_down_for_a_moment_costs_no_look_and_no_budget() -> None:
    async def main() -> None:
        endpoint = FakeFetch(reply(503), LookFailed(Reason.CONNECTION), always=reply(200, b'{"access_token": "t1"}'))
        made = make(always=OK, credential=oauth2(endpoint, VirtualClock()))
        assert await made.api.get(ORDER) == OK.body
        assert len(endpoint.requests) == 3
        assert made.sent == 1
        assert made.api.budget.used_ratio() == pytest.approx(1 / 10_000, rel=0.01)

    run(main)
