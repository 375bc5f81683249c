"""Settings of the sinks for people: what cannot work is told at its place when the file is loaded."""

from pathlib import Path

import pytest

from notifier.config.load import load
from notifier.errors import ConfigError
from notifier.sinks.email import EmailSettings
from notifier.sinks.email.settings import mailbox

MAIL = "type: email, host: smtp.example.org, sender: rides@example.org"
TEXT = "type: sms, gateway: http, url: 'https://e.example/', form: {a: '{to}', b: '{text}'}"
TWILIO = "type: sms, gateway: twilio, account_sid: AC1, auth_token: hunter2, from: Rides"


def problems(folder: Path, content: str) -> dict[str, str]:
    file = folder / "notifier.yaml"
    file.write_text(content, encoding="utf-8")
    try:
        load(file, {})
    except ConfigError as error:
        found = {problem.path: problem.message for problem in error.problems}
    else:
        found = {}
    assert "hunter2" not in str(found)
    return found


@pytest.mark.parametrize(
    "settings",
    [
        MAIL,
        f"{MAIL}, starttls: true",
        f"{MAIL}, tls: starttls, starttls: true",
        f"{MAIL}, tls: implicit, starttls: false",
        f"{MAIL}, port: 465",
        "type: email, host: 127.0.0.1, tls: none, sender: 'Rides <rides@example.org>'",
        "type: email, host: '::1', starttls: false, sender: rides@example.org",
        f"{MAIL}, username: u, password: hunter2",
        TEXT,
        TWILIO,
        f"{TWILIO}, base_url: 'http://127.0.0.1:8000/', segments: 1, daily: {{recipient: 5, all: 100}}",
        "type: sms, gateway: vonage, api_key: k, api_secret: hunter2, from: Rides",
        "type: sms, gateway: http, base_url: 'https://e.example', url: '/{to}?m={text}', method: GET",
    ],
)
def test_what_works(tmp_path: Path, settings: str) -> None:
    assert problems(tmp_path, f"sinks: {{s: {{{settings}}}}}") == {}


@pytest.mark.parametrize(
    ("settings", "path", "said"),
    [
        ("type: email, sender: a@example.org", "host", "is missing"),
        ("type: email, host: h", "sender", "is missing"),
        (f"{MAIL}, tls: none", "tls", "only to loopback"),
        (f"{MAIL}, starttls: false", "tls", "only to loopback"),
        (f"{MAIL}, tls: implicit, starttls: true", "tls", "contradicts starttls"),
        (f"{MAIL}, tls: ssl", "tls", "known are implicit, none, starttls"),
        (f"{MAIL}, port: 0", "port", "greater than or equal to 1"),
        (f"{MAIL}, username: u", "password", "is missing: give password or password_file"),
        (f"{MAIL}, password: hunter2", "password", "needs a username"),
        (f"{MAIL}, username: u, password: hunter2, password_file: /nonexistent", "password_file", "cannot be read"),
        (f"{MAIL}, username: u, password: ''", "password", "is empty"),
        (f"{MAIL}, ca_file: /nonexistent", "ca_file", "cannot be read"),
        (f"{MAIL}, pasword: hunter2", "pasword", "did you mean password"),
        (f"{MAIL}, connections: 0", "connections", "greater than or equal to 1"),
        ("type: email, host: 'h:25', sender: a@example.org", "host", "is not the name of a host"),
        ("type: email, host: h, sender: 'a@example.org, b@example.org'", "sender", "is not one sender"),
        ("type: email, host: h, sender: 'A'", "sender", "is not one sender"),
        ("type: sms", "gateway", "is missing"),
        ("type: sms, gateway: twillio", "gateway", "did you mean twilio"),
        (
            "type: sms, gateway: twilio, account_sid: a/b, auth_token: hunter2, from: x",
            "account_sid",
            "is not an account's SID",
        ),
        ("type: sms, gateway: twilio, account_sid: a, from: x", "auth_token", "give auth_token or auth_token_file"),
        (f"{TWILIO}, base_url: 'http://e.example'", "base_url", "must begin with https"),
        (f"{TWILIO}, api_key: hunter2", "api_key", "unknown key"),
        (f"{TWILIO}, segments: 0", "segments", "greater than or equal to 1"),
        (f"{TWILIO}, daily: {{all: 0}}", "daily.all", "greater than or equal to 1"),
        (f"{TWILIO}, daily: {{recipient: 2}}", "", "no room for one message of 3 segments"),
        ("type: sms, gateway: http, url: 'https://e.example/'", "", "{to} and {text} stands nowhere"),
        ("type: sms, gateway: http, url: '/x', form: {a: '{to}{text}'}", "url", "has no host"),
        ("type: sms, gateway: http, url: 'https://{to}/', form: {a: '{to}{text}'}", "url", "placeholder in its host"),
        ("type: sms, gateway: http, url: 'http://e.example/', form: {a: '{to}{text}'}", "url", "begin with https"),
        (f"{TEXT}, json: {{a: 1}}", "form", "is one too many: give json or form"),
        (f"{TEXT}, headers: {{a: '{{secret}}'}}", "", "{secret} has no value"),
        (f"{TEXT}, headers: {{a: '{{text}}'}}", "headers", "cannot carry {text}"),
        (f"{TEXT}, headers: {{Host: a}}", "headers", "is set by the program"),
        (f"{TEXT}, ok: {{match: 'a b'}}", "ok.match", "is not a JMESPath expression"),
        (f"{TEXT}, ok: {{status: []}}", "ok.status", "must not be empty"),
        (f"{TEXT}, secret_file: /nonexistent", "secret_file", "cannot be read"),
    ],
)
def test_what_does_not(tmp_path: Path, settings: str, path: str, said: str) -> None:
    found = problems(tmp_path, f"sinks: {{s: {{{settings}}}}}")
    place = f"sinks.s.{path}".rstrip(".")

    assert said in found[place]
    assert set(found) == {place}


RULES = "rules: [{name: r, when: {}, send: [{sink: s, %s}]}]\n"


@pytest.mark.parametrize(
    ("settings", "send", "path", "said"),
    [
        (MAIL, "template: driver_arrived", "rules[0].send[0].to", "is missing"),
        (TEXT, "once: order", "rules[0].send[0].to", "is missing"),
        (MAIL, "to: ['a@x.org,b@x.org']", "rules[0].send[0].to[0]", "not one plain email address"),
        (MAIL, "to: ['+79120995513']", "rules[0].send[0].to[0]", "not one plain email address"),
        (TEXT, "to: ['+79120995513,,95576']", "rules[0].send[0].to[0]", "is not a phone number"),
    ],
)
def test_their_rules_say_to_whom(tmp_path: Path, settings: str, send: str, path: str, said: str) -> None:
    found = problems(tmp_path, f"sinks: {{s: {{{settings}}}}}\n" + RULES % send)

    assert list(found) == [path]
    assert said in found[path]


@pytest.mark.parametrize("to", ["recipients", "['+7 (912) 099-55-13']"])
def test_addresses_in_rules_may_be_written_as_people_do(tmp_path: Path, to: str) -> None:
    assert problems(tmp_path, f"sinks: {{s: {{{TEXT}}}}}\n" + RULES % f"to: {to}") == {}


@pytest.mark.parametrize(
    ("fields", "encryption", "port"),
    [
        ({"host": "smtp.example.org"}, "starttls", 587),
        ({"host": "smtp.example.org", "port": 25}, "starttls", 25),
        ({"host": "smtp.example.org", "port": 465}, "implicit", 465),
        ({"host": "smtp.example.org", "tls": "implicit"}, "implicit", 465),
        ({"host": "smtp.example.org", "port": 465, "starttls": True}, "starttls", 465),
        ({"host": "127.0.0.1"}, "none", 25),
        ({"host": "localhost", "port": 1025, "starttls": False}, "none", 1025),
        ({"host": "127.0.0.1", "starttls": True}, "starttls", 587),
    ],
)
def test_how_the_server_is_reached(fields: dict[str, object], encryption: str, port: int) -> None:
    told = EmailSettings.model_validate({"type": "email", "sender": "a@example.org", **fields})

    assert (told.encryption, told.server_port) == (encryption, port)


@pytest.mark.parametrize(
    ("sender", "name", "address"),
    [
        ("rides@example.org", "", "rides@example.org"),
        ("Rides <rides@example.org>", "Rides", "rides@example.org"),
        ('"Rides, Inc" <rides@example.org>', "Rides, Inc", "rides@example.org"),
        ("Поездки, «R» <rides@example.org>", "Поездки, «R»", "rides@example.org"),
    ],
)
def test_senders(sender: str, name: str, address: str) -> None:
    assert (mailbox(sender).display_name, mailbox(sender).addr_spec) == (name, address)


def test_settings_show_no_secret() -> None:
    told = EmailSettings.model_validate(
        {"type": "email", "host": "h", "sender": "a@example.org", "username": "u", "password": "hunter2"}
    )
    assert "hunter2" not in repr(told)
