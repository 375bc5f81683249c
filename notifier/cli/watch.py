"""`notifier watch`: which orders are followed."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, BinaryIO

import click
import orjson

from notifier.cli import options, show
from notifier.cli.ask import Service, address, ask, key_path
from notifier.cli.bulk import put_lines
from notifier.cli.progress import lines_read


@click.group()
def watch() -> None:
    """Begin, end, list and import watches: which orders are followed, and who is told."""


def _pairs(ctx: click.Context, param: click.Parameter, given: Sequence[str]) -> dict[str, str]:
    """`k=v` texts."""
    pairs: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise click.BadParameter(f"{text!r} is not of the form name=value", ctx, param)
        if name in pairs:
            raise click.BadParameter(f"{name} is given twice", ctx, param)
        pairs[name] = value
    return pairs


def pairs(*names: str, help: str) -> Callable[[options.Command], options.Command]:
    return click.option(*names, multiple=True, callback=_pairs, metavar="NAME=VALUE", help=help)


@watch.command()
@click.argument("source")
@click.argument("order_id")
@pairs("--id", "ids", help="Another id that the source's API wants, such as client_id.")
@click.option("--email", multiple=True, help="Whom to tell; again for another recipient.")
@click.option("--phone", multiple=True, help="As +12025550123; again for another recipient.")
@click.option("--webhook", multiple=True, help="An address to call; again for another recipient.")
@click.option("--locale", help="The language of messages. [en]")
@click.option("--timezone", help="IANA name. [the source's]")
@pairs("--label", "labels", help="A text to keep with the order.")
@options.service
@options.as_json
def add(
    source: str,
    order_id: str,
    ids: Mapping[str, str],
    email: Sequence[str],
    phone: Sequence[str],
    webhook: Sequence[str],
    locale: str | None,
    timezone: str | None,
    labels: Mapping[str, str],
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Follow ORDER_ID of SOURCE. Adding again replaces recipients and labels."""
    if "order_id" in ids:
        raise click.UsageError("order_id is the argument ORDER_ID: leave out --id order_id=…")
    body: dict[str, Any] = {"source": source, "ids": {"order_id": order_id, **ids}}
    if people := recipients(email, phone, webhook, locale, timezone):
        body["recipients"] = people
    if labels:
        body["labels"] = labels
    status, kept = ask(
        address(config, url, token_file), lambda service: service.post("/v1/watches", orjson.dumps(body))
    )
    if as_json:
        show.json(kept)
    else:
        show.line(f"{kept['key']}\t{'added' if status == 201 else 'replaced'}")


def recipients(
    email: Sequence[str], phone: Sequence[str], webhook: Sequence[str], locale: str | None, timezone: str | None
) -> list[dict[str, str]]:
    """The first email, phone and webhook are one recipient's, the second ones another's."""
    about = {name: value for name, value in (("locale", locale), ("timezone", timezone)) if value is not None}
    people = [
        {kind: value for kind, value in zip(("email", "phone", "webhook"), each, strict=True) if value is not None}
        for each in zip_longest(email, phone, webhook)
    ]
    if about and not people:
        raise click.UsageError("--locale and --timezone belong to a recipient: give --email, --phone or --webhook")
    return [{**person, **about} for person in people]


@watch.command()
@click.argument("key")
@options.service
@options.as_json
def remove(key: str, config: Path | None, url: str | None, token_file: Path | None, as_json: bool) -> None:
    """No longer follow the order of KEY (SOURCE/ORDER_ID). It stays readable for `retention`."""
    ask(address(config, url, token_file), lambda service: service.delete(key_path("/v1/watches", key)))
    if as_json:
        show.json({"key": key, "removed": True})
    else:
        show.line(f"{key}\tremoved")


@watch.command("list")
@click.option("--source", help="Only of this source.")
@options.service
@options.as_json
def list_(source: str | None, config: Path | None, url: str | None, token_file: Path | None, as_json: bool) -> None:
    """List what is followed."""

    async def listed(service: Service) -> None:
        items = service.items("/v1/watches", {"source": source})
        if as_json:
            await show.json_list(items)
        else:
            await show.table(("key", "recipients", "labels", "updated"), _rows(items))

    ask(address(config, url, token_file), listed)


async def _rows(items: AsyncIterator[Any]) -> AsyncIterator[Sequence[object]]:
    async for item in items:
        yield (
            item["key"],
            "; ".join(map(show.brief, item["recipients"])),
            show.brief(item["labels"]),
            item["updated_at"],
        )


@watch.command("import")
@click.argument("file", type=click.File("rb"))
@click.option("--concurrency", type=click.IntRange(1, 64), default=8, show_default=True, help="Requests at once.")
@options.service
@options.as_json
def import_(
    file: BinaryIO, concurrency: int, config: Path | None, url: str | None, token_file: Path | None, as_json: bool
) -> None:
    """Follow every order of FILE (- is stdin): one body of POST /v1/watches a line, as JSON.

    Lines that are refused are told with their numbers, the others go on.
    """
    with lines_read(file) as lines:
        report = ask(
            address(config, url, token_file), lambda service: put_lines(service, lines, concurrency, _tell_failure)
        )
    if as_json:
        show.json(report.as_json())
    else:
        show.line(f"added {report.added}, replaced {report.replaced}, refused {len(report.failed)}")
    if report.failed:
        raise click.exceptions.Exit(1)


def _tell_failure(number: int, message: str) -> None:
    click.echo(f"line {number}: {message}", err=True)
