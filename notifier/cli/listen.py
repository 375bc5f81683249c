"""`notifier listen`: a receiver of webhooks on loopback that shows what came, again or not at all."""

import asyncio
import random
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import click

from notifier.cli import show
from notifier.cli.options import as_json
from notifier.cli.secrets import followed, secret_file
from notifier.clock import SystemClock
from notifier.errors import ConfigError, LookFailed, Problem
from notifier.instants import to_text
from notifier.model import CloudEvent
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.fetch import Request
from notifier.sinks.body import sentence
from notifier.sinks.receiver import Answer, Received, Receiver, accept
from notifier.sinks.signing import ID, SIGNATURE, TIMESTAMP, Key, parse_keys
from notifier.sinks.target import target

UNREACHABLE = 502
"""Answered for a request that could not be handed on."""

MAX_FORWARDED = 1024 * 1024
"""Bytes that are read of the answer to a forwarded request, of which only the status counts."""


def _statuses(_context: click.Context, _parameter: click.Parameter, text: str | None) -> tuple[int, ...]:
    try:
        statuses = tuple(int(each) for each in text.split(",")) if text else ()
    except ValueError:
        statuses = (0,)
    if not all(300 <= status <= 599 for status in statuses):
        raise click.BadParameter("must be statuses from 300 to 599, as in 503,429,410")
    return statuses


@click.command()
@click.option("--port", type=click.IntRange(0, 65535), default=9000, show_default=True, help="On loopback; 0: any.")
@secret_file
@click.option("--fail", callback=_statuses, help="Answer with these statuses in turn, as in 503,429,410.")
@click.option(
    "--share", type=click.FloatRange(0, 1), help="Of the requests, at random, that fail. [default: the first, one each]"
)
@click.option("--forward", help="Hand on what was verified to this URL, and answer as it does.")
@as_json
def listen(
    port: int, secret_file: Path, fail: tuple[int, ...], share: float | None, forward: str | None, as_json: bool
) -> None:
    """Receives webhooks: verifies, prints, shows repeats and gaps."""
    keys = followed(secret_file, parse_keys)
    if forward is not None:
        try:
            forward = target(forward)
        except ValueError as error:
            raise ConfigError([Problem("--forward", str(error))]) from None
    tell = _print_json if as_json else _print
    asyncio.run(_listen(port, keys.get, failures(fail, share, random.random), forward, tell))


async def _listen(
    port: int,
    keys: Callable[[], Sequence[Key]],
    faults: Iterator[int | None],
    forward: str | None,
    tell: Callable[[Received], None],
) -> None:
    fetch = AiohttpFetch(timeout_ms=30_000, max_body=MAX_FORWARDED, concurrency=100)
    onward = accept if forward is None else _forward(fetch, forward)

    async def answer(headers: Mapping[str, str], body: bytes) -> int:
        return next(faults) or await onward(headers, body)

    receiver = Receiver(keys, tell, SystemClock(), answer)
    ended = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    try:
        await receiver.start(port)
        click.echo(f"listening on {receiver.url}", err=True)
        await ended.wait()
    finally:
        await receiver.close()
        await fetch.close()
    counts = receiver.counts
    click.echo(
        f"{counts.events} events, {counts.repeats} repeats, {counts.missing} missing, {counts.refused} refused",
        err=True,
    )


def failures(statuses: Sequence[int], share: float | None, draw: Callable[[], float]) -> Iterator[int | None]:
    """For each request the status it fails with, or None. Without `share` the first ones fail, one by each status."""
    if not statuses:
        yield from repeat(None)
    if share is None:
        yield from chain(statuses, repeat(None))
    turn = 0
    while True:
        if draw() < (share or 0):
            yield statuses[turn % len(statuses)]
            turn += 1
        else:
            yield None


def _forward(fetch: AiohttpFetch, url: str) -> Answer:
    async def answer(headers: Mapping[str, str], body: bytes) -> int:
        kept = tuple((name, headers[name]) for name in (ID, TIMESTAMP, SIGNATURE, "content-type") if name in headers)
        try:
            return (await fetch(Request(url, kept, "POST", body))).status
        except LookFailed as error:
            click.echo(f"not handed on: {error}", err=True)
            return UNREACHABLE

    return answer


def _print(received: Received) -> None:
    now = to_text(SystemClock().now())
    if received.refused:
        show.line(f"{now}  refused: {received.refused}")
        return
    notes = [
        f"repeat {received.attempt}" if received.attempt > 1 else "",
        f"{received.missing} missing before it" if received.missing else "",
        "behind a newer one" if received.behind else "",
        f"answered {received.status}" if not 200 <= received.status < 300 else "",
    ]
    said = "  ".join([_said(received), *(f"[{note}]" for note in notes if note)])
    show.line(show.clean(f"{now}  {said}"))


def _said(received: Received) -> str:
    data = received.data
    if data is None:
        return received.body[:500].decode("utf-8", "replace")
    event = CloudEvent(attributes={"type": received.type or "", "subject": data["order"]["key"]}, data=received.body)
    try:
        text = sentence(event, data)
    except (KeyError, TypeError, AttributeError):  # signed by who has the key, but not written by this program
        text = received.type or ""
    return f"{data['sequence']:>4}  {text}"


def _print_json(received: Received) -> None:
    data: Mapping[str, Any] = received.data or {}
    show.json_line(
        {
            "id": received.id,
            "verified": not received.refused,
            "reason": received.refused or None,
            "status": received.status,
            "type": received.type,
            "key": data["order"]["key"] if data else None,
            "sequence": data.get("sequence"),
            "attempt": received.attempt,
            "repeat": received.attempt > 1,
            "missing": received.missing,
            "behind": received.behind,
            "data": received.data,
        }
    )
