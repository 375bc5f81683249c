from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from notifier.sinks.webhook import WebhookSettings
from tests.sinks.make import PRIVATE, SECRET, settings


def problems(**fields: Any) -> dict[str, str]:
    with pytest.raises(ValidationError) as caught:
        WebhookSettings.model_validate({"type": "webhook", **fields})
    return {".".join(map(str, error["loc"])): error["msg"] for error in caught.value.errors()}


def test_the_defaults_are_those_of_the_interface() -> None:
    told = WebhookSettings.model_validate({"type": "webhook", "secret": SECRET})

    assert (told.timeout, told.breaker, told.allow_networks, told.url) == (15_000, 10, (), None)
    hours = [5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24]
    assert list(told.retries) == [round(each * 3_600_000) for each in hours]


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({}, "secret", "is missing: give secret or secret_file"),
        ({"secret": ""}, "secret", "the secret is empty"),
        ({"secret": "hunter2hunter2"}, "secret", "does not begin with whsec_"),
        ({"secret": SECRET, "secret_file": "/nonexistent/key"}, "secret_file", "cannot be read (No such file"),
        ({"secret": SECRET, "secrets": "x"}, "secrets", "Extra inputs"),
        ({"secret": SECRET, "url": "ftp://example.org/"}, "url", "is not a web address"),
        ({"secret": SECRET, "url": "https://"}, "url", "is not a web address"),
        ({"secret": SECRET, "url": "https://u:p@example.org/"}, "url", "must not hold a user or password"),
        ({"secret": SECRET, "url": "https://example.org/a\r\nX: y"}, "url", "holds white space"),
        ({"secret": SECRET, "url": "https://example.org:99999/"}, "url", "is not a web address"),
        ({"secret": SECRET, "allow_networks": ["127.0.0.1/8"]}, "allow_networks", "is not a network"),
        ({"secret": SECRET, "headers": {"Webhook-Id": "x"}}, "headers", "Webhook-Id is set by the program"),
        ({"secret": SECRET, "headers": {"HOST": "x"}}, "headers", "HOST is set by the program"),
        ({"secret": SECRET, "headers": {"content-length": "0"}}, "headers", "content-length is set by the program"),
        ({"secret": SECRET, "headers": {"x y": "0"}}, "headers", "is not the name of a header"),
        ({"secret": SECRET, "headers": {"x-a": "hush\r\nevil: 1"}}, "headers", "the value of x-a holds a line end"),
        ({"secret": SECRET, "body": {"a": "{driver}"}}, "body", "unknown placeholder {driver}"),
        ({"secret": SECRET, "body": "text"}, "body", "valid dictionary"),
        ({"secret": SECRET, "timeout": "0s"}, "timeout", "greater than 0"),
        ({"secret": SECRET, "retries": [5]}, "retries.0", "is not a duration"),
        ({"secret": SECRET, "breaker": -1}, "breaker", "greater than or equal to 0"),
    ],
)
def test_what_cannot_work_is_an_error_at_its_place(fields: dict[str, Any], where: str, words: str) -> None:
    found = problems(**fields)

    assert set(found) == {where}
    assert words in found[where]
    for hidden in ("hunter2", "hush", SECRET.removeprefix("whsec_")):
        assert hidden not in found[where]


def test_a_secret_has_one_place(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET)

    assert "is one too many" in problems(secret=SECRET, secret_file=str(file))["secret"]
    told = WebhookSettings.model_validate({"type": "webhook", "secret_file": str(file)})
    assert len(told.keys.own()) == 1


@pytest.mark.parametrize(("content", "words"), [(b"", "is empty"), (b"nope", "line 1"), (b"\xff\xfe", "is not UTF-8")])
def test_a_secret_file_is_checked_at_once(tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "key"
    file.write_bytes(content)

    assert words in problems(secret_file=str(file))["secret_file"]


def test_settings_are_equal_by_content_and_show_no_secret(tmp_path: Path) -> None:
    one, two = (
        settings("https://example.org/", headers={"authorization": "Bearer hush"}),
        settings("https://example.org/"),
    )

    assert one != two
    assert one == settings("https://example.org/", headers={"authorization": "Bearer hush"})
    assert SECRET not in repr(one)
    assert "hush" not in repr(one)


def test_a_changed_file_changes_the_keys_and_a_spoilt_one_does_not(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(SECRET)
    keys = settings(secret=None, secret_file=str(file)).keys
    before = keys.own()

    file.write_text("whsec_half-writ")
    assert keys.own() is before
    file.write_text(f"{PRIVATE}\n{SECRET}\n")
    assert [key.version for key in keys.own()] == ["v1a", "v1"]
    file.unlink()
    assert [key.version for key in keys.own()] == ["v1a", "v1"]
