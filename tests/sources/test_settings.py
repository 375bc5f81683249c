"""Bad settings are errors with their place, what to do, and without their secrets."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from notifier.sources import REGISTRY
from tests.sources.adapters import ADAPTERS

SECRET = "s3cr3t-of-mine"


def problems(source: str, **other: Any) -> dict[str, str]:
    """Path to message; nothing of a secret may stand in any."""
    keys = {**ADAPTERS[source].keys, **other}
    with pytest.raises(ValidationError) as caught:
        REGISTRY[source].settings(**{name: value for name, value in keys.items() if value is not ...})
    assert SECRET not in str(caught.value)
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("base_url", "http://example.org", "must begin with https"),
        ("base_url", "http://127.0.0.1.example.org", "must begin with https"),
        ("base_url", "http://10.0.0.1", "must begin with https"),
        ("base_url", "http://[::2]", "must begin with https"),
        ("base_url", "https://example.org/?a=b", "query or fragment"),
        ("base_url", "https://example.org?", "query or fragment"),
        ("base_url", "https://example.org/#", "query or fragment"),
        ("base_url", f"https://user:{SECRET}@example.org", "user or password"),
        ("base_url", "ftp://example.org", "https://host"),
        ("base_url", "example.org", "https://host"),
        ("base_url", "https://", "https://host"),
        ("base_url", "https://[::1", "https://host"),
        ("base_url", "https://example.org:99999", "https://host"),
        ("base_url", "", "is empty"),
        ("base_url", "https://exa mple.org", "percent-encode"),
        ("base_url", "https://пример.рф", "xn--"),
        ("base_url", "https://example.org/{order_id}", "percent-encode"),
        ("token", "", "is empty"),
        ("token", "  ", "is empty"),
        ("token", f"{SECRET}\n", "line break"),
        ("token", f"{SECRET}\x00", "control character"),
        ("token", f"{SECRET}ключ", "ASCII"),
        ("auth_scheme", "Two words", "one word"),
        ("auth_scheme", "Bearer:", "one word"),
        ("account", {"order_id": "1"}, "unknown names (order_id): use client_id"),
        ("account", {"company_id": "1"}, "unknown names (company_id): use client_id"),
        ("account.client_id", "", "1 to 128"),
        ("account.client_id", "a/b", "must not"),
        ("account.client_id", True, "a text or an integer"),
        ("account.client_id", 1.5, "a text or an integer"),
        ("language", "en\r\nX: y", "control"),
        ("language", " ", "is empty"),
        ("timezone", "Mars/Olympus", "no IANA time zone"),
        ("timezone", "/etc/localtime", "no IANA time zone"),
        ("timezone", "../etc/passwd", "no IANA time zone"),
        ("timezone", "", "no IANA time zone"),
        ("timezone", "Europe", "no IANA time zone"),
        ("poll.default", "49ms", "too short"),
        ("poll.default", 0, "too short"),
        ("poll.default", 5, "is not a duration"),
        ("poll.default", "\u0661s", "is not a duration"),
        ("poll.waiting.[key]", "5s", "neither default nor a phase"),
        ("timeout", 0, "greater than 0"),
        ("max_body", 0, "greater than or equal to 1"),
        ("budget.requests_per_second", 0, "greater than 0"),
        ("budget.requests_per_second", float("inf"), "finite"),
        ("budget.concurrency", 0, "greater than or equal to 1"),
        ("lost.looks", 0, "greater than or equal to 1"),
        ("show_cancel_text", True, "not permitted"),
        ("tokn", "x", "not permitted"),
    ],
)
def test_a_wrong_setting(key: str, value: object, said: str) -> None:
    name, *inner = key.removesuffix(".[key]").split(".")
    found = problems("business_v2", **{name: {inner[0]: value} if inner else value})
    assert list(found) == [key]
    assert said in found[key]


@pytest.mark.parametrize("source", ["restaurant", "json"])
def test_an_address_without_default_must_be_given(source: str) -> None:
    assert "is missing: write the address" in problems(source, base_url=...)["base_url"]


@pytest.mark.parametrize(
    "base_url", ["http://127.9.9.9:1", "http://LOCALHOST", "http://[::1]:80/x/", "HTTPS://a.example"]
)
def test_good_addresses(base_url: str) -> None:
    assert ADAPTERS["progress"].settings(base_url=base_url).address == base_url.rstrip("/")


@pytest.mark.parametrize("source", ["progress", "taxi_v1", "business_v2", "track_trace"])
def test_a_secret_is_needed(source: str) -> None:
    assert "give one of token, token_file and oauth2" in problems(source, token=...)["token"]


@pytest.mark.parametrize("source", ["restaurant", "json"])
def test_a_secret_may_be_missing(source: str) -> None:
    assert ADAPTERS[source].settings().secret is None


OAUTH2 = {"token_url": "https://id.example/token", "client_id": "notifier", "client_secret": SECRET}


def test_one_secret_is_enough(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text(f"{SECRET}\n")
    for other in ({"token_file": str(path)}, {"oauth2": OAUTH2}):
        assert "only one" in problems("progress", token=SECRET, **other)["token"]
    assert "only one" in problems("progress", token=..., token_file=str(path), oauth2=OAUTH2)["token"]


def test_all_problems_come_at_once() -> None:
    found = problems("progress", token=..., base_url="http://example.org", timezone="Mars", poll={"x": "1ms"}, extra=1)
    assert set(found) == {"token", "base_url", "timezone", "poll.x", "poll.x.[key]", "extra"}


def test_a_token_file_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "token"
    path.write_text("first\n")
    secret = ADAPTERS["progress"].settings(token=None, token_file=str(path)).secret
    assert secret is not None
    assert secret.get() == "first"
    path.write_text("the second\n")
    assert secret.get() == "the second"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (b"a\nb", "line break"),
        (b"\xff\xfe", "UTF-8"),
        (None, "does not exist"),
    ],
)
@pytest.mark.parametrize("key", ["token_file", "client_secret_file"])
def test_a_bad_secret_file(tmp_path: Path, content: bytes | None, said: str, key: str) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    if key == "token_file":
        found = problems("progress", token=..., token_file=str(path))
    else:
        found = problems("progress", token=..., oauth2={**OAUTH2, "client_secret": None, key: str(path)})
    (message,) = found.values()
    assert said in message
    assert str(path) in message


def test_a_folder_is_no_secret_file(tmp_path: Path) -> None:
    assert "cannot be read" in problems("progress", token=..., token_file=str(tmp_path))["token_file"]


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"token_url": "http://id.example"}, "token_url", "must begin with https"),
        ({"token_url": "https://id.example/#a"}, "token_url", "fragment"),
        ({"client_id": ""}, "client_id", "is empty"),
        ({"client_secret": None}, "client_secret", "is missing"),
        ({"client_secret": ""}, "client_secret", "is empty"),
        ({"scope": "a\nb"}, "scope", "control"),
        ({"audience": "x"}, "audience", "not permitted"),
    ],
)
def test_bad_client_credentials(change: dict[str, object], key: str, said: str) -> None:
    found = problems("progress", token=..., oauth2={**OAUTH2, **change})
    assert list(found) == [f"oauth2.{key}"]
    assert said in found[f"oauth2.{key}"]


def test_a_token_address_may_have_a_query() -> None:
    url = "http://127.0.0.1:9/token?realm=a"
    settings = ADAPTERS["progress"].settings(token=None, oauth2={**OAUTH2, "token_url": url})
    assert settings.oauth2 is not None
    assert settings.oauth2.token_url == url


def test_a_client_has_one_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text(SECRET)
    found = problems("progress", token=..., oauth2={**OAUTH2, "client_secret_file": str(path)})
    assert "not both" in found["oauth2.client_secret"]
    settings = ADAPTERS["progress"].settings(
        token=None, oauth2={**OAUTH2, "client_secret": None, "client_secret_file": str(path)}
    )
    assert settings.oauth2 is not None
    assert settings.oauth2.secret.get() == SECRET


def test_secrets_stay_out_of_reprs() -> None:
    settings = ADAPTERS["json"].settings(oauth2=OAUTH2, headers={"X-Api-Key": SECRET})
    assert SECRET not in f"{settings} {settings!r} {settings.oauth2!r} {settings.secret!r}"


def test_equal_settings_are_equal() -> None:
    """A reload keeps what did not change."""
    assert ADAPTERS["business_v2"].settings() == ADAPTERS["business_v2"].settings()
    assert ADAPTERS["business_v2"].settings() != ADAPTERS["business_v2"].settings(token="other")
    assert ADAPTERS["business_v2"].settings(token=None, oauth2=OAUTH2) == ADAPTERS["business_v2"].settings(
        token=None, oauth2=OAUTH2
    )


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("url", "v1/{order_id}", "must begin with /"),
        ("url", "/v1/{region}", "{order_id}"),
        ("url", "/v1/{order_id}#a", "fragment"),
        ("url", "/v1/{order_id} ", "percent-encode"),
        ("url", "/v1/{order id}", "percent-encode"),
        ("url", "/v1/{order_id}/{", "brace"),
        ("url", "/v1/{order_id}}", "brace"),
        ("url", "/v1/{}/{order_id}", "brace"),
        ("headers", {"Authorization": "x"}, "must not set Authorization"),
        ("headers", {"host": "x"}, "must not set host"),
        ("headers", {"X Y": "x"}, "no name of a header"),
        ("headers", {"X": "a\r\nb"}, "control"),
        ("headers", {"X": "{"}, "brace"),
        ("status", "", "JMESPath"),
        ("status", "a[", "JMESPath expression from character 3 on"),
        ("status", "a..b", "JMESPath"),
        ("status", "nosuch(a)", "nosuch()"),
        ("status", "a[?contains(b)].c", "contains() with 1 arguments: it takes 2"),
        ("status", "not_null()", "not_null() with 0 arguments"),
        ("phases", {}, "at least 1"),
    ],
)
def test_a_wrong_setting_of_json(key: str, value: object, said: str) -> None:
    found = problems("json", account={}, **{key: value})
    assert list(found) == [key]
    assert said in found[key]


def test_a_phase_of_json_must_be_one() -> None:
    assert "write null" in problems("json", phases={"x": "unknown"})["phases.x"]
    assert "phases.x" in problems("json", phases={"x": "on its way"})


def test_the_account_of_json_has_the_names_of_its_templates() -> None:
    (message,) = problems("json", account={"tenant": "7"}).values()
    assert "unknown names (tenant): use region" in message
    settings = ADAPTERS["json"].settings(headers={"X-Tenant": "{tenant}"}, account={"tenant": 7, "region": "eu"})
    assert settings.id_names() == ("order_id", "region", "tenant")
    assert settings.account == {"tenant": "7", "region": "eu"}


@pytest.mark.parametrize(
    ("written", "size"), [("4MiB", 4_194_304), ("512 KiB", 524_288), ("1GiB", 1 << 30), ("100B", 100), ("7", 7), (7, 7)]
)
def test_sizes_of_answers(written: object, size: int) -> None:
    settings = REGISTRY["business_v2"].settings(**{**ADAPTERS["business_v2"].keys, "max_body": written})
    assert settings.max_body == size


@pytest.mark.parametrize("written", ["4MB", "x", True, 1.5, None, "-1"])
def test_what_is_no_size(written: object) -> None:
    assert "is not a size" in problems("business_v2", max_body=written)["max_body"]


def test_an_answer_has_at_least_one_byte() -> None:
    assert list(problems("business_v2", max_body="0KiB")) == ["max_body"]
