"""`notifier backup` and `notifier restore`: the embedded backend's file, copied while it is used, and put back."""

from collections.abc import Mapping
from pathlib import Path

import click

from notifier.backends.sqlite.backup import backup_file, restore_file
from notifier.cli import options, show
from notifier.cli.progress import bar
from notifier.config.load import load_sqlite


@click.command()
@click.argument("file", type=options.FILE)
@options.config_file
@options.as_json
def backup(file: Path, config: Path, as_json: bool) -> None:
    """Copy the sqlite file of the configuration into FILE; the service may be running."""
    source = Path(load_sqlite(config).path)
    with bar("backing up") as move:
        backup_file(source, file, move)
    _done(as_json, {"from": str(source), "to": str(file)}, f"{source} is saved in {file}")


@click.command()
@click.argument("file", type=options.FILE)
@options.config_file
@click.option("--force", is_flag=True, help="Replace a file that is there.")
@options.as_json
def restore(file: Path, config: Path, force: bool, as_json: bool) -> None:
    """Put the backup FILE where the configuration's sqlite file is. Restored orders begin a new life."""
    target = Path(load_sqlite(config).path)
    with bar("restoring") as move:
        restored = restore_file(file, target, force, move)
    told = {"from": str(file), "to": str(target), "orders": restored.orders, "dead": restored.dead}
    aside = f"; the former file is {restored.aside}" if restored.aside else ""
    _done(
        as_json,
        told | {"aside": str(restored.aside) if restored.aside else None},
        f"{file} is restored to {target}: {restored.orders} orders begin a new life, "
        f"{restored.dead} deliveries that were open are dead{aside}",
    )


def _done(as_json: bool, told: Mapping[str, object], text: str) -> None:
    if as_json:
        show.json(told)
    else:
        show.line(text)
