"""The command itself: its help, its exit codes, and how it ends when it is interrupted or nobody reads."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import click
import pytest

from notifier import __version__
from notifier.cli.main import COMMANDS, program, run
from tests.cli.conftest import Command, Running


def commands(group: click.Group, above: str = "") -> list[tuple[str, click.Command]]:
    context = click.Context(group)
    found: list[tuple[str, click.Command]] = []
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        found.append((f"{above}{name}", command))
        if isinstance(command, click.Group):
            found += commands(command, f"{above}{name} ")
    return found


def test_every_command_is_there_and_says_what_it_does() -> None:
    found = dict(commands(program))
    assert found.keys() >= COMMANDS.keys()
    assert [name for name, command in found.items() if not command.help] == []


def test_the_help_names_every_command(command: Command) -> None:
    result = command("--help")
    assert result.exit_code == 0
    assert [name for name in COMMANDS if f"  {name} " not in result.stdout] == []


@pytest.mark.parametrize(
    "name",
    [
        "watch add",
        "watch list",
        "watch import",
        "orders",
        "why",
        "deliveries",
        "deliveries retry",
        "events",
        "check",
        "send-test",
    ],
)
def test_every_command_that_prints_can_print_json(name: str) -> None:
    assert "--json" in [option for parameter in dict(commands(program))[name].params for option in parameter.opts]


@pytest.mark.parametrize("args", [["nonsense"], ["orders", "--nonsense"], ["watch", "add", "trips"], []])
def test_bad_usage_exits_with_2(args: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(args) == 2
    assert capsys.readouterr().err


def test_no_service_exits_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["orders", "--url", "http://127.0.0.1:9"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert "no service answers" in err


def test_the_json_of_a_failed_list_is_empty_not_half(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["orders", "--json", "--url", "http://127.0.0.1:9"]) == 1
    assert capsys.readouterr().out == ""


def test_python_runs_it_as_a_module() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "notifier", "--version"], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert __version__ in done.stdout


def test_a_reader_that_leaves_is_no_noise() -> None:
    done = subprocess.run(
        f"{sys.executable} -m notifier schema openapi | head -c 10",
        shell=True,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert (len(done.stdout), done.stderr) == (10, b"")


def test_an_interrupt_ends_quietly_with_130(service: Running) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "notifier",
            "events",
            "--follow",
            "-c",
            str(service.config),
            "--since",
            "2020-01-01T00:00:00Z",
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    subprocess.run(
        [sys.executable, "-m", "notifier", "watch", "add", "-c", str(service.config), "cars", "interrupt"],
        check=True,
        timeout=30,
        stdout=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    assert process.stdout.readline()  # it follows
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 130
    assert b"Traceback" not in err


def test_texts_of_any_script_are_printed_on_a_terminal_of_one() -> None:
    """Another encoding shows what it lacks as \\u0432: it was a fault of ours."""
    args = ["render", "--event", "phase_changed", "--template", "driver_arrived", "--locale", "ru"]
    told = subprocess.run(
        [sys.executable, "-m", "notifier", *args],
        capture_output=True,
        text=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        timeout=60,
        check=False,
    )
    assert (told.returncode, told.stderr) == (0, "")
    assert "\\u0432" in told.stdout


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["why", "trips/\udcff", "--url", "http://127.0.0.1:9"], 2, "not text in UTF-8"),
        (["watch", "add", "trips", "\udcff", "--url", "http://127.0.0.1:9"], 2, "not text in UTF-8"),
        (["restore", "x" * 5_000], 1, "File name too long"),
        (["backup", "x" * 5_000], 1, "File name too long"),
    ],
)
def test_arguments_that_no_system_takes_are_told(
    tmp_path: Path, args: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "notifier.yaml"
    database = tmp_path / "notifier.db"
    config.write_text(f"backend: {{type: sqlite, path: '{database}'}}\n")
    if args[0] == "backup":
        database.write_bytes(b"")
    given = args if "--url" in args else [*args, "-c", str(config)]
    assert run(given) == code
    assert said in capsys.readouterr().err
