"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import click

from notifier.config.load import DEFAULT_PATH

Command = TypeVar("Command", bound=Callable[..., Any])
Decorator: TypeAlias = Callable[[Command], Command]

FILE = click.Path(dir_okay=False, path_type=Path)

config_file = click.option(
    "-c", "--config", type=FILE, default=DEFAULT_PATH, show_default=True, help="The configuration file."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


def service(command: Command) -> Command:
    """Where the running service is: `config`, `url` and `token_file`."""
    options = (
        click.option(
            "-c",
            "--config",
            type=FILE,
            help=f"The service's configuration, for its address and token. [{DEFAULT_PATH}]",
        ),
        click.option("--url", help="The service's address, instead of the configuration's."),
        click.option("--token-file", type=FILE, help="A file whose first line is the token to use."),
    )
    for option in reversed(options):
        command = option(command)
    return command
