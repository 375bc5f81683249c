"""What every answer has in common, what is told without a token, and the page for people."""

import asyncio
import base64
import hashlib
import re
import subprocess
import sys

import pytest
import structlog

from notifier.api import asking
from notifier.api.server import ApiServer
from notifier.schemas import event_schemas
from tests.api.conftest import Client
from tests.api.desk import MemoryDesk


async def test_alive_and_ready(client: Client, desk: MemoryDesk) -> None:
    assert (await client.get("/healthz")).json == {"status": "ok"}
    ready = await client.get("/readyz")
    assert (ready.status, ready.json) == (200, {"ready": True, "reasons": []})
    desk.troubles = ("disk full",)
    unready = await client.get("/readyz")
    assert (unready.status, unready.json) == (503, {"ready": False, "reasons": ["disk full"]})
    assert (await client.get("/healthz")).status == 200
    desk.stuck = ("poll trips",)
    stalled = await client.get("/healthz")
    assert (stalled.status, stalled.json) == (503, {"status": "stalled: poll trips"})


async def test_metrics_are_for_a_scraper(client: Client, desk: MemoryDesk) -> None:
    desk.metrics.at_scrape(lambda: desk.metrics.shards_owned.set(3))
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert "notifier_shards_owned 3.0" in answer.body.decode().splitlines()


async def test_schemas_are_served_where_events_name_them(client: Client, desk: MemoryDesk) -> None:
    named = desk.view.events[0].attributes["dataschema"]
    answer = await client.get(named)
    assert answer.headers["Content-Type"].startswith("application/schema+json")
    assert answer.json == event_schemas()[named.rpartition("/")[2]]
    urls = {item["url"] for item in (await client.get("/schemas/")).json["items"]}
    assert urls == {f"/schemas/{name}" for name in event_schemas()}
    assert (await client.get("/schemas/other.json")).status == 404


def test_a_start_does_not_wait_for_documents_that_nobody_asked_for() -> None:
    """Their models take half a second to build: a restore of many orders is measured from the start of the process."""
    code = "import sys, notifier.cli.serve; print([name for name in sys.modules if name.startswith('notifier.')])"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert "notifier.api.documents" in loaded
    assert not [name for name in ("notifier.schemas", "notifier.api.openapi", "notifier.api.models") if name in loaded]


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/v1/watches", "GET, HEAD, POST"),
        ("PATCH", "/v1/watches/trips/885e", "DELETE, GET, HEAD"),
        ("POST", "/v1/orders/trips/885e", "GET, HEAD"),
        ("GET", "/v1/deliveries/retry", "POST"),
        ("DELETE", "/metrics", "GET, HEAD"),
        ("POST", "/", "GET, HEAD"),
    ],
)
async def test_other_methods_are_refused_with_those_allowed(
    client: Client, method: str, path: str, allowed: str
) -> None:
    answer = await client.ask(method, path)
    assert (answer.status, answer.headers["Allow"], answer.json["status"]) == (405, allowed, 405)


@pytest.mark.parametrize("path", ["/v2", "/v1", "/v1/", "/v1/watches/", "/favicon.ico", "//", "/v1//watches", "/%ff"])
async def test_elsewhere_is_nothing(client: Client, path: str) -> None:
    answer = await client.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")


@pytest.mark.parametrize("path", ["/v1/orders", "/v1/orders/trips/885e", "/metrics", "/", "/readyz"])
async def test_head_tells_the_same_without_a_body(client: Client, path: str) -> None:
    whole, head = await client.get(path), await client.ask("HEAD", path)
    assert (head.status, head.headers["Content-Type"], head.body) == (200, whole.headers["Content-Type"], b"")


async def test_a_fault_of_ours_is_logged_and_not_shown(client: Client, desk: MemoryDesk) -> None:
    desk.failure = ZeroDivisionError("secret detail")
    with structlog.testing.capture_logs() as lines:
        answer = await client.ask("DELETE", "/v1/watches/trips/885e")
        await client.ask("DELETE", "/v1/watches/trips/885e")  # again: it is logged once a minute
    assert (answer.status, answer.json["title"]) == (500, "Internal Server Error")
    assert "secret" not in answer.body.decode()
    (line,) = lines
    assert (line["event"], line["route"], line["exc_info"]) == ("request_failed", "/v1/watches/{key}", True)
    assert "885e" not in str(line)


async def test_answers_are_not_kept_by_anyone_between(client: Client) -> None:
    headers = (await client.get("/v1/orders")).headers
    assert (headers["Cache-Control"], headers["X-Content-Type-Options"]) == ("no-store", "nosniff")
    assert "aiohttp" not in headers["Server"]


async def test_the_page_loads_nothing_from_elsewhere(client: Client) -> None:
    answer = await client.get("/")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    html = answer.body.decode()
    assert re.findall(r"""(?:src|href)=["']?([^"'>]+)""", html) == ["/openapi.json", "/schemas/", "/metrics", "/readyz"]
    assert re.findall(r"https?://|//[a-z]+\.|@import|url\(", html) == []
    assert "innerHTML" not in html


async def test_the_pages_own_parts_are_let_run(client: Client) -> None:
    answer = await client.get("/")
    html = answer.body.decode()
    for tag in ("style", "script"):
        (part,) = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(part.encode()).digest()).decode()
        assert len(part) > 500
        assert f"{tag}-src 'sha256-{digest}'" in answer.headers["Content-Security-Policy"]


async def test_what_the_page_reads_is_there(client: Client) -> None:
    """The names that its script takes from metrics are those that are served."""
    html = (await client.get("/")).body.decode()
    served = (await client.get("/metrics")).body.decode()
    for name in set(re.findall(r'"(notifier_\w+)"', html)):
        assert f"{name.removesuffix('_total')}" in served


async def raw(server: ApiServer, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await reader.read(65536)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /v1/orders HTTP/1.1\r\nHost: localhost\r\nX-A: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /v1/orders/" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/orders HTTP/1.1\r\nHost: localhost\r\n" + b"X-A: a\r\n" * 5_000 + b"\r\n",
        b"GET /v1/orders/trips/\xff\xfe HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/orders/trips/\xd0\xba\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/orders?source=\xff HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer \xff\xfe\r\n\r\n",
        b"GET /v1/orders HTTP/1.1\r\nHost: \xff\xfe\r\n\r\n",
        b"GET /v1/orders HTTP/1.1\r\n\r\n",
        b"GET /v1/events/stream HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: \xff\r\n\r\n",
        b"POST /v1/watches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"POST /v1/watches HTTP/1.1\r\nHost: localhost\r\nContent-Type: a/b/c;;;\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /v1/watches HTTP/1.1\r\nHost: localhost\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/watches HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"GET http://elsewhere.example/v1/orders/none/1 HTTP/1.1\r\nHost: elsewhere.example\r\n\r\n",
        b"CONNECT elsewhere.example:443 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
)
async def test_hostile_requests_are_refused(
    server: ApiServer, desk: MemoryDesk, request_: bytes, token_file: object
) -> None:
    with structlog.testing.capture_logs() as lines:
        answer = await raw(server, request_)
    assert re.match(rb"HTTP/1\.[01] 4\d\d ", answer), answer[:200]
    assert b"Traceback" not in answer
    assert desk.bodies == []
    assert {line["event"] for line in lines} <= {"http_request_unreadable"}


async def test_what_cannot_be_read_is_logged_without_its_words(server: ApiServer) -> None:
    with structlog.testing.capture_logs() as lines:
        await raw(
            server, b"GET / HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + b"s3cret" * 5_000 + b"\r\n\r\n"
        )
    assert lines == [{"event": "http_request_unreadable", "kind": "LineTooLong", "log_level": "info"}]


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    server: ApiServer, desk: MemoryDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "PATIENCE", 0.05)
    head = (
        b"POST /v1/watches HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 20\r\n\r\n{"
    )
    answer = await raw(server, head)
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert desk.bodies == []
