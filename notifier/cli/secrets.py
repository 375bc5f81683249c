"""The option `--secret-file`, and the keys that are behind it."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import click

from notifier.cli.options import FILE
from notifier.errors import ConfigError, Problem
from notifier.sinks.keys import Followed, read_secret

T = TypeVar("T")

secret_file = click.option("--secret-file", type=FILE, required=True, help="One whsec_…, whsk_… or whpk_… key a line.")


def followed(path: Path, parse: Callable[[str], T]) -> Followed[T]:
    """What `parse` makes of the file; ConfigError for what it cannot read now."""
    try:
        return Followed(read_secret(str(path)), parse)
    except ValueError as error:
        raise ConfigError([Problem("--secret-file", str(error))]) from None
