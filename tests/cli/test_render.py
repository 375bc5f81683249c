"""`notifier render` and the words of `notifier send-test`."""

from pathlib import Path

import orjson
import pytest

from notifier.cli.send_test import sample
from notifier.envelope import structured
from notifier.rendering import samples
from tests.cli.conftest import Command


@pytest.fixture(autouse=True)
def _elsewhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)  # a folder without config/notifier.yaml


def test_a_mail(command: Command) -> None:
    result = command("render", "--template", "driver_arrived")
    assert (result.exit_code, result.stderr) == (0, "")
    said = "Your driver has arrived: white Kia Rio, A123BC777"
    assert result.stdout.startswith(f"Subject: {said}\n\n{said}.\n\n")


def test_a_short_message_and_what_it_costs(command: Command) -> None:
    result = command("render", "--template", "driver_arrived", "--locale", "ru", "--sink", "sms")
    assert result.stdout == "Водитель приехал: белый Kia Rio, А123ВС777, +70005550113\n"
    assert result.stderr == "(56 UCS-2 units, 1 segment)\n"
    told = orjson.loads(command("render", "--event", "lost", "--sink", "sms", "--json").stdout)
    assert told["text"] == "Order 885e440d can no longer be found. Please ask those who took it."
    assert (told["encoding"], told["units"], told["segments"]) == ("gsm7", len(told["text"]), 1)


def test_html_and_json(command: Command) -> None:
    html = command("render", "--event", "cost_changed", "--html").stdout
    assert html.startswith("<!doctype html>\n")
    told = orjson.loads(command("render", "--event", "cost_changed", "--json").stdout)
    assert told["html"] == html
    assert told["subject"] == "The cost has changed: RUB\u00a0420.50"


@pytest.mark.parametrize("name", samples.names())
@pytest.mark.parametrize("kind", ["email", "sms"])
def test_every_template_can_be_looked_at(command: Command, name: str, kind: str) -> None:
    result = command("render", "--template", name, "--sink", kind)
    assert result.exit_code == 0
    assert result.stdout.strip()


def test_an_event_of_ones_own(command: Command, tmp_path: Path) -> None:
    event = structured(sample(samples.AT))
    (tmp_path / "event.json").write_bytes(event)
    told = command("render", "--event", tmp_path / "event.json", "--timezone", "Asia/Tokyo")
    assert told.stdout.startswith("Subject: Your order has been ordered\n")
    assert "Noticed: Nov 22, 20:05" in told.stdout
    assert command("render", "--event", "-", "--timezone", "Asia/Tokyo", input=event).stdout == told.stdout
    several = command("render", "--event", "-", "--template", "digest", input=event + b"\n" + event)
    assert several.stdout.startswith("Subject: 2 messages that were held back\n")
    listed = command("render", "--event", "-", "--template", "digest", input=b'{"items": [%s], "next": null}' % event)
    assert listed.stdout.startswith("Subject: 1 message that was held back\n")


def test_a_configurations_own_messages(command: Command, tmp_path: Path) -> None:
    (tmp_path / "messages" / "en").mkdir(parents=True)
    (tmp_path / "messages" / "en" / "lost.sms.txt.j2").write_text("Gone: {{ order.name }}", encoding="utf-8")
    (tmp_path / "notifier.yaml").write_text("templates: {folder: messages}\n", encoding="utf-8")
    assert command("render", "-c", "notifier.yaml", "--event", "lost", "--sink", "sms").stdout == "Gone: 885e440d\n"
    assert "no longer" in command("render", "--event", "lost", "--sink", "sms").stdout
    (tmp_path / "messages" / "en" / "lost.sms.txt.j2").write_text("{{ order.nam }}", encoding="utf-8")
    result = command("render", "-c", "notifier.yaml", "--event", "lost", "--sink", "sms")
    assert result.exit_code == 2
    assert "lost.sms.txt.j2:1: order has no 'nam': did you mean name?" in result.stderr


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("--template", "pretty"), "--template: unknown template 'pretty': known are "),
        (("--event", "moved"), "--event: moved cannot be read (No such file or directory); event types are tracked, "),
        (("--event", "-"), "--event: is not JSON"),
        (("--locale", "no such"), "--locale: is not a language tag"),
        (("--timezone", "Moscow"), "--timezone: is not a time zone"),
        (("--html", "--sink", "sms"), "--html is for mails"),
        (("-c", "none.yaml"), "none.yaml: cannot be read"),
    ],
)
def test_what_is_wrong_is_said(command: Command, args: tuple[str, ...], said: str) -> None:
    result = command("render", *args, input="no events")
    assert (result.exit_code, result.stdout) == (2, "")
    assert said in result.stderr


@pytest.mark.parametrize(
    "body", ["[]", '{"a": 1}', "1", '{"items": []}', '{"data": {}, "subject": "a/b", "type": "x"}']
)
def test_what_is_no_event(command: Command, body: str) -> None:
    result = command("render", "--event", "-", input=body)
    assert result.exit_code == 2
    assert "--event: " in result.stderr
