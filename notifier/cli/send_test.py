"""`notifier send-test`: one made-up event over one sink, now and once. It needs no service."""

import asyncio
import uuid
from pathlib import Path

import click

from notifier.masks import masked
from notifier.cli import options, show
from notifier.clock import Clock, SystemClock
from notifier.config.load import load
from notifier.config.model import SINKS
from notifier.envelope import seal
from notifier.errors import ConfigError, Problem
from notifier.model import CloudEvent, Event, EventType, Instant, Phase, Watch
from notifier.sinks.base import Message, Outcome, SinkSettings

KEY = "test/send-test"


@click.command("send-test")
@click.argument("sink")
@click.option("--to", help="The address to send to. [default: the sink's own]")
@options.config_file
@options.as_json
@click.pass_context
def send_test(context: click.Context, sink: str, to: str | None, config: Path, as_json: bool) -> None:
    """Send a made-up event of the order test/send-test over SINK, once."""
    settings = load(config).sinks.get(sink)
    if settings is None:
        raise ConfigError([Problem(f"sinks.{sink}", "is not a sink of this configuration")])
    if to is not None and settings.address is None:
        raise ConfigError([Problem("--to", f"the sink {sink} sends to no addresses: leave it out")])
    id = str(uuid.uuid4())
    outcome = asyncio.run(send(sink, settings, to, id, SystemClock()))
    delivered = outcome.kind == "delivered"
    if as_json:
        told = {"status": outcome.status, "reason": outcome.reason, "detail": outcome.detail}
        show.json({"id": id, "sink": sink, "to": to and masked(to), "delivered": delivered, **told})
    elif delivered:
        show.line(" ".join(filter(None, ("delivered", outcome.status))))
    else:
        said = ", ".join(show.clean(part) for part in (outcome.status, outcome.detail) if part)
        click.echo(f"not delivered: {outcome.reason}" + (f" ({said})" if said else ""), err=True)
    context.exit(0 if delivered else 1)


async def send(name: str, settings: SinkSettings, to: str | None, id: str, clock: Clock) -> Outcome:
    """One attempt, with all of the sink's settings but its repeats."""
    sink = SINKS[settings.type].build(name, settings, clock)
    now = clock.now()
    try:
        return await sink.send(Message(id=id, to=to, event=sample(now)), now)
    finally:
        await sink.close()


def sample(now: Instant) -> CloudEvent:
    """An event as it would be published; its source and labels say what it is."""
    watch = Watch(
        key=KEY, source="test", ids={"order_id": "send-test"}, labels={"test": "true"}, created_at=now, updated_at=now
    )
    event = Event(
        key=KEY,
        life=now,
        sequence=1,
        type=EventType.TRACKED,
        before=None,
        after={"status": "test", "phase": Phase.CREATED.value},
        status="test",
        phase=Phase.CREATED,
        certain=True,
        at=None,
        not_before=None,
        not_after=now,
        observed_at=now,
    )
    return seal(event, watch, personal_data=False)
