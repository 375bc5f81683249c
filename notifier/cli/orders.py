"""`notifier orders` and `notifier why`: what is known of orders, and why somebody was told or not."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import click

from notifier.cli import options, show
from notifier.cli.ask import Service, address, ask, key_path

COLUMNS = ("key", "phase", "status", "sequence", "last_ok_at", "next_poll_at", "last_error")


@click.command()
@click.argument("key", required=False)
@click.option("--source", help="Only of this source.")
@click.option("--phase", help="Only in this phase.")
@options.service
@options.as_json
def orders(
    key: str | None,
    source: str | None,
    phase: str | None,
    config: Path | None,
    url: str | None,
    token_file: Path | None,
    as_json: bool,
) -> None:
    """List all orders, or show all that is known of the one of KEY."""
    where = address(config, url, token_file)
    if key is not None:
        if source or phase:
            raise click.UsageError("--source and --phase are for lists: leave them out with a KEY")
        order = ask(where, lambda service: service.get(key_path("/v1/orders", key)))
        if as_json:
            show.json(order)
        else:
            show.tree(order)
        return

    async def listed(service: Service) -> None:
        items = service.items("/v1/orders", {"source": source, "phase": phase})
        if as_json:
            await show.json_list(items)
        else:
            await show.table(COLUMNS, _rows(items))

    ask(where, listed)


async def _rows(items: AsyncIterator[Any]) -> AsyncIterator[Sequence[object]]:
    async for item in items:
        yield [item.get(column) for column in COLUMNS]


@click.command()
@click.argument("key")
@options.service
@options.as_json
def why(key: str, config: Path | None, url: str | None, token_file: Path | None, as_json: bool) -> None:
    """What was polled of the order of KEY, what changed, which rules matched, what was sent or held back."""
    told = ask(address(config, url, token_file), lambda service: service.get(key_path("/v1/orders", key, "/why")))
    if as_json:
        show.json(told)
        return
    for text in story(told):
        show.line(text)


def story(told: Mapping[str, Any]) -> Iterable[str]:
    """The order from its polls to its messages, one fact a line."""
    certain = "" if told.get("phase_certain", True) else " (not certain)"
    yield f"{told['key']}: {show.clean(told.get('status')) or 'not seen yet'}, phase {told['phase']}{certain}"
    if told.get("retired"):
        yield f"  no longer polled: {told['retired']}"
    polled = told["polled"]
    yield f"polled: last good {polled['last_ok_at'] or 'never'}, next {polled['next_poll_at'] or 'not planned here'}"
    if polled["last_error"]:
        yield f"  failing: {polled['last_error']}{_how_long(polled)}"
    for look in polled["looks"]:
        detail = f" ({show.clean(look['detail'])})" if look["detail"] else ""
        going_on = "" if look["ended"] else ", being tried again"
        yield f"  {look['began']}  {look['outcome']}{detail}{going_on}"
    yield f"events: {len(told['events'])}" if told["events"] else "events: none yet"
    for event in told["events"]:
        yield from _event(event)
    if told["held_back"]:
        yield "held back (to one receiver one goes after the other):"
        yield from (f"  {_held(delivery)}" for delivery in told["held_back"])
    if not told.get("complete", True):
        yield "older events and deliveries are not shown"


def _how_long(polled: Mapping[str, Any]) -> str:
    if polled["failures"]:
        return f", {show.counted(polled['failures'], 'time')} in a row"
    under_way = any(not look["ended"] for look in polled["looks"])
    return ", in the look under way" if under_way else ""


def _event(event: Mapping[str, Any]) -> Iterable[str]:
    kind = show.short_type(event["type"])
    marks = "".join(f", {mark}" for mark in ("inferred", "late") if event[mark])
    change = f": {show.brief(event['before']) or 'nothing'} -> {show.brief(event['after']) or 'nothing'}"
    yield f"  {event['time']}  #{event['sequence']} {kind}{change if event['before'] or event['after'] else ''}{marks}"
    if not event["deliveries"]:
        yield "      no rule matched"
    for delivery in event["deliveries"]:
        yield f"      {_delivery(delivery)}"
        yield from (f"        {_attempt(attempt)}" for attempt in delivery["attempts"])


def _held(delivery: Mapping[str, Any]) -> str:
    return f"#{delivery['sequence']} {show.short_type(delivery['type'])}: {_delivery(delivery)}"


def _attempt(attempt: Mapping[str, Any]) -> str:
    said = " ".join(show.clean(attempt[name]) for name in ("status", "reason") if attempt[name] is not None)
    return f"{attempt['at']}  {said or 'taken'}, {attempt['ms']} ms"


def _delivery(delivery: Mapping[str, Any]) -> str:
    to = f" to {show.clean(delivery['to'])}" if delivery["to"] else ""
    reason = f" ({delivery['reason']})" if delivery["reason"] else ""
    tries = len(delivery["attempts"])
    then = f", next attempt {delivery['next_attempt_at']}" if delivery["next_attempt_at"] else ""
    others = f", in message {delivery['message']}" if delivery.get("message") else ""
    rule = show.clean(delivery.get("rule"))
    return (
        f"rule {rule}, sink {delivery['sink']}{to}: {delivery['state']}{reason}, {show.counted(tries, 'attempt')}{then}"
        f"{others}"
    )
