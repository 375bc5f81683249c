"""`notifier send-test` over sinks for people: a message that a person can read."""

import asyncio
from pathlib import Path

import pytest

from tests.cli.conftest import Command
from tests.sinks.mail_server import MailServer


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "notifier.yaml"


def written(config: Path, port: int) -> None:
    config.write_text(f"sinks: {{mail: {{type: email, host: 127.0.0.1, port: {port}, sender: n@example.org}}}}\n")


@pytest.mark.parametrize(
    ("locale", "subject", "said"),
    [
        ("en", "Test message: it has arrived", "This is a test."),
        ("ru-RU", "Проверка связи: сообщение дошло", "Это проверка."),
    ],
)
async def test_a_mail_in_the_readers_language(
    command: Command, config: Path, locale: str, subject: str, said: str
) -> None:
    server = MailServer()
    await server.start()
    try:
        written(config, server.port)
        args = ("send-test", "mail", "--to", "anna@example.org", "--locale", locale, "-c", config)
        result = await asyncio.to_thread(command, *args)
        assert (result.exit_code, result.stderr) == (0, "")
        (taken,) = server.taken
        assert taken.mail["Subject"] == subject
        body = taken.mail.get_body(("plain",))
        html = taken.mail.get_body(("html",))
        assert body is not None
        assert html is not None
        assert said in body.get_content()
        assert said in html.get_content()
    finally:
        await server.stop()


def test_people_need_an_address(command: Command, config: Path) -> None:
    written(config, 9)
    result = command("send-test", "mail", "-c", config)
    assert result.exit_code == 2
    assert "--to: is missing: the sink mail sends to addresses only" in result.stderr
    result = command("send-test", "mail", "--to", "a@example.org", "--locale", "no such", "-c", config)
    assert result.exit_code == 2
    assert "--locale: is not a language tag" in result.stderr


@pytest.mark.parametrize("to", ["a@example.org, b@example.org", "anna", "+12025550123"])
def test_an_address_that_is_none_is_bad_usage(command: Command, config: Path, to: str) -> None:
    written(config, 9)
    result = command("send-test", "mail", "--to", to, "-c", config)
    assert result.exit_code == 2
    assert "--to: is not one plain email address: write it as name@example.org" in result.stderr
