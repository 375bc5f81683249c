"""For who receives webhooks: `sign`, `verify-signature`, `listen` and `webhook-secret`."""

import sys
from collections.abc import Sequence
from pathlib import Path

import click

from notifier.cli import show
from notifier.cli.listen import listen
from notifier.cli.options import as_json, config_file
from notifier.cli.secrets import followed, secret_file
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.errors import ConfigError, Problem
from notifier.sinks import signing
from notifier.sinks.signing import ID, SIGNATURE, TIMESTAMP, NotVerified, SymmetricKey
from notifier.sinks.target import target
from notifier.sinks.webhook import WebhookSettings


def _id(_context: click.Context, _parameter: click.Parameter, id: str) -> str:
    if not id or not id.isascii() or not id.isprintable() or " " in id:
        raise click.BadParameter("must be visible ASCII characters: it travels in a header")
    return id


message_id = click.option("--id", required=True, callback=_id, help="The webhook-id.")
timestamp = click.option("--timestamp", type=click.IntRange(0), required=True, help="Seconds since 1970, UTC.")


@click.command()
@secret_file
@message_id
@timestamp
@as_json
def sign(secret_file: Path, id: str, timestamp: int, as_json: bool) -> None:
    """The three headers for a body on standard input."""
    keys = followed(secret_file, signing.signing_keys).get()
    body = sys.stdin.buffer.read()
    headers = {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: signing.sign(id, timestamp, body, keys)}
    if as_json:
        show.json(headers)
    else:
        for name, value in headers.items():
            show.line(f"{name}: {value}")


@click.command("verify-signature")
@secret_file
@message_id
@timestamp
@click.option("--signature", required=True, help="The webhook-signature header's value.")
@click.option("--tolerance", type=click.IntRange(0), help="Seconds that the timestamp may be off. [default: any]")
@as_json
@click.pass_context
def verify_signature(
    context: click.Context,
    secret_file: Path,
    id: str,
    timestamp: int,
    signature: str,
    tolerance: int | None,
    as_json: bool,
) -> None:
    """Whether a body on standard input was signed with one of the keys: exits 0 or 1."""
    keys = followed(secret_file, signing.parse_keys).get()
    body = sys.stdin.buffer.read()
    headers = {ID: id, TIMESTAMP: str(timestamp), SIGNATURE: signature}
    refused = ""
    try:
        signing.verify(headers, body, keys, SystemClock().now(), tolerance)
    except NotVerified as error:
        refused = str(error)
    if as_json:
        show.json({"verified": not refused, "reason": refused or None})
    elif not refused:
        show.line("verified")
    else:
        click.echo(f"not verified: {refused}", err=True)
    context.exit(1 if refused else 0)


@click.command("webhook-secret")
@click.argument("sink")
@click.argument("url")
@config_file
@as_json
def webhook_secret(sink: str, url: str, config: Path, as_json: bool) -> None:
    """The secret of a recipient's URL: give it to whoever owns the URL."""
    settings = load(config).sinks.get(sink)
    if not isinstance(settings, WebhookSettings):
        raise ConfigError([Problem(f"sinks.{sink}", "is not a webhook sink of this configuration")])
    try:
        target(url)
    except ValueError as error:
        raise ConfigError([Problem("URL", str(error))]) from None
    key = next((key for key in settings.keys.own() if isinstance(key, SymmetricKey)), None)
    if key is None:
        raise click.ClickException(
            "this sink has no whsec_ key to derive from: it signs with its whsk_ key as it is, "
            "so give the recipient the public key"
        )
    secret = signing.derive(key, url)
    if as_json:
        show.json({"sink": sink, "url": url, "secret": secret})
    else:
        show.line(secret)


COMMANDS: Sequence[click.Command] = (sign, verify_signature, listen, webhook_secret)
"""What `notifier` takes from here."""
