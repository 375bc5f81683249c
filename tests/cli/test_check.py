"""`notifier check`."""

from pathlib import Path

import orjson
import pytest

from notifier.simulator.faults import Fault
from notifier.simulator.server import Simulator
from notifier.simulator.threaded import running
from tests.cli.conftest import Command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "notifier.yaml"


def sources(*lines: str) -> str:
    return "sources:\n" + "".join(f"  {line}\n" for line in lines)


def test_a_valid_file(command: Command, config: Path) -> None:
    config.write_text(sources("cars: {type: progress, token: t}"))
    result = command("check", "-c", config)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{config} is valid: 1 source, 0 sinks, 0 rules\n"


def test_every_problem_is_printed_and_the_exit_code_is_2(command: Command, config: Path) -> None:
    config.write_text("retention: 30\n" + sources("cars: {type: progess}"))
    result = command("check", "-c", config)
    assert (result.exit_code, result.stdout) == (2, "")
    assert "2 problems" in result.stderr
    assert "  retention: 30 is not a duration" in result.stderr
    assert "  sources.cars.type: unknown type 'progess': did you mean progress? (line 3)" in result.stderr


def test_problems_as_json(command: Command, config: Path) -> None:
    config.write_text("retention: 30\n")
    result = command("check", "-c", config, "--json")
    told = orjson.loads(result.stdout)
    assert result.exit_code == 2
    assert told["valid"] is False
    assert [problem["path"] for problem in told["problems"]] == ["retention"]


def test_a_file_that_is_not_there(command: Command, tmp_path: Path) -> None:
    result = command("check", "-c", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml: cannot be read: No such file" in result.stderr


def test_checking_needs_no_network(command: Command, config: Path) -> None:
    config.write_text(sources("cars: {type: progress, token: t, base_url: 'http://127.0.0.1:9'}"))
    assert command("check", "-c", config).exit_code == 0


def live(command: Command, config: Path, simulator: Simulator, token: str = "t") -> dict[str, tuple[bool, str]]:
    url = simulator.url
    config.write_text(
        sources(
            f"cars: {{type: progress, base_url: '{url}', token: {token}, account: {{client_id: c}}}}",
            f"taxi: {{type: taxi_v1, base_url: '{url}', token: {token}}}",
            f"trips: {{type: business_v2, base_url: '{url}', token: {token}}}",
            f"parcels: {{type: track_trace, base_url: '{url}', token: {token}, account: {{company_id: 5}}}}",
            f"bistro: {{type: restaurant, base_url: '{url}', token: {token}}}",
        )
    )
    result = command("check", "-c", config, "--live", "--json")
    answers = {answer["source"]: (answer["ok"], answer["said"]) for answer in orjson.loads(result.stdout)["live"]}
    assert result.exit_code == (0 if all(ok for ok, _ in answers.values()) else 1)
    return answers


@pytest.mark.parametrize("fault", ["404", "400", "422", None])
def test_live_a_source_that_does_not_know_the_order_is_fine(command: Command, config: Path, fault: str | None) -> None:
    faults = [] if fault is None else [Fault(kind=fault)]  # type: ignore[arg-type]
    with running(Simulator(faults=faults)) as simulator:
        assert all(ok for ok, _ in live(command, config, simulator).values())


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("401", "unauthorized"),
        ("403", "forbidden"),
        ("500", "server_error"),
        ("429", "throttled"),
        ("drop", "connection"),
    ],
)
def test_live_a_source_that_refuses_or_fails_is_not(command: Command, config: Path, fault: str, reason: str) -> None:
    with running(Simulator(faults=[Fault(kind=fault, api="track_trace")])) as simulator:  # type: ignore[arg-type]
        answers = live(command, config, simulator)
    assert [source for source, (ok, _) in answers.items() if not ok] == ["parcels"]
    assert reason in answers["parcels"][1]


def test_live_a_wrong_token_is_told_without_showing_it(command: Command, config: Path) -> None:
    with running(Simulator(tokens=["right"])) as simulator:
        answers = live(command, config, simulator, "hunter2")
    assert not any(ok for ok, _ in answers.values())
    assert "hunter2" not in str(answers)


def test_live_nobody_there(command: Command, config: Path) -> None:
    config.write_text(
        sources("cars: {type: progress, token: t, base_url: 'http://127.0.0.1:9', account: {client_id: c}}")
    )
    result = command("check", "-c", config, "--live")
    assert result.exit_code == 1
    assert "cars\tFAILED\tconnection" in result.stdout


def test_live_without_an_account_a_403_tells_nothing_of_the_token(command: Command, config: Path) -> None:
    with running(Simulator(clients=["c"])) as simulator:
        answers = live(command, config, simulator)
    assert answers["cars"][0] is True
    assert answers["taxi"][0] is True
    assert "client_id" in answers["taxi"][1]


def test_live_sinks_are_asked_too_and_what_is_wrong_is_named(command: Command, config: Path) -> None:
    """A mail server that is not there: exit 1; standard output is not a thing to try."""
    config.write_text(
        "sinks:\n"
        "  out: {type: console}\n"
        "  mail: {type: email, host: 127.0.0.1, port: 9, sender: rides@example.org}\n"
        "  hook: {type: webhook, url: 'http://127.0.0.1:9/', allow_networks: [127.0.0.0/8], secret: SECRET}\n".replace(
            "SECRET", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        )
    )
    result = command("check", "-c", config, "--live")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1:] == [
        "out\tnot tried\twrites to standard output",
        "mail\tFAILED\tconnection: not connected: Connection refused (connect)",
        "hook\tok\tits address may be sent to; nothing was sent",
    ]
    told = orjson.loads(command("check", "-c", config, "--live", "--json").stdout)["live"]
    assert [(each["sink"], each["ok"]) for each in told] == [("out", None), ("mail", False), ("hook", True)]


def test_not_live_nobody_is_asked(command: Command, config: Path) -> None:
    config.write_text("sinks: {mail: {type: email, host: 127.0.0.1, port: 9, sender: rides@example.org}}\n")
    assert command("check", "-c", config).exit_code == 0
