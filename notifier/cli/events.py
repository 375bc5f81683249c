"""`notifier events`: what was published, of one order or as it happens."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import click
import orjson

from notifier.cli import options, show
from notifier.cli.ask import FOREIGN, Service, ServiceError, address, ask, key_path
from notifier.cli.sse import Message, messages

SILENCE = 45.0  # seconds; the service says something every 15 s at least
WAITS = (0.2, 1.0, 2.0, 5.0)  # seconds before a stream that broke off is asked for again


@click.command()
@click.argument("key", required=False)
@click.option("--key", "key_option", help="Only of this order.", metavar="KEY")
@click.option("--follow", is_flag=True, help="Go on with new ones, until interrupted.")
@click.option("--source", help="With --follow: only of this source.")
@click.option("--since", help="With --follow: begin there, as 2026-11-21T10:00:00Z.")
@options.service
@options.as_json
def events(
    key: str | None,
    key_option: str | None,
    follow: bool,
    source: str | None,
    since: str | None,
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """Print the events of the order of KEY, or with --follow all of them as they happen."""
    if key is not None and key_option is not None and key != key_option:
        raise click.UsageError("two orders are named: give one KEY")
    key = key or key_option
    where = address(config, url, token_file)
    if follow:
        wanted = {"source": source, "since": since, "key": key}
        ask(where, lambda service: _follow(service, wanted, as_json))
        return
    if key is None:
        raise click.UsageError("say which: a KEY, or --follow for all as they happen")
    if source or since:
        raise click.UsageError("--source and --since go with --follow")

    async def listed(service: Service) -> None:
        items = service.items(key_path("/v1/orders", key, "/events"), {})
        if as_json:
            await show.json_list(items)
        else:
            async for event in items:
                show.line(sentence(event))

    ask(where, listed)


def sentence(event: Any) -> str:
    """One event in one line, tab-separated."""
    data = event["data"]
    kind = show.short_type(event["type"])
    marks = [mark for mark in ("inferred", "late") if data.get(mark)]
    change = f"{show.brief(data.get('before'))} -> {show.brief(data.get('after'))}"
    return "\t".join(
        show.clean(cell)
        for cell in (event["time"], event["subject"], kind, data.get("status"), data.get("phase"), change, *marks)
    )


async def _follow(service: Service, wanted: dict[str, str | None], as_json: bool) -> None:
    """Begins again after the last event that came, as often as the stream breaks off; the first try must succeed."""
    last: str | None = None
    connected = False
    tries = 0
    while True:
        try:
            async for message in _stream(service, wanted, last):
                connected, tries = True, 0
                if message.id:
                    last = message.id
                if message.data:
                    event = orjson.loads(message.data)
                    show.json_line(event) if as_json else show.line(sentence(event))
        except FOREIGN as error:
            if not connected or isinstance(error, BrokenPipeError):
                raise
        except ServiceError as error:
            if not connected or error.status in range(400, 500):
                raise
        wait = WAITS[min(tries, len(WAITS) - 1)]
        tries += 1
        click.echo(f"the stream broke off; asking again in {wait:g} s", err=True)
        await asyncio.sleep(wait)


async def _stream(service: Service, wanted: dict[str, str | None], last: str | None) -> AsyncIterator[Message]:
    """One connection's messages, comments included. ServiceError for a refusal or nobody there."""
    query = {name: value for name, value in wanted.items() if value is not None}
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": last} if last else {})
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=SILENCE)
    request = service.session.get(
        service.url("/v1/events/stream").update_query(query), headers=headers, timeout=timeout, allow_redirects=False
    )
    try:
        response = await request
    except FOREIGN as error:
        raise service.absent(error) from None
    async with response:
        if response.status != 200:
            raise service.refused(response.status, await _problem(response))
        async for message in messages(response.content.iter_any()):
            yield message


async def _problem(response: aiohttp.ClientResponse) -> object:
    try:
        return orjson.loads(await response.read())
    except orjson.JSONDecodeError:
        return None
