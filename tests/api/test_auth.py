"""Who may ask what."""

from pathlib import Path

import pytest
import structlog
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from notifier.api.auth import Tokens, _loopback_only
from notifier.api.problems import ApiError
from notifier.api.server import start_api
from notifier.errors import ConfigError, Refused
from tests.api.conftest import Client
from tests.api.desk import MemoryDesk

WRITES = [("POST", "/v1/watches"), ("DELETE", "/v1/watches/trips/885e"), ("POST", "/v1/deliveries/dead1/retry")]
READS = ["/v1/watches", "/v1/orders", "/v1/orders/trips/885e", "/v1/orders/trips/885e/why", "/v1/deliveries"]
OPEN = ["/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/schemas/"]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def rewrite(path: Path, content: str | None) -> None:
    if content is None:
        path.unlink()
    else:
        path.write_text(content)


async def test_everything_below_v1_asks_for_a_token(client: Client, token_file: Path) -> None:
    asked = [*(("GET", path) for path in [*READS, "/v1/events/stream", "/v1/nothing", "/%76%31/watches"]), *WRITES]
    for method, path in asked:
        answer = await client.ask(method, path)
        assert (answer.status, path) == (401, path)
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert answer.json["status"] == 401


async def test_what_is_open_is_open(client: Client, token_file: Path) -> None:
    for path in OPEN:
        assert (await client.get(path)).status == 200


@pytest.mark.parametrize("path", READS)
async def test_both_kinds_of_token_read(client: Client, token_file: Path, path: str) -> None:
    for token in ("reader", "writer"):
        assert (await client.get(path, headers=bearer(token))).status == 200


async def test_a_reading_token_does_not_write(client: Client, token_file: Path, desk: MemoryDesk) -> None:
    for method, path in WRITES:
        answer = await client.ask(method, path, headers=bearer("reader"))
        assert answer.status == 403
    assert desk.bodies == desk.retried == []
    assert (await client.ask("DELETE", "/v1/watches/trips/885e", headers=bearer("writer"))).status == 204


@pytest.mark.parametrize(
    "value",
    ["Bearer nobody", "Bearer", "Bearer ", "Basic d3JpdGVyOg==", "writer", "Bearer writer extra", "Bearer read"],
)
async def test_other_credentials_are_refused(client: Client, token_file: Path, value: str) -> None:
    answer = await client.get("/v1/orders", headers={"Authorization": value})
    assert answer.status == 401
    assert "nobody" not in answer.body.decode()


async def test_the_scheme_is_read_in_any_case(client: Client, token_file: Path) -> None:
    assert (await client.get("/v1/orders", headers={"Authorization": "bearer  writer"})).status == 200


async def test_two_authorizations_are_none(client: Client, token_file: Path) -> None:
    headers = [("Authorization", "Bearer writer"), ("Authorization", "Bearer reader")]
    assert (await client.get("/v1/orders", headers=headers)).status == 401


async def test_a_changed_file_is_read_again(client: Client, token_file: Path) -> None:
    assert (await client.get("/v1/orders", headers=bearer("writer"))).status == 200
    rewrite(token_file, "successor\n")
    assert (await client.get("/v1/orders", headers=bearer("successor"))).status == 200
    assert (await client.get("/v1/orders", headers=bearer("writer"))).status == 401


@pytest.mark.parametrize("content", [None, "", "writer raed\n"])
async def test_a_file_that_cannot_be_used_changes_nothing(
    client: Client, token_file: Path, content: str | None
) -> None:
    rewrite(token_file, content)
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            assert (await client.get("/v1/orders", headers=bearer("reader"))).status == 200
    assert [line["event"] for line in lines] == ["api_tokens_kept"]
    assert "raed" not in str(lines)


@pytest.mark.parametrize("content", [None, "", "\n \n", "writer raed\n"])
def test_a_file_that_cannot_be_used_is_told_at_the_start(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        rewrite(path, content)
    with pytest.raises(ConfigError, match=r"api\.token_file") as caught:
        Tokens(str(path))
    assert "raed" not in str(caught.value)


@pytest.mark.parametrize("host", ["evil.example", "evil.example:8080", "", "127.0.0.1.evil.example", "[", "0.0.0.0"])
async def test_a_page_of_another_name_does_not_reach_loopback(client: Client, host: str) -> None:
    answer = await client.get("/v1/orders", headers={"Host": host})
    assert answer.status == 403


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1.evil.example"])
async def test_a_form_of_another_page_does_not_reach_loopback(client: Client, desk: MemoryDesk, origin: str) -> None:
    answer = await client.ask("POST", "/v1/deliveries/dead1/retry", headers={"Origin": origin})
    assert (answer.status, desk.retried) == (403, [])


@pytest.mark.parametrize("host", ["localhost", "localhost:1", "127.0.0.1", "127.9.9.9:80", "[::1]:8080"])
async def test_loopback_by_any_of_its_names(client: Client, host: str) -> None:
    origin = {"Origin": f"http://{host}"}
    assert (await client.get("/v1/orders", headers={"Host": host} | origin)).status == 200


@pytest.mark.parametrize(("peer", "let_in"), [("127.0.0.1", True), ("::ffff:127.0.0.1", True), ("10.0.0.1", False)])
def test_without_tokens_only_this_machine_may_ask(peer: str, let_in: bool) -> None:
    request: web.Request = make_mocked_request("GET", "/v1/orders", headers={"Host": "localhost"}).clone(remote=peer)
    if let_in:
        _loopback_only(request)
    else:
        with pytest.raises(ApiError) as caught:
            _loopback_only(request)
        assert caught.value.status == 403


async def test_a_port_in_use_is_told(client: Client, desk: MemoryDesk) -> None:
    port = int(client.base.rpartition(":")[2])
    with pytest.raises(Refused, match=rf"port {port}"):
        await start_api(desk, "127.0.0.1", port)
