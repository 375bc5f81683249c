"""The client of a running service: where it asks, and what it makes of the answers."""

import asyncio
import os
import socket
from pathlib import Path

import aiohttp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from notifier.cli.ask import FOREIGN, Address, Service, ServiceError, address, ask, key_path
from notifier.errors import ConfigError
from tests.cli.scripted import Answer, serving


@pytest.fixture(autouse=True)
def empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default configuration is looked for in the working directory."""
    monkeypatch.chdir(tmp_path)


def config(path: Path, content: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def get(url: str, path: str = "/v1/orders") -> object:
    return ask(Address(url, "t"), lambda service: service.get(path))


def test_without_anything_the_default_address_is_asked() -> None:
    assert address(None, None, None) == Address("http://127.0.0.1:8080", None)


def test_the_default_configuration_counts_where_it_is(tmp_path: Path) -> None:
    config(tmp_path / "config/notifier.yaml", "api: {port: 1234, token_file: tokens}\n")
    (tmp_path / "tokens").write_text("first read\nsecond\nthird\n")
    assert address(None, None, None) == Address("http://127.0.0.1:1234", "second")


def test_the_token_of_a_configuration_does_not_go_elsewhere_unasked(tmp_path: Path) -> None:
    path = config(tmp_path / "config/notifier.yaml", "api: {token_file: tokens}\n")
    (tmp_path / "tokens").write_text("first\n")
    (tmp_path / "other").write_text("mine\n")
    assert address(None, "http://elsewhere:1/", None) == Address("http://elsewhere:1", None)
    assert address(None, "http://elsewhere:1", Path("other")) == Address("http://elsewhere:1", "mine")
    assert address(path, "http://elsewhere:1", None) == Address("http://elsewhere:1", "first")


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("0.0.0.0", "http://127.0.0.1:8080"),
        ("'::'", "http://[::1]:8080"),
        ("'::1'", "http://[::1]:8080"),
        ("n.example.org", "http://n.example.org:8080"),
    ],
)
def test_where_it_listens_is_where_it_is_asked(tmp_path: Path, host: str, url: str) -> None:
    (tmp_path / "tokens").write_text("t")
    path = config(tmp_path / "n.yaml", f"api: {{host: {host}, token_file: tokens}}\n")
    assert address(path, None, None).url == url


@pytest.mark.parametrize("url", ["", "127.0.0.1:8080", "ftp://x", "http://", "http://x:99999", "http://[::1"])
def test_an_unusable_url_is_a_usage_error(url: str) -> None:
    with pytest.raises(ConfigError, match="--url"):
        address(None, url, None)


@pytest.mark.parametrize("content", [None, "", "two words here"])
def test_an_unusable_token_file_is_a_usage_error(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "tokens").write_text(content)
    with pytest.raises(ConfigError, match="token file"):
        address(None, None, tmp_path / "tokens")


def test_a_named_configuration_must_be_there() -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        address(Path("nowhere.yaml"), None, None)


def test_an_address_does_not_show_its_token() -> None:
    assert "hunter2" not in repr(Address("http://x", "hunter2"))


def test_a_key_travels_segment_by_segment() -> None:
    assert key_path("/v1/orders", "trips/a b?#%2F", "/why") == "/v1/orders/trips/a%20b%3F%23%252F/why"


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="/"), min_size=1))
def test_any_key_arrives_as_it_is(segment: str) -> None:
    path = key_path("/v1/orders", f"trips/{segment}")
    assert path.isascii()
    if segment not in (".", ".."):
        assert URL(f"http://x{path}", encoded=True).raw_path == path


def test_nobody_there_is_told_with_what_to_do() -> None:
    with pytest.raises(ServiceError, match=r"no service answers at http://127\.0\.0\.1:9 .*notifier run") as caught:
        get("http://127.0.0.1:9")
    assert caught.value.status == 0


def test_a_problem_document_is_told_in_words() -> None:
    document = (
        b'{"type":"about:blank","title":"Unprocessable Content","status":422,"detail":"The content is wrong.",'
        b'"errors":[{"path":"ids.order_id","message":"is missing"},{"path":"","message":"odd"}]}'
    )
    with serving(Answer(422, document)) as script, pytest.raises(ServiceError) as caught:
        get(script.url)
    assert str(caught.value) == ("the service answered 422: The content is wrong.\n  ids.order_id: is missing\n  odd")
    assert [tuple(problem) for problem in caught.value.errors] == [("ids.order_id", "is missing"), ("", "odd")]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Answer(401, b"{}"), "--token-file"),
        (Answer(200, b"<html>"), "not as the notifier does"),
        (Answer(500, b"<html>"), "answered 500"),
        (Answer(302, headers={"Location": "http://127.0.0.1:9/"}), "answered 302"),
        (Answer(404, b'["list"]'), "answered 404"),
        (Answer(403, b'{"detail": 5, "title": "Forbidden"}'), "answered 403"),
        (Answer(422, b'{"detail": "d", "errors": 5}'), "d"),
        (Answer(200, b'{"items":', {"Content-Length": "100"}), "no service answers"),
    ],
)
def test_other_answers_are_told(answer: Answer, said: str) -> None:
    with serving(answer) as script, pytest.raises(ServiceError, match=said):
        get(script.url)


def test_a_token_that_is_not_known_is_told_from_one_that_is_missing() -> None:
    with serving(Answer(401, b"{}")) as script:
        with pytest.raises(ServiceError, match="does not know this token"):
            get(script.url)
        with pytest.raises(ServiceError, match="wants a token"):
            ask(Address(script.url, None), lambda service: service.get("/v1/orders"))


def test_the_token_goes_along() -> None:
    with serving(Answer(200, b"{}")) as script:
        get(script.url)
    assert script.asked[0].headers["Authorization"] == "Bearer t"


def test_a_service_that_asks_for_patience_is_asked_again() -> None:
    busy = Answer(503, b'{"detail":"busy"}', {"Retry-After": "0"})
    with serving(busy, busy, Answer(201, b'{"key":"a/b"}')) as script:
        assert ask(Address(script.url, None), lambda service: service.post("/v1/watches", b"{}")) == (
            201,
            {"key": "a/b"},
        )
    assert [asked.body for asked in script.asked] == [b"{}"] * 3


def test_patience_ends() -> None:
    with (
        serving(Answer(503, b'{"detail":"busy"}', {"Retry-After": "0"})) as script,
        pytest.raises(ServiceError, match="answered 503"),
    ):
        get(script.url)
    assert len(script.asked) == 4


def test_a_503_without_a_promise_is_not_repeated() -> None:
    with serving(Answer(503, b'{"detail":"busy"}')) as script, pytest.raises(ServiceError):
        get(script.url)
    assert len(script.asked) == 1


def test_a_silent_service_is_given_up() -> None:
    async def ask_silence(port: int) -> None:
        async with Service(Address(f"http://127.0.0.1:{port}", None), timeout=0.2) as service:
            await service.get("/v1/orders")

    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServiceError, match="not in time"):
        asyncio.run(ask_silence(silent.getsockname()[1]))


def test_lists_are_read_to_their_end() -> None:
    async def all_of(service: Service) -> list[object]:
        return [item async for item in service.items("/v1/orders", {"source": "a b", "phase": None})]

    pages = Answer(200, b'{"items":[1,2],"next":"c+/="}'), Answer(200, b'{"items":[3],"next":null}')
    with serving(*pages) as script:
        assert ask(Address(script.url, None), all_of) == [1, 2, 3]
    assert [dict(URL(asked.path).query) for asked in script.asked] == [
        {"limit": "500", "source": "a b"},
        {"limit": "500", "source": "a b", "cursor": "c+/="},
    ]


def test_every_client_error_of_aiohttp_is_covered() -> None:
    exported = [getattr(aiohttp, name) for name in aiohttp.__all__]
    errors = [kind for kind in exported if isinstance(kind, type) and issubclass(kind, Exception)]
    client = [kind for kind in errors if kind.__module__ == "aiohttp.client_exceptions"]
    assert len(client) > 15
    uncovered = {kind.__name__ for kind in client if not issubclass(kind, FOREIGN)}
    assert uncovered == {"WSMessageTypeError"}  # of websockets, which no command uses


def test_the_reason_is_the_systems_word(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ServiceError, match=os.strerror(111)):
        get("http://127.0.0.1:9")
