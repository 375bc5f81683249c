"""`notifier send-test`: one made-up event over one sink, now and once. It needs no service."""

import asyncio
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path

import click
from msgspec.structs import replace

from notifier.cli import options, show
from notifier.clock import Clock, SystemClock
from notifier.config import addresses
from notifier.config.load import load
from notifier.config.model import SINKS, Config
from notifier.config.templates import templates
from notifier.envelope import seal
from notifier.errors import ConfigError, Problem
from notifier.masks import masked
from notifier.model import CloudEvent, Event, EventType, Instant, Phase, Watch
from notifier.rendering.render import Kind, Part
from notifier.routing import facts
from notifier.sinks.base import Address, Message, Outcome, SinkSettings

KEY = "test/send-test"

_ADDRESSES: Mapping[Address, Callable[[str], str]] = {
    "email": addresses.email,
    "phone": addresses.phone,
    "webhook": addresses.webhook,
}


@click.command("send-test")
@click.argument("sink")
@click.option("--to", help="The address to send to. [default: the sink's own]")
@click.option("--locale", default="en", show_default=True, help="The language of a message to people.")
@options.config_file
@options.as_json
@click.pass_context
def send_test(context: click.Context, sink: str, to: str | None, locale: str, config: Path, as_json: bool) -> None:
    """Send a made-up event of the order test/send-test over SINK, once."""
    configured = load(config)
    settings = configured.sinks.get(sink)
    if settings is None:
        raise ConfigError([Problem(f"sinks.{sink}", "is not a sink of this configuration")])
    if to is not None and settings.address is None:
        raise ConfigError([Problem("--to", f"the sink {sink} sends to no addresses: leave it out")])
    if to is None and settings.people:
        raise ConfigError([Problem("--to", f"is missing: the sink {sink} sends to addresses only")])
    if to is not None:
        to = _checked(settings, to)
    clock = SystemClock()
    message = _message(configured, settings, to, locale, clock.now())
    outcome = asyncio.run(send(sink, settings, message, clock))
    delivered = outcome.kind == "delivered"
    if as_json:
        told = {"status": outcome.status, "reason": outcome.reason, "detail": outcome.detail}
        show.json({"id": message.id, "sink": sink, "to": to and masked(to), "delivered": delivered, **told})
    elif delivered:
        show.line(" ".join(filter(None, ("delivered", outcome.status))))
    else:
        said = ", ".join(show.clean(part) for part in (outcome.status, outcome.detail) if part)
        click.echo(f"not delivered: {outcome.reason}" + (f" ({said})" if said else ""), err=True)
    context.exit(0 if delivered else 1)


def _checked(settings: SinkSettings, to: str) -> str:
    assert settings.address is not None
    try:
        return _ADDRESSES[settings.address](to)
    except ValueError as error:
        raise ConfigError([Problem("--to", str(error))]) from None


def _message(config: Config, settings: SinkSettings, to: str | None, locale: str, now: Instant) -> Message:
    event = sample(now)
    message = Message(id=str(uuid.uuid4()), to=to, event=event)
    if not settings.people:
        return message
    told = replace(facts.published(event), locale=_locale(locale))
    kind: Kind = "sms" if settings.address == "phone" else "email"
    subject, text, html = templates(config).render([Part(told, "test")], kind)
    return message._replace(subject=subject, text=text, html=html)


def _locale(text: str) -> str:
    try:
        return addresses.locale(text)
    except ValueError as error:
        raise ConfigError([Problem("--locale", str(error))]) from None


async def send(name: str, settings: SinkSettings, message: Message, clock: Clock) -> Outcome:
    """One attempt, with all of the sink's settings but its repeats."""
    sink = SINKS[settings.type].build(name, settings, clock)
    try:
        return await sink.send(message, clock.now())
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
