import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from standardwebhooks import Webhook

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.sinks.base import Message, Outcome
from notifier.sinks.signing import SymmetricKey, derive, parse_keys, signing_keys, verify
from notifier.sinks.webhook import WebhookSink, build
from notifier.testing.fetch import FakeFetch, reply
from tests.contracts.sink import T, published
from tests.sinks import peer
from tests.sinks.make import PRIVATE, SECRET, settings
from tests.sinks.peer import Peer, Taken


@pytest.fixture
async def other() -> AsyncIterator[Peer]:
    other = Peer()
    await other.start()
    yield other
    await other.stop()


@asynccontextmanager
async def sink(url: str | None, **fields: Any) -> AsyncIterator[WebhookSink]:
    made = build("hook", settings(url, **fields), SystemClock())
    yield made
    await made.close()


def message(to: str | None = None, text: str = "") -> Message:
    return Message("a7c3f1d2-0000-5000-8000-000000000001", to, published(), text=text)


async def sent(other: Peer, to: str | None = None, now: int = T, **fields: Any) -> Taken:
    async with sink(other.url, **fields) as hook:
        assert (await hook.send(message(to), now)).kind == "delivered"
    return other.taken[-1]


async def test_a_request_is_what_standard_webhooks_asks_for(other: Peer) -> None:
    taken = await sent(other, now=T + 999)

    assert (taken.method, taken.path) == ("POST", "/hooks/s3cret-path?token=s3cret-query")
    assert taken.headers["webhook-id"] == message().id
    assert taken.headers["webhook-timestamp"] == str(T // 1000)
    assert taken.headers["content-type"] == "application/json"
    assert taken.headers["user-agent"].startswith("order-notifier/")
    verify(taken.headers, taken.body, parse_keys(SECRET), T)
    assert json.loads(taken.body)["data"] == json.loads(published().data)


async def test_the_reference_library_takes_it(other: Peer) -> None:
    taken = await sent(other, now=SystemClock().now())

    assert Webhook(SECRET).verify(taken.body, dict(taken.headers))["type"] == "notifier.order.status_changed.v1"


async def test_only_time_and_signature_of_a_repeat_differ(other: Peer) -> None:
    first, second = await sent(other), await sent(other, now=T + 300_000)

    assert first.body == second.body
    differing = {name for name in first.headers if first.headers[name] != second.headers[name]}
    assert differing == {"webhook-timestamp", "webhook-signature"}
    verify(second.headers, second.body, parse_keys(SECRET), T + 300_000)


async def test_a_recipient_gets_the_secret_of_its_own_url(other: Peer) -> None:
    taken = await sent(other, to=other.url, secret=f"{PRIVATE}\n{SECRET}")
    versions = [each.partition(",")[0] for each in taken.headers["webhook-signature"].split(" ")]
    key = signing_keys(SECRET)[0]
    assert isinstance(key, SymmetricKey)

    assert versions == ["v1a", "v1"]
    verify(taken.headers, taken.body, parse_keys(derive(key, other.url)), T)
    verify(taken.headers, taken.body, parse_keys(PRIVATE), T)
    with pytest.raises(Exception, match="no signature matches"):
        verify(taken.headers, taken.body, [key], T)


async def test_headers_of_ones_own_are_added(other: Peer) -> None:
    taken = await sent(other, headers={"X-Team": "ops", "User-Agent": "mine", "Authorization": "Bearer t"})

    assert (taken.headers["x-team"], taken.headers["user-agent"]) == ("ops", "mine")
    assert taken.headers["authorization"] == "Bearer t"


async def test_a_body_of_ones_own_is_signed(other: Peer) -> None:
    taken = await sent(other, body={"text": "{key} is {phase}", "n": 1})

    assert json.loads(taken.body) == {"text": "trips/885e is arrived", "n": 1}
    verify(taken.headers, taken.body, parse_keys(SECRET), T)


async def test_a_changed_secret_signs_the_next_attempt(other: Peer, tmp_path: Any) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET)
    async with sink(other.url, secret=None, secret_file=str(file)) as hook:
        await hook.send(message(), T)
        file.write_text(PRIVATE)
        await hook.send(message(), T)

    versions = [taken.headers["webhook-signature"].partition(",")[0] for taken in other.taken]
    assert versions == ["v1", "v1a"]


DATE = "date: Sat, 21 Nov 2026 10:00:00 GMT"
LATER = "Sat, 21 Nov 2026 10:01:30 GMT"


@pytest.mark.parametrize(
    ("code", "headers", "outcome"),
    [
        (200, (), Outcome("delivered", "200")),
        (299, (), Outcome("delivered", "299")),
        (301, ("location: /elsewhere",), Outcome("again", "301", Reason.REDIRECTED)),
        (304, (), Outcome("again", "304", Reason.REDIRECTED)),
        (400, (), Outcome("again", "400", Reason.REJECTED)),
        (401, (), Outcome("again", "401", Reason.UNAUTHORIZED)),
        (403, (), Outcome("again", "403", Reason.FORBIDDEN)),
        (404, (), Outcome("again", "404", Reason.NOT_FOUND)),
        (410, (), Outcome("gone", "410", Reason.ENDPOINT_DISABLED, "the endpoint asks for no more")),
        (429, ("retry-after: 120",), Outcome("again", "429", Reason.THROTTLED, after=120.0)),
        (500, (), Outcome("again", "500", Reason.SERVER_ERROR)),
        (
            503,
            (DATE, "retry-after: Sat, 21 Nov 2026 10:01:30 GMT"),
            Outcome("again", "503", Reason.SERVER_ERROR, after=90.0),
        ),
        (503, ("retry-after: 9999999",), Outcome("again", "503", Reason.SERVER_ERROR, after=86_400.0)),
        (503, ("retry-after: soon",), Outcome("again", "503", Reason.SERVER_ERROR)),
    ],
)
async def test_what_an_answer_means(other: Peer, code: int, headers: tuple[str, ...], outcome: Outcome) -> None:
    other.answer = peer.status(code, *headers)
    async with sink(other.url) as hook:
        assert await hook.send(message(), T) == outcome
    assert len(other.taken) == 1  # a redirect is not followed


@pytest.mark.parametrize(
    ("answer", "reason"),
    [(peer.hang, Reason.TIMEOUT), (peer.reset, Reason.CONNECTION), (peer.garbage, Reason.UNREADABLE)],
)
async def test_what_no_answer_means(other: Peer, answer: peer.Answer, reason: Reason) -> None:
    other.answer = answer
    async with sink(other.url) as hook:
        outcome = await hook.send(message(), T)

    assert (outcome.kind, outcome.status, outcome.reason) == ("again", None, reason)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/",
        "http://localhost:{port}/",
        "http://[::ffff:127.0.0.1]:{port}/",
        "http://0x7f.1:{port}/",
        "http://2130706433:{port}/",
        "https://127.0.0.1:{port}/",
        "http://169.254.169.254/latest/meta-data",
        "http://93.184.215.14/",  # public, but not encrypted
        "http://user:secret@127.0.0.1:{port}/",
        "ftp://example.org/",
        "https://example.org/a\nb",
        "//example.org/",
    ],
)
async def test_where_it_may_not_go_it_does_not_go(other: Peer, url: str) -> None:
    port = other.url.split(":")[2].partition("/")[0]
    async with sink(None, allow_networks=[]) as hook:
        outcome = await hook.send(message(to=url.format(port=port)), T)

    assert (outcome.kind, outcome.reason) == ("dead", Reason.FORBIDDEN_TARGET)
    assert other.taken == []


async def test_without_an_url_and_an_address_there_is_nowhere_to_go() -> None:
    async with sink(None) as hook:
        outcome = await hook.send(message(), T)

        assert (outcome.kind, outcome.reason, hook.endpoint(None)) == ("dead", Reason.NO_ADDRESS, "")


async def test_an_url_is_requested_as_it_was_given() -> None:
    fetch = FakeFetch(always=reply(204))
    hook = WebhookSink(settings(), fetch)
    for url in ("https://e.example/a%2fb?c=%2F&d=e+f#part", "https://exämple.org/путь?q=я"):
        await hook.send(message(to=url), T)

    assert [request.url for request in fetch.requests] == [
        "https://e.example/a%2fb?c=%2F&d=e+f",
        "https://xn--exmple-cua.org/%D0%BF%D1%83%D1%82%D1%8C?q=%D1%8F",
    ]


BROKEN = {
    "too long": (b"content-length: 9000000", b"x" * 300_000),
    "cut off": (b"content-length: 1000", b"x"),
    "not packed as it says": (b"content-encoding: gzip", b"not gzip"),
}


@pytest.mark.parametrize("broken", BROKEN)
@pytest.mark.parametrize(("status", "kind"), [(200, "delivered"), (410, "gone"), (429, "again")])
async def test_a_status_counts_although_the_rest_cannot_be_read(
    other: Peer, broken: str, status: int, kind: str
) -> None:
    header, rest = BROKEN[broken]

    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %d Said\r\nretry-after: 7\r\n%b\r\n\r\n%b" % (status, header, rest))
        await writer.drain()

    other.answer = answer
    async with sink(other.url) as hook:
        outcome = await hook.send(message(), T)
    assert (outcome.kind, outcome.status) == (kind, str(status))
    assert outcome.after == (7.0 if status == 429 else None)
    assert len(other.taken) == 1


async def test_an_answer_whose_rest_does_not_come_counts_within_a_second(other: Peer) -> None:
    async def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 Said\r\ncontent-length: 1000\r\n\r\n")
        while True:
            writer.write(b"x")
            await writer.drain()
            await asyncio.sleep(0.05)

    other.answer = answer
    async with sink(other.url, timeout="20s") as hook:
        began = asyncio.get_running_loop().time()
        assert (await hook.send(message(), T)).kind == "delivered"
        assert asyncio.get_running_loop().time() - began < 10


async def test_an_endpoint_is_an_url() -> None:
    async with sink("https://example.org/a") as hook:
        assert hook.endpoint(None) == "https://example.org/a"
        assert hook.endpoint("https://example.org/b") == "https://example.org/b"
