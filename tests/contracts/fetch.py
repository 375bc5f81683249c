"""What every `Fetch` keeps to, real or fake. A suite gives a `Bench`: the fetch, and a say in what its peer answers."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import pytest

from notifier.errors import LookFailed, Reason
from notifier.net.fetch import Fetch, Request

TIMEOUT_MS = 250
MAX_BODY = 10_000


class Bench(Protocol):
    """`url` is where requests go; `received` are those that reached the peer: method, path, headers, body."""

    fetch: Fetch  # built with TIMEOUT_MS and MAX_BODY
    url: str

    def answer(self, status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None: ...

    def silence(self) -> None: ...

    def lost_connection(self) -> None: ...

    @property
    def received(self) -> list[tuple[str, str, Mapping[str, str], bytes]]: ...


class FetchContract:
    """Subclasses provide the fixture `bench`."""

    @pytest.mark.parametrize("status", [200, 204, 206, 302, 304, 401, 404, 429, 500, 504])
    async def test_any_status_is_an_answer(self, bench: Bench, status: int) -> None:
        body = b"" if status in (204, 304) else b'{"status": "driving"}'
        bench.answer(status, body, {"Location": f"{bench.url}/elsewhere", "Retry-After": "3"})
        response = await bench.fetch(Request(f"{bench.url}/order"))
        assert (response.status, response.body) == (status, body)
        assert len(bench.received) == 1, "redirects are not followed, and nothing is repeated"

    async def test_header_names_compare_without_case(self, bench: Bench) -> None:
        bench.answer(429, b"", {"Retry-After": "3"})
        headers = (await bench.fetch(Request(f"{bench.url}/order"))).headers
        assert headers["retry-after"] == headers["RETRY-AFTER"] == "3"
        assert headers.get("date-of-nothing") is None

    async def test_what_is_sent_arrives_as_it_is(self, bench: Bench) -> None:
        bench.answer(200)
        request = Request(
            f"{bench.url}/a%2Fb/c%20d?id=%D0%BF&x=1%2B1",
            headers=(("Authorization", "Bearer t"), ("Content-Type", "application/json"), ("X-Two", "b")),
            method="POST",
            body=b'{"a": 1}',
        )
        await bench.fetch(request)
        [(method, path, headers, body)] = bench.received
        assert (method, path, body) == ("POST", "/a%2Fb/c%20d?id=%D0%BF&x=1%2B1", b'{"a": 1}')
        named = {name.lower(): value for name, value in headers.items()}
        assert (named["authorization"], named["content-type"], named["x-two"]) == ("Bearer t", "application/json", "b")

    async def test_no_answer_in_time(self, bench: Bench) -> None:
        bench.silence()
        began = asyncio.get_running_loop().time()
        with pytest.raises(LookFailed) as failure:
            await bench.fetch(Request(f"{bench.url}/order"))
        assert failure.value.reason is Reason.TIMEOUT
        assert TIMEOUT_MS / 1000 * 0.9 <= asyncio.get_running_loop().time() - began < 5

    async def test_a_lost_connection(self, bench: Bench) -> None:
        bench.lost_connection()
        with pytest.raises(LookFailed) as failure:
            await bench.fetch(Request(f"{bench.url}/order"))
        assert failure.value.reason is Reason.CONNECTION

    async def test_the_size_cap(self, bench: Bench) -> None:
        bench.answer(200, b"x" * MAX_BODY)
        assert len((await bench.fetch(Request(f"{bench.url}/order"))).body) == MAX_BODY
        bench.answer(200, b"x" * (MAX_BODY + 1))
        with pytest.raises(LookFailed) as failure:
            await bench.fetch(Request(f"{bench.url}/order"))
        assert failure.value.reason is Reason.TOO_LARGE

    async def test_cancellation_passes_through_and_the_next_request_is_served(self, bench: Bench) -> None:
        bench.silence()
        task = asyncio.ensure_future(bench.fetch(Request(f"{bench.url}/order")))
        await asyncio.sleep(TIMEOUT_MS / 5000)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        bench.answer(200, b"next")
        assert (await bench.fetch(Request(f"{bench.url}/order"))).body == b"next"

    async def test_after_every_failure_the_next_request_is_served(self, bench: Bench) -> None:
        bench.lost_connection()
        bench.answer(200, b"x" * (MAX_BODY + 1))
        bench.silence()
        for _ in range(3):
            with pytest.raises(LookFailed):
                await bench.fetch(Request(f"{bench.url}/order"))
        bench.answer(200, b"next")
        assert (await bench.fetch(Request(f"{bench.url}/order"))).body == b"next"

    async def test_failures_tell_no_secret(self, bench: Bench) -> None:
        bench.silence()
        bench.lost_connection()
        bench.answer(200, b"b-secret" * MAX_BODY)
        request = Request(f"{bench.url}/u-secret?q=u-secret", headers=(("Authorization", "h-secret"),))
        for _ in range(3):
            with pytest.raises(LookFailed) as failure:
                await bench.fetch(request)
            assert "secret" not in f"{failure.value} {failure.value.detail} {failure.value!r}"
            assert "127.0.0.1" not in str(failure.value)

    async def test_closed_twice_and_then_no_more_requests(self, bench: Bench) -> None:
        await bench.fetch.close()
        await bench.fetch.close()
        with pytest.raises(LookFailed) as failure:
            await bench.fetch(Request(f"{bench.url}/order"))
        assert failure.value.reason is Reason.CONNECTION
