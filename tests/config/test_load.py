"""A whole file: one immutable value, or every problem at once with its path."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from pydantic import ValidationError

from notifier.config.limits import Caps, QuietHours, Rate
from notifier.config.load import load, load_api, load_sqlite
from notifier.config.model import Config
from notifier.config.sections import SqliteSettings
from notifier.errors import ConfigError
from notifier.model import Phase
from notifier.routing.rules import Rule, Send, When
from notifier.sources import REGISTRY as SOURCES

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BASE = f"""\
sources:
  trips: {{type: business_v2, token: t}}
sinks:
  out: {{type: console}}
  hook: {{type: webhook, url: "https://example.org/h", secret: {SECRET}}}
  people: {{type: webhook, secret: {SECRET}}}
"""


def read(tmp_path: Path, content: str, env: Mapping[str, str] | None = None) -> Config:
    path = tmp_path / "notifier.yaml"
    path.write_text(content, encoding="utf-8")
    return load(path, env or {})


def problems(tmp_path: Path, content: str, env: Mapping[str, str] | None = None) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, content, env)
    return dict(caught.value.problems)


def rule(text: str) -> str:
    return f"{BASE}rules:\n  - {text}\n"


def test_what_is_left_out_has_the_documented_default(tmp_path: Path) -> None:
    config = read(tmp_path, "sources: {}\n")
    assert config.backend == SqliteSettings(type="sqlite", path="var/notifier.db")
    assert (config.api.host, config.api.port, config.api.token_file) == ("127.0.0.1", 8080, None)
    assert (config.log.level, config.log.format) == ("info", "json")
    assert (config.retention, config.shutdown_grace) == (30 * 86_400_000, 10_000)
    assert (config.events.personal_data, config.events.backlog, config.events.location) == (False, False, None)
    assert (config.rules, config.quiet_hours, config.caps, config.watches) == ((), None, None, ())


def test_a_section_with_nothing_below_it_counts_as_left_out(tmp_path: Path) -> None:
    sections = ("backend", "api", "log", "events", "sources", "sinks", "rules", "quiet_hours", "caps", "watches")
    empty = read(tmp_path, "".join(f"{section}:\n" for section in sections) + "retention: ${NOTHING:-}\n")
    assert empty == read(tmp_path, "sources: {}\n")


def test_a_configuration_is_immutable(tmp_path: Path) -> None:
    config = read(tmp_path, BASE)
    with pytest.raises(ValidationError):
        config.retention = 0  # type: ignore[misc]
    with pytest.raises(TypeError):
        config.sources["other"] = config.sources["trips"]  # type: ignore[index]
    with pytest.raises(ValidationError):
        config.sources["trips"].timeout = 0  # type: ignore[misc]


def test_rules_become_those_that_routing_knows(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        rule(
            "{name: arrived, when: {type: [phase_changed, tracked], phase: arrived, status: 7, source: trips,"
            " labels: {team: [a, 5]}, inferred: true, late: [true, false]}, delay: 1m, group: 30s,"
            " send: [{sink: people, to: recipients, template: driver_arrived, expires: 10m, once: performer,"
            " while: {phase: [arrived]}}, {sink: hook}, {sink: hook, to: ['https://example.org/x']}]}"
        ),
    )
    assert config.rules == (
        Rule(
            name="arrived",
            when=When(
                type=frozenset({"phase_changed", "tracked"}),
                phase=frozenset({"arrived"}),
                status=frozenset({"7"}),
                source=frozenset({"trips"}),
                labels={"team": frozenset({"a", "5"})},
                inferred=frozenset({True}),
                late=frozenset({True, False}),
            ),
            sends=(
                Send(
                    sink="people",
                    to="recipients",
                    template="driver_arrived",
                    expires=600_000,
                    once="performer",
                    while_phases=frozenset({Phase.ARRIVED}),
                ),
                Send(sink="hook"),
                Send(sink="hook", to=("https://example.org/x",)),
            ),
            critical=True,
            delay=60_000,
            group=30_000,
        ),
    )


@pytest.mark.parametrize(
    ("more", "critical"),
    [
        ("send: [{sink: out, template: driver_arrived}]", True),
        ("send: [{sink: out, template: driver_arrived}], class: normal", False),
        ("send: [{sink: out, template: lost}]", False),
        ("send: [{sink: out}]", False),
        ("send: [{sink: out}], class: critical", True),
    ],
)
def test_the_arrival_of_a_driver_is_critical_unless_told_otherwise(tmp_path: Path, more: str, critical: bool) -> None:
    assert read(tmp_path, rule(f"{{name: a, when: {{}}, {more}}}")).rules[0].critical is critical


def test_quiet_hours_and_caps(tmp_path: Path) -> None:
    config = read(
        tmp_path,
        "quiet_hours: {from: 22:00, to: '07:30', days: [mon, Sunday]}\ncaps: {recipient: 20/h, all: 2000 / d}\n",
    )
    assert config.quiet_hours == QuietHours(start=1320, end=450, days=frozenset({0, 6}))
    assert config.caps == Caps(recipient=Rate(count=20, per=3_600_000), all=Rate(count=2000, per=86_400_000))


@pytest.mark.parametrize("location", ["off", "false", "null", ""])
def test_location_may_be_written_as_off(tmp_path: Path, location: str) -> None:
    assert read(tmp_path, f"events:\n  location: {location}\n").events.location is None


def test_watches_are_kept_as_plain_bodies(tmp_path: Path) -> None:
    config = read(tmp_path, BASE + "watches:\n  - {source: trips, ids: {order_id: 0012}, labels: {country: no}}\n")
    assert config.watches == ({"source": "trips", "ids": {"order_id": "0012"}, "labels": {"country": "no"}},)


def test_a_number_from_the_environment_is_a_text_where_one_is_wanted(tmp_path: Path) -> None:
    env = {"TOKEN": "0123", "CLIENT": "77", "PORT": "8099", "WORD": "true", "ID": "1.50", "TEAM": "5"}
    config = read(
        tmp_path,
        "api: {port: ${PORT}}\nsources:\n  trips:\n    type: business_v2\n    token: ${WORD}\n"
        "    account: {client_id: ${CLIENT}}\n  old: {type: taxi_v1, token: ${TOKEN}, account: {client_id: 1}}\n"
        "watches: [{source: trips, ids: {order_id: ${ID}}, labels: {team: ${TEAM}}}]\n",
        env,
    )
    assert config.api.port == 8099
    assert config.sources["trips"].token == "true"
    assert config.sources["trips"].account == {"client_id": "77"}
    assert config.sources["old"].token == "0123"
    assert config.watches[0] == {"source": "trips", "ids": {"order_id": "1.50"}, "labels": {"team": "5"}}


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    content = (
        "api: {port: 99999, hots: x}\n"
        "retention: 30\n"
        "sources:\n"
        "  trips: {type: business_v2, token: ${UNSET}, poll: {arived: 5s}}\n"
        "  nope: {type: busines_v2}\n"
        "sinks:\n"
        "  mail: {type: emial, host: smtp.example.org}\n"
        "rules:\n"
        "  - {name: a, when: {phase: arrivd, source: trip}, send: [{sink: mail}, {sink: hok}]}\n"
        "watches:\n"
        "  - {source: trips, ids: {order_id: 1}}\n"
        "  - {source: gone, ids: {order_id: 1}}\n"
    )
    found = problems(tmp_path, content)
    assert list(found) == [
        "api.hots",
        "api.port",
        "retention",
        "sources.trips.poll.arived",
        "sources.trips.token",
        "sources.nope.type",
        "sinks.mail.type",
        "rules[0].send[1].sink",
        "rules[0].when.phase",
        "rules[0].when.source",
        "watches[1].source",
    ]
    assert all("(line " in message for message in found.values())
    assert "UNSET is not set" in found["sources.trips.token"]
    assert "did you mean email" in found["sinks.mail.type"]
    assert "did you mean business_v2" in found["sources.nope.type"]


@pytest.mark.parametrize(
    ("content", "path", "said"),
    [
        ("retentoin: 30d\n", "retentoin", "did you mean retention"),
        ("backend: {type: kafka, bootstrap_servers: [k]}\n", "backend.bootstrap_servers[0]", "host:port"),
        ("backend: {path: x.db}\n", "backend.type", "is missing"),
        ("backend: {type: postgres}\n", "backend.type", "known are kafka, sqlite"),
        ("api: {port: eighty}\n", "api.port", "whole number"),
        ("api: [1]\n", "api", "must be a mapping"),
        ("log: {level: loud}\n", "log.level", "known are debug"),
        ("shutdown_grace: 10 seconds\n", "shutdown_grace", "is not a duration"),
        ("events: {location: {least_distance: -1}}\n", "events.location.least_distance", "greater than or equal to 0"),
        ("sources: {a/b: {type: progress, token: t}}\n", "sources.a/b", "a name has"),
        ("sources: {.: {type: progress, token: t}}\n", "sources..", "a name has"),
        ("sources: {a: {token: t}}\n", "sources.a.type", "is missing"),
        ("sources: {a: {type: progress}}\n", "sources.a.token", "is missing"),
        ("sources: {a: {type: progress, token: ''}}\n", "sources.a.token", "is empty"),
        ("sources: {a: {type: progress, token: ${EMPTY}}}\n", "sources.a.token", "is missing"),
        ("sources: {a: {type: progress, token_file: /nowhere/x}}\n", "sources.a.token_file", "does not exist"),
        ("sources: {a: 5}\n", "sources.a", "must be a mapping"),
        ("quiet_hours: {from: '22:00', to: '22:00'}\n", "quiet_hours", "same time"),
        ("quiet_hours: {from: '22:00'}\n", "quiet_hours.to", "is missing"),
        ("quiet_hours: {from: '24:00', to: '07:00'}\n", "quiet_hours.from", "time of day"),
        ("quiet_hours: {from: '22:00', to: '07:00', days: [someday]}\n", "quiet_hours.days[0]", "day of the week"),
        ("caps: {recipient: 20}\n", "caps.recipient", "is not a rate"),
        ("caps: {all: 0/h}\n", "caps.all", "is not a rate"),
        ("caps: {everyone: 1/h}\n", "caps.everyone", "unknown key"),
        ("rules: {name: a}\n", "rules", "must be a list"),
        ("a: 1\na: 2\n", "a", "is given twice"),
    ],
)
def test_a_problem_has_its_path_and_says_what_to_do(tmp_path: Path, content: str, path: str, said: str) -> None:
    found = problems(tmp_path, content, {"EMPTY": ""})
    assert said in found[path]
    assert len(found) == 1


@pytest.mark.parametrize(
    ("text", "path", "said"),
    [
        ("{when: {}, send: [{sink: out}]}", "rules[0].name", "is missing"),
        ("{name: a, send: [{sink: out}]}", "rules[0].when", "is missing"),
        ("{name: a, when: {}}", "rules[0].send", "is missing"),
        ("{name: a, when: {}, send: []}", "rules[0].send", "must not be empty"),
        ("{name: a, when: {}, send: [{sink: nowhere}]}", "rules[0].send[0].sink", "unknown sink"),
        ("{name: a, when: {}, send: [{sink: ot}]}", "rules[0].send[0].sink", "did you mean out"),
        ("{name: a, when: {}, send: [{sink: people}]}", "rules[0].send[0]", "has no url"),
        ("{name: a, when: {}, send: [{sink: out, to: recipients}]}", "rules[0].send[0].to", "one place only"),
        ("{name: a, when: {}, send: [{sink: hook, to: someone}]}", "rules[0].send[0].to", "recipients, or a list"),
        ("{name: a, when: {}, send: [{sink: hook, to: []}]}", "rules[0].send[0].to", "recipients, or a list"),
        ("{name: a, when: {}, send: [{sink: hook, to: [a@b.org]}]}", "rules[0].send[0].to[0]", "not a web address"),
        ("{name: a, when: {}, send: [{sink: out, template: nice}]}", "rules[0].send[0].template", "unknown template"),
        ("{name: a, when: {}, send: [{sink: out, expires: 5}]}", "rules[0].send[0].expires", "is not a duration"),
        ("{name: a, when: {}, send: [{sink: out, once: always}]}", "rules[0].send[0].once", "unknown value"),
        ("{name: a, when: {}, send: [{sink: out, while: {}}]}", "rules[0].send[0].while.phase", "is missing"),
        ("{name: a, when: {}, send: [{sink: out, wile: {}}]}", "rules[0].send[0].wile", "did you mean while"),
        ("{name: a, when: {type: moved}, send: [{sink: out}]}", "rules[0].when.type", "unknown value 'moved'"),
        ("{name: a, when: {type: []}, send: [{sink: out}]}", "rules[0].when.type", "must not be empty"),
        ("{name: a, when: {phase: [arrived, late]}, send: [{sink: out}]}", "rules[0].when.phase[1]", "unknown value"),
        ("{name: a, when: {source: [trips, trip]}, send: [{sink: out}]}", "rules[0].when.source[1]", "did you mean"),
        ("{name: a, when: {inferred: maybe}, send: [{sink: out}]}", "rules[0].when.inferred", "true or false"),
        ("{name: a, when: {}, class: urgent, send: [{sink: out}]}", "rules[0].class", "unknown value"),
        ("{name: a, when: {}, delay: -1s, send: [{sink: out}]}", "rules[0].delay", "is not a duration"),
        ("{name: '', when: {}, send: [{sink: out}]}", "rules[0].name", "must not be empty"),
    ],
)
def test_a_wrong_rule_is_told(tmp_path: Path, text: str, path: str, said: str) -> None:
    found = problems(tmp_path, rule(text))
    assert said in found[path]
    assert len(found) == 1


def test_two_rules_of_one_name_are_told(tmp_path: Path) -> None:
    one = "{name: a, when: {}, send: [{sink: out}]}"
    assert "is the name of rules[0]" in problems(tmp_path, rule(f"{one}\n  - {one}"))["rules[1].name"]


@pytest.mark.parametrize("text", ["${R}", "$${R}", "${UNSET:-${R}}"])
def test_what_looks_like_a_reference_and_is_none_hides_no_problem(tmp_path: Path, text: str) -> None:
    found = problems(tmp_path, f"retention: {text}\nshutdown_grace: 5\n", {"R": "${X}"})
    assert list(found) == ["retention", "shutdown_grace"]


def test_watches_are_checked_against_the_sources(tmp_path: Path) -> None:
    content = BASE + "watches:\n  - {source: trips, ids: {order_id: a/b, company_id: 1}, recipients: [{phone: 8912}]}\n"
    assert list(problems(tmp_path, content)) == [
        "watches[0].ids.company_id",
        "watches[0].ids.order_id",
        "watches[0].recipients[0].phone",
    ]


def test_a_watch_without_a_source_is_told(tmp_path: Path) -> None:
    found = problems(tmp_path, BASE + "watches:\n  - {ids: {order_id: 1}}\n  - {source: 5, ids: {order_id: 1}}\n")
    assert list(found) == ["watches[0].source", "watches[1].source"]


def test_a_watch_is_not_blamed_for_its_source(tmp_path: Path) -> None:
    content = "sources: {a: {type: progress}}\nwatches: [{source: a, ids: {order_id: 1, client_id: c}}]\n"
    assert list(problems(tmp_path, content)) == ["sources.a.token"]


@pytest.mark.parametrize(
    ("source", "ids", "wrong"),
    [
        (
            "type: progress",
            "{order_id: a/b, company_id: 1}",
            {"company_id": "use order_id, client_id", "order_id": "/"},
        ),
        ("type: progress", "{client_id: c}", {"order_id": "is missing"}),
        ("type: progress", "{order_id: 1}", {"client_id": "as `account` of the source"}),
        ("type: progress, account: {client_id: c}", "{order_id: 1}", {}),
        ("type: progress, account: nobody", "{order_id: 1}", {}),  # what its account is, nobody knows
        ("type: business_v2", "{order_id: 1}", {}),
        ("type: json, url: '/{shop}/{order_id}'", "{order_id: 1, x: 2, shop: s}", {"x": "use order_id, shop"}),
        ("type: json, url: '/{shop}/{order_id}'", "{order_id: 1}", {"shop": "as `account` of the source"}),
        ("type: json, url: '/{order_id', headers: {A: 5}", "{order_id: 1, x: 2}", {}),
        ("type: json, url: '/{order_id'", "{order_id: 1, x: 2}", {}),
        ("type: no_such", "{order_id: '', x: 1}", {"order_id": "1 to 128"}),
        ("poll: {}", "{order_id: 1}", {}),
    ],
)
def test_a_watch_is_examined_though_its_source_is_wrong(
    tmp_path: Path, source: str, ids: str, wrong: Mapping[str, str]
) -> None:
    """All errors at once: none waits behind another one."""
    content = f"sources: {{a: {{{source}, timeout: never}}}}\nwatches: [{{source: a, ids: {ids}}}]\n"
    found = problems(tmp_path, content)
    told = {path.removeprefix("watches[0].ids."): said for path, said in found.items() if path.startswith("watches")}
    assert told.keys() == wrong.keys()
    assert all(wrong[name] in said for name, said in told.items())
    assert any(path.startswith("sources.a") for path in found)


@pytest.mark.parametrize(
    ("sink", "to", "said"),
    [
        ("type: email", "", "is missing"),
        ("type: sms, gateway: no_such", "", "is missing"),
        ("type: email, host: h", ", to: [nobody]", "address"),
        ("type: console", ", to: recipients", "leave this out"),
    ],
)
def test_a_send_is_examined_though_its_sink_is_wrong(tmp_path: Path, sink: str, to: str, said: str) -> None:
    content = f"sinks: {{s: {{{sink}, no_such_key: 1}}}}\nrules: [{{name: r, when: {{}}, send: [{{sink: s{to}}}]}}]\n"
    found = problems(tmp_path, content)
    assert said in str([said for path, said in found.items() if path.startswith("rules[0].send[0].to")])
    assert any(path.startswith("sinks.s") for path in found)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "::1", "localhost", "LOCALHOST"])
def test_loopback_needs_no_token(tmp_path: Path, host: str) -> None:
    assert read(tmp_path, f"api: {{host: '{host}'}}\n").api.host == host


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.5", "notifier.example.org"])
def test_any_other_host_needs_a_token_file(tmp_path: Path, host: str) -> None:
    assert "is not loopback" in problems(tmp_path, f"api: {{host: '{host}'}}\n")["api.token_file"]


def test_a_token_file_opens_the_api_to_the_network(tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("secret-token read\n")
    assert read(tmp_path, f"api: {{host: 0.0.0.0, token_file: '{tokens}'}}\n").api.token_file == str(tokens)


@pytest.mark.parametrize(("content", "said"), [("", "holds no token"), ("hunter2 admin", "line 1")])
def test_a_wrong_token_file_is_told(tmp_path: Path, content: str, said: str) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(content)
    found = problems(tmp_path, f"api: {{token_file: '{tokens}'}}\n")
    assert said in found["api.token_file"]
    assert "hunter2" not in found["api.token_file"]


def test_no_problem_shows_a_secret(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("hunter2 hunter2\nhunter2")
    content = (
        "sources:\n"
        "  a: {type: progress, token: {hunter2: hunter2}, account: [hunter2]}\n"
        '  b: {type: progress, token: "hunter2\\u0001"}\n'
        "  c: {type: progress, token: hunter2, token_file: ${FILE}}\n"
        "  d:\n    type: progress\n    oauth2:\n      token_url: https://u:hunter2@example.org\n"
        "      client_id: x\n      client_secret: [hunter2]\n"
        "  e: {type: progress, base_url: 'https://hunter2@example.org/?hunter2', token: hunter2}\n"
        "sinks:\n"
        "  f: {type: webhook, secret: hunter2}\n"
        "  g: {type: webhook, secret_file: ${FILE}}\n"
        "  h: {type: webhook, secret: ${SECRET}, url: 'https://u:hunter2@example.org'}\n"
    )
    env = {"FILE": str(tmp_path / "secret"), "SECRET": "hunter2"}
    found = problems(tmp_path, content, env)
    assert {path.split(".")[1] for path in found} == set("abcdefgh")
    assert not [message for message in found.values() if "hunter2" in message]


def test_a_configuration_does_not_show_its_secrets(tmp_path: Path) -> None:
    config = read(tmp_path, BASE.replace("token: t", "token: hunter2"))
    assert "hunter2" not in repr(config)
    assert SECRET not in repr(config)


@pytest.mark.parametrize("kind", sorted(SOURCES))
def test_a_mistyped_key_of_any_source_is_told_with_the_right_one(tmp_path: Path, kind: str) -> None:
    found = problems(tmp_path, f"sources: {{a: {{type: {kind}, retire_afer: 5m}}}}\n")
    assert "did you mean retire_after" in found["sources.a.retire_afer"]


def test_the_address_of_a_service_is_read_though_the_rest_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("api: {port: ${PORT}}\nsources: {trips: {type: nothing, token: ${UNSET}}}\n")
    assert load_api(path, {"PORT": "1234"}).port == 1234


def test_a_wrong_address_is_told(tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("api: {port: x, host: 5}\n")
    with pytest.raises(ConfigError) as caught:
        load_api(path, {})
    assert [problem.path for problem in caught.value.problems] == ["api.host", "api.port"]


@pytest.mark.parametrize(
    ("content", "expected"),
    [("api: {}\n", "var/notifier.db"), ("backend: {type: sqlite, path: ${DB}}\nsources: 5\n", "7")],
)
def test_the_file_of_the_embedded_backend(tmp_path: Path, content: str, expected: str) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text(content)
    assert load_sqlite(path, {"DB": "7"}).path == expected


def test_a_command_for_the_embedded_backend_refuses_another(tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("backend: {type: kafka, bootstrap_servers: [a]}\n")
    with pytest.raises(ConfigError, match=r"backend\.type: must be sqlite"):
        load_sqlite(path, {})
