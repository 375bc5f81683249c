"""`notifier deliveries`: who was told, and another try for those who were not."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import click
import orjson

from notifier.cli import options, show
from notifier.cli.ask import Service, address, ask

COLUMNS = ("id", "state", "key", "type", "sink", "to", "attempts", "next_attempt_at", "reason")
ATTEMPTS = ("id", "key", "type", "sink", "to", "at", "status", "ms", "reason")
STATES = ("pending", "sending", "delivered", "dead", "expired", "skipped")


@click.group(invoke_without_command=True)
@click.option("--state", type=click.Choice(STATES), help="Only those in this state.")
@click.option("--key", help="Only of this order.")
@click.option("--sink", help="Only over this sink.")
@click.option("--to", help="Only to this address, in full.")
@click.option("--since", help="Only those made since, as 2026-11-21T10:00:00Z.")
@click.option("--attempts", is_flag=True, help="One row for each attempt instead.")
@options.service
@options.as_json
@click.pass_context
def deliveries(
    ctx: click.Context,
    state: str | None,
    key: str | None,
    sink: str | None,
    to: str | None,
    since: str | None,
    attempts: bool,
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """List deliveries: each is one event for one recipient over one sink."""
    ctx.obj = (config, url, token_file)
    if ctx.invoked_subcommand is not None:
        return

    async def listed(service: Service) -> None:
        wanted = {"state": state, "key": key, "sink": sink, "to": to, "since": since}
        items = service.items("/v1/deliveries", wanted)
        if as_json:
            await show.json_list(items)
        else:
            await show.table(*((ATTEMPTS, _attempts(items)) if attempts else (COLUMNS, _rows(items))))

    ask(address(config, url, token_file), listed)


async def _rows(items: AsyncIterator[Any]) -> AsyncIterator[Sequence[object]]:
    async for item in items:
        shown = item | {"attempts": len(item["attempts"]), "type": show.short_type(item["type"])}
        yield [shown.get(column) for column in COLUMNS]


async def _attempts(items: AsyncIterator[Any]) -> AsyncIterator[Sequence[object]]:
    async for item in items:
        for attempt in item["attempts"]:
            shown = item | {"type": show.short_type(item["type"])} | attempt
            yield [shown.get(column) for column in ATTEMPTS]


@deliveries.command()
@click.argument("delivery_id", metavar="[ID]", required=False)
@click.option("--sink", help="All of this sink, instead of one ID.")
@click.option("--to", help="With --sink: only to this address, in full.")
@click.option("--state", type=click.Choice(("dead", "expired")), help="With --sink. [dead]")
@click.option("--since", help="With --sink: only those made since, as 2026-11-21T10:00:00Z.")
@click.option("--until", help="With --sink: only those made until then.")
@options.service
@options.as_json
@click.pass_context
def retry(
    ctx: click.Context,
    delivery_id: str | None,
    sink: str | None,
    to: str | None,
    state: str | None,
    since: str | None,
    until: str | None,
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Try again the delivery ID, or all dead ones of a sink."""
    wanted = {"to": to, "state": state, "since": since, "until": until}
    if (delivery_id is None) == (sink is None):
        raise click.UsageError("give either the ID of a delivery, or --sink")
    if delivery_id is not None and any(wanted.values()):
        raise click.UsageError("--to, --state, --since and --until go with --sink")
    if delivery_id is not None:
        path, body = f"/v1/deliveries/{quote(delivery_id, safe='')}/retry", None
    else:
        given = {name: value for name, value in wanted.items() if value is not None}
        path, body = "/v1/deliveries/retry", orjson.dumps({"state": "dead", **given, "sink": sink})
    above = ctx.obj
    where = address(config or above[0], url or above[1], token_file or above[2])
    _, answer = ask(where, lambda service: service.post(path, body))
    if as_json:
        show.json(answer)
    elif delivery_id is not None:
        show.line(f"{delivery_id}\twill be tried again")
    else:
        show.line(f"{answer['count']} will be tried again")
