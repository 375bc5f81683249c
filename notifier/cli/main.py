"""The command `notifier`: finds the command that is asked for and turns every failure into words and an exit code."""

import importlib
import io
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from notifier import __version__, log
from notifier.errors import ConfigError, NotifierError

INTERRUPTED = 130  # 128 + SIGINT, as a shell tells it

COMMANDS: Mapping[str, str] = {
    "demo": "notifier.cli.demo:demo",
    "run": "notifier.cli.serve:run",
    "check": "notifier.cli.check:check",
    "simulate": "notifier.cli.simulate:simulate",
    "watch": "notifier.cli.watch:watch",
    "orders": "notifier.cli.orders:orders",
    "why": "notifier.cli.orders:why",
    "deliveries": "notifier.cli.deliveries:deliveries",
    "events": "notifier.cli.events:events",
    "render": "notifier.cli.render:render",
    "send-test": "notifier.cli.send_test:send_test",
    "schema": "notifier.cli.schema:schema",
    "verify": "notifier.cli.verify:verify",
    "backup": "notifier.cli.backup:backup",
    "restore": "notifier.cli.backup:restore",
    "sign": "notifier.cli.webhooks:COMMANDS",
    "verify-signature": "notifier.cli.webhooks:COMMANDS",
    "listen": "notifier.cli.webhooks:COMMANDS",
    "webhook-secret": "notifier.cli.webhooks:COMMANDS",
}
"""Where each command stands; its module is imported when it is used: `notifier sign` needs no HTTP client."""


class Unusable(click.ClickException):
    """A configuration or input that is wrong: every problem on a line of its own."""

    exit_code = 2

    def __init__(self, error: ConfigError) -> None:
        problems = [
            f"  {problem.path}: {problem.message}" if problem.path else f"  {problem.message}"
            for problem in error.problems
        ]
        many = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        super().__init__("\n".join([many, *problems]))


class Program(click.Group):
    """The group of all commands. Its help lists them in the order of `COMMANDS`."""

    def list_commands(self, _: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, _: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, name = COMMANDS[cmd_name].split(":")
        found = getattr(importlib.import_module(module), name)
        if isinstance(found, click.Command):
            return found
        commands: Sequence[click.Command] = found
        return next(command for command in commands if command.name == cmd_name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except ConfigError as error:
            raise Unusable(error) from error
        except NotifierError as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            if error.filename is None:
                raise
            raise click.ClickException(f"{error.filename}: {error.strerror}") from error


@click.group(cls=Program, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="notifier")
def program() -> None:
    """Polls order APIs that do not push, publishes each change once, and tells the people concerned."""
    log.set_up("warning", "console")  # `run` sets up its own: stdout belongs to the results in any case


def main(args: Sequence[str] | None = None) -> None:
    """The console script. Ends the process."""
    if (sys.argv[1:] if args is None else args)[:1] in (["run"], ["demo"]):
        # Until they have handlers of their own: importing takes half a second, and nothing is there to be stopped yet.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names and texts of any script, on terminals of one
    sys.exit(run(args))


def _are_texts(args: Sequence[str]) -> None:
    """Bytes that are no text can be the name of a file, and nothing else."""
    for text in args:
        try:
            text.encode()
        except UnicodeEncodeError:
            if not Path(text).exists():
                shown = text.encode(errors="backslashreplace").decode()
                advice = "is not text in UTF-8: write it in the terminal's encoding"
                raise click.UsageError(f"{shown} {advice}") from None


def run(args: Sequence[str] | None = None) -> int:
    """One command; its exit code."""
    try:
        _are_texts(sys.argv[1:] if args is None else args)
        code = program.main(args, prog_name="notifier", standalone_mode=False)
        sys.stdout.flush()  # here, where a reader that has left is still an error of ours and not of the exit
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = None  # nobody reads it: nothing is left to flush
        return 1
    return code if isinstance(code, int) else 0
