"""`notifier render`: a message as it would be sent, before anything is sent. It needs no service."""

from collections.abc import Callable, Sequence
from pathlib import Path

import click
import orjson
from msgspec.structs import replace

from notifier.cli import options, show
from notifier.config import addresses, messages
from notifier.config.load import DEFAULT_PATH, load_templates
from notifier.errors import ConfigError, Problem
from notifier.model import CloudEvent, EventType
from notifier.rendering import samples, segments
from notifier.rendering.render import DIGEST, GROUP, Kind, Part, Templates
from notifier.routing import facts
from notifier.routing.facts import Facts


@click.command()
@click.option(
    "--event",
    help="An event type, for a made-up event, or a file with events as `notifier events --json` prints them"
    " (- is standard input); several are told as a group. [default: one that fits the template]",
)
@click.option("--template", help="What a rule would name. [default: the event type's]")
@click.option("--locale", default="en", show_default=True, help="The reader's language.")
@click.option("--timezone", help="The reader's time zone. [default: the source's]")
@click.option("--sink", "kind", type=click.Choice(("email", "sms")), default="email", show_default=True)
@click.option("--html", is_flag=True, help="The mail's HTML, to look at in a browser.")
@click.option("-c", "--config", type=options.FILE, help=f"With its templates and zones. [{DEFAULT_PATH}, if there]")
@options.as_json
def render(
    event: str | None,
    template: str | None,
    locale: str,
    timezone: str | None,
    kind: Kind,
    html: bool,
    config: Path | None,
    as_json: bool,
) -> None:
    """Show a message before it is sent.

    An event from a file tells only what left the house with it: the recipients' messages know names and phones too.
    """
    if html and kind == "sms":
        raise click.UsageError("--html is for mails: leave it out, or write --sink email")
    templates = _templates(config)
    told = [
        replace(each, locale=_checked("--locale", addresses.locale, locale), timezone=_zone(timezone, each))
        for each in _events(event, template, locale)
    ]
    if template is not None and template not in templates.names | {GROUP, DIGEST}:
        raise ConfigError([Problem("--template", messages.unknown("template", template, templates.names))])
    parts = [Part(each, template or each.type) for each in told]
    rendered = templates.render(parts, kind, digest=template == DIGEST)
    if as_json:
        show.json({"sink": kind, "locale": locale, **_shown(kind, *rendered)})
    elif html:
        show.line(rendered.html.rstrip("\n"))
    elif kind == "sms":
        show.line(rendered.text)
        size = segments.size(rendered.text)
        cost = f"{size.units} {'septets' if size.encoding == 'gsm7' else 'UCS-2 units'}"
        click.echo(f"({cost}, {show.counted(size.segments, 'segment')})", err=True)
    else:
        show.line(f"Subject: {rendered.subject}\n\n{rendered.text.rstrip()}")


def _shown(kind: Kind, subject: str, text: str, html: str) -> dict[str, object]:
    if kind == "sms":
        return {"text": text, **segments.size(text)._asdict()}
    return {"subject": subject, "text": text, "html": html}


def _templates(config: Path | None) -> Templates:
    path = config or DEFAULT_PATH
    return load_templates(path) if config is not None or path.exists() else Templates(samples.ORIGINS)


def _zone(given: str | None, told: Facts) -> str | None:
    return told.timezone if given is None else _checked("--timezone", addresses.timezone, given)


def _events(event: str | None, template: str | None, locale: str) -> Sequence[Facts]:
    """Made-up facts, or those of the events in a file."""
    name = event or (template if template in samples.names() else "phase_changed")
    if name in samples.names():
        before = ("performer_changed", "phase_changed") if template in (GROUP, DIGEST) else ()
        return [samples.facts(each, locale) for each in (*before, name)]
    try:
        with click.open_file(name, "rb") as file:
            lines = [line for line in file.read().splitlines() if line.strip()]
    except OSError as error:
        advice = f"{name} cannot be read ({error.strerror}); event types are {', '.join(EventType)}"
        raise ConfigError([Problem("--event", advice)]) from None
    return _read(lines)


def _read(lines: Sequence[bytes]) -> list[Facts]:
    """One structured CloudEvent over several lines, one on each, or the items of a list."""
    try:
        found = [orjson.loads(b"\n".join(lines))]
    except orjson.JSONDecodeError:
        try:
            found = [orjson.loads(line) for line in lines]
        except orjson.JSONDecodeError as error:
            raise ConfigError([Problem("--event", f"is not JSON: {error}")]) from None
    events = [item for each in found for item in (each.get("items", [each]) if isinstance(each, dict) else [each])]
    if not events:
        raise ConfigError([Problem("--event", "holds no event")])
    return [_facts(each) for each in events]


def _facts(told: object) -> Facts:
    try:
        assert isinstance(told, dict)
        attributes = {name: text for name, text in told.items() if name != "data"}
        event = CloudEvent(attributes=attributes, data=orjson.dumps(told["data"]))
        return facts.published(event)
    except (AssertionError, KeyError, TypeError, ValueError, AttributeError):
        advice = "is not a structured CloudEvent: write what `notifier events --json` prints"
        raise ConfigError([Problem("--event", advice)]) from None


def _checked(option: str, check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except ValueError as error:
        raise ConfigError([Problem(option, str(error))]) from None
