"""Client credentials on virtual time, against a token endpoint by script."""

import asyncio
from base64 import b64decode
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import orjson
import pytest
from structlog.testing import capture_logs

from notifier.errors import LookFailed, Reason
from notifier.fields import Secret
from notifier.net.fetch import Request, Response
from notifier.net.oauth2 import OAuth2Credential
from notifier.testing.fetch import SILENCE, Answer, FakeFetch, reply
from notifier.testing.virtual import VirtualClock, run


def told(token: str = "t1", **more: Any) -> Response:
    return reply(200, orjson.dumps({"access_token": token, "token_type": "Bearer", **more}))


def counting(lasts: int | None = 3600, takes: float = 0.0) -> Callable[[Request], Awaitable[Response]]:
    """Tokens t1, t2, …"""
    count = 0

    async def answer(_: Request) -> Response:
        nonlocal count
        count += 1
        number = count
        await asyncio.sleep(takes)
        return told(f"t{number}", **({} if lasts is None else {"expires_in": lasts}))

    return answer


def made(*script: Answer, always: Answer | None = None, **more: Any) -> tuple[OAuth2Credential, FakeFetch]:
    fetch = FakeFetch(*script, always=always)
    settings: dict[str, Any] = {
        "client_id": "client",
        "client_secret": Secret("secret"),
        "token_url": "https://auth.test/token",
    } | more
    return OAuth2Credential(fetch, VirtualClock(), **settings), fetch


def now() -> float:
    return asyncio.get_running_loop().time()


async def refused(answer: Awaitable[object]) -> LookFailed:
    with pytest.raises(LookFailed) as failure:
        await answer
    return failure.value


def test_the_request_is_as_the_rfc_has_it() -> None:
    async def main() -> None:
        credential, fetch = made(
            told(), client_id="my client:1", client_secret=Secret("p%+ö &/"), scope="orders.read orders.list"
        )
        assert await credential.header(now()) == "Bearer t1"
        [request] = fetch.requests
        headers = dict(request.headers)
        assert (request.method, request.url) == ("POST", "https://auth.test/token")
        assert headers["Content-Type"] == "application/x-www-form-urlencoded"
        form = parse_qs((request.body or b"").decode(), strict_parsing=True)
        assert form == {"grant_type": ["client_credentials"], "scope": ["orders.read orders.list"]}
        scheme, _, pair = headers["Authorization"].partition(" ")
        client, _, secret = b64decode(pair).decode("ascii").partition(":")
        assert (scheme, unquote_plus(client), unquote_plus(secret)) == ("Basic", "my client:1", "p%+ö &/")
        await credential.close()
        assert fetch.closed

    run(main)


@pytest.mark.parametrize(("lasts", "renewed_at"), [(3600, 3240), (300, 270), (100, 70), (60, 30), (40, 20), (2, 1)])
def test_renewed_before_it_ends(lasts: int, renewed_at: float) -> None:
    async def main() -> None:
        credential, fetch = made(always=counting(lasts))
        assert await credential.header(0.0) == "Bearer t1"
        await asyncio.sleep(renewed_at - 0.01)
        assert await credential.header(now()) == "Bearer t1"
        assert len(fetch.requests) == 1
        await asyncio.sleep(0.02)
        assert await credential.header(now()) == "Bearer t1", "the old one still serves: nobody waits for the new one"
        await asyncio.sleep(0.01)
        assert await credential.header(now()) == "Bearer t2"
        assert len(fetch.requests) == 2
        await credential.close()

    run(main)


@pytest.mark.parametrize("lasts", [None, "soon", -5, 0, True, [], {}, "nan", "inf", 1e400])
def test_without_a_sensible_lifetime_it_serves_until_a_401(lasts: object) -> None:
    async def main() -> None:
        credential, fetch = made(told("t1", expires_in=lasts), told("t2"))
        assert await credential.header(0.0) == "Bearer t1"
        await asyncio.sleep(10_000_000)
        assert await credential.header(now()) == "Bearer t1"
        assert await credential.renew("Bearer t1")
        assert await credential.header(now()) == "Bearer t2"
        assert len(fetch.requests) == 2

    run(main)


def test_a_lifetime_written_as_text() -> None:
    async def main() -> None:
        credential, fetch = made(told("t1", expires_in="100"), told("t2"))
        await credential.header(0.0)
        await asyncio.sleep(101)
        assert await credential.header(now()) == "Bearer t2"
        assert len(fetch.requests) == 2

    run(main)


@pytest.mark.parametrize("kind", ["mac", None, 5])
def test_the_token_type_is_not_insisted_on(kind: object) -> None:
    async def main() -> None:
        credential, _ = made(reply(200, orjson.dumps({"access_token": "t", "token_type": kind})), scheme="OAuth")
        assert await credential.header(0.0) == "OAuth t"

    run(main)


def test_hundreds_of_waiters_one_renewal() -> None:
    async def main() -> None:
        credential, fetch = made(always=counting(takes=2.0))
        headers = await asyncio.gather(*(credential.header(now()) for _ in range(300)))
        assert set(headers) == {"Bearer t1"}
        renewed = await asyncio.gather(*(credential.renew("Bearer t1") for _ in range(300)))
        assert all(renewed)
        assert len(fetch.requests) == 2
        assert await credential.renew("Bearer t1"), "a late 401 for the old token: there is already another"
        assert len(fetch.requests) == 2

    run(main)


def test_a_cancelled_waiter_does_not_take_the_renewal_along() -> None:
    async def main() -> None:
        credential, fetch = made(always=counting(takes=2.0))
        waiting = [asyncio.create_task(credential.renew("")) for _ in range(5)]
        await asyncio.sleep(1)
        waiting[0].cancel()
        waiting[3].cancel()
        results = await asyncio.gather(*waiting, return_exceptions=True)
        assert [isinstance(one, asyncio.CancelledError) for one in results] == [True, False, False, True, False]
        assert len(fetch.requests) == 1
        alone = asyncio.create_task(credential.renew("Bearer t1"))
        await asyncio.sleep(1)
        alone.cancel()
        await asyncio.sleep(2)
        assert await credential.header(now()) == "Bearer t2", "the renewal that nobody waited for came to its end"
        assert len(fetch.requests) == 2

    run(main)


@pytest.mark.parametrize(
    ("answer", "reason", "detail"),
    [
        (reply(400, b'{"error": "invalid_client"}'), Reason.UNAUTHORIZED, "token request: HTTP 400, invalid_client"),
        (reply(401, b'{"error": "your secret pa55word is wrong"}'), Reason.UNAUTHORIZED, "token request: HTTP 401"),
        (reply(403, b"<html>"), Reason.UNAUTHORIZED, "token request: HTTP 403"),
        (reply(404, b'{"error": 7}'), Reason.UNAUTHORIZED, "token request: HTTP 404"),
        (reply(302, b"", {"Location": "https://evil.test"}), Reason.REDIRECTED, "token request: HTTP 302"),
        (reply(429, b""), Reason.THROTTLED, "token request: HTTP 429"),
        (reply(503, b"[]"), Reason.SERVER_ERROR, "token request: HTTP 503"),
        (reply(200, b"<html>"), Reason.UNREADABLE, "token request: an answer without access_token"),
        (reply(200, b'["t"]'), Reason.UNREADABLE, "token request: an answer without access_token"),
        (reply(200, b'{"access_token": ""}'), Reason.UNREADABLE, "token request: an answer without access_token"),
        (reply(200, b'{"access_token": 5}'), Reason.UNREADABLE, "token request: an answer without access_token"),
        (reply(204, b""), Reason.UNREADABLE, "token request: an answer without access_token"),
        (LookFailed(Reason.CONNECTION, "connection lost"), Reason.CONNECTION, "connection lost"),
        (SILENCE, Reason.TIMEOUT, "no answer in time"),
    ],
)
def test_failures_have_bounded_reasons(answer: Answer, reason: Reason, detail: str) -> None:
    async def main() -> None:
        credential, _ = made(answer)
        failure = await refused(credential.header(0.0))
        assert (failure.reason, failure.detail) == (reason, detail)

    run(main)


def test_a_token_that_no_header_carries() -> None:
    async def main() -> None:
        credential, _ = made(told("a\r\nX-Evil: 1"))
        failure = await refused(credential.header(0.0))
        assert failure.reason is Reason.UNAUTHORIZED
        assert "Evil" not in str(failure)

    run(main)


def test_a_failing_token_request_is_not_repeated_by_every_look() -> None:
    async def main() -> None:
        credential, fetch = made(always=reply(500, b""))
        with capture_logs() as logs:
            for _ in range(1200):  # ten looks a second for two minutes
                assert (await refused(credential.header(now()))).reason is Reason.SERVER_ERROR
                await asyncio.sleep(0.1)
        assert len(fetch.requests) == 8, "pauses of 1, 2, 4, 8, 16, 30, 30 s"
        assert [one["event"] for one in logs] == ["token_request_failed"]
        fetch.always = told("t9", expires_in=100)
        await asyncio.sleep(30)
        with capture_logs() as logs:
            assert await credential.header(now()) == "Bearer t9"
        assert [one["event"] for one in logs] == ["token_request_recovered"]

    run(main)


def test_retry_after_of_the_token_endpoint_is_kept_to_and_passed_on() -> None:
    async def main() -> None:
        credential, fetch = made(reply(429, b"", {"Retry-After": "100"}), told())
        assert (await refused(credential.header(now()))).after == 100.0
        await asyncio.sleep(60)
        assert (await refused(credential.header(now()))).after == pytest.approx(40.0)
        assert len(fetch.requests) == 1
        await asyncio.sleep(40)
        assert await credential.header(now()) == "Bearer t1"

    run(main)


def test_while_the_old_token_serves_a_failing_renewal_harms_nobody() -> None:
    async def main() -> None:
        credential, fetch = made(told("t1", expires_in=100), always=SILENCE)
        assert await credential.header(0.0) == "Bearer t1"
        while now() < 99.0:
            began = now()
            assert await credential.header(now()) == "Bearer t1"
            assert now() == began, "not waited for"
            await asyncio.sleep(0.5)
        assert 2 <= len(fetch.requests) <= 5
        await asyncio.sleep(2)
        assert (await refused(credential.header(now()))).reason is Reason.TIMEOUT
        await credential.close()

    run(main)


def test_a_changed_secret_is_tried_at_once(tmp_path: Path) -> None:
    async def main() -> None:
        file = tmp_path / "secret"
        file.write_text("old")
        credential, fetch = made(reply(401), told(), client_secret=Secret(path=file))
        await refused(credential.header(now()))
        assert not credential.changed("Bearer t0", now())
        file.write_text("the new one")
        assert credential.changed("Bearer t0", now())
        assert await credential.header(now()) == "Bearer t1"
        pair = dict(fetch.requests[1].headers)["Authorization"].removeprefix("Basic ")
        assert b64decode(pair) == b"client:the+new+one"

    run(main)


def test_changed_once_there_is_another_token() -> None:
    async def main() -> None:
        credential, _ = made(told("t1"), told("t2"))
        await credential.header(now())
        assert not credential.changed("Bearer t1", now())
        await credential.renew("Bearer t1")
        assert credential.changed("Bearer t1", now())
        assert not credential.changed("Bearer t2", now())

    run(main)


def test_closing_ends_a_renewal_and_those_who_wait_fail_with_a_reason() -> None:
    async def main() -> None:
        credential, _ = made(always=counting(takes=100.0))
        waiting = [asyncio.create_task(credential.header(now())) for _ in range(3)]
        await asyncio.sleep(1)
        await credential.close()
        for one in waiting:
            assert (await refused(one)).reason is Reason.CONNECTION
        assert now() == 1.0

    run(main)
