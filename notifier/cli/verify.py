"""`notifier verify`: is what was published sound? An audit of the topics, or of the embedded file."""

import asyncio
from pathlib import Path

import click

from notifier.backends.audit import Audit
from notifier.cli import options, show
from notifier.config.load import load
from notifier.config.model import Config
from notifier.config.sections import KafkaSettings


@click.command()
@options.config_file
@options.as_json
def verify(config: Path, as_json: bool) -> None:
    """Look for lost, doubled, reordered or forked events; the service may be at work meanwhile."""
    audit = _audit(load(config))
    harmed = dict(sorted(audit.counts.items()))
    if as_json:
        findings = [finding._asdict() for finding in audit.findings]
        show.json({"events": audit.events, "orders": audit.orders, "counts": harmed, "findings": findings})
    else:
        for it in audit.findings:
            show.line(
                f"{it.kind}\t{show.clean(it.key) or '-'}\t{it.sequence or '-'}\t{it.place}\t{show.clean(it.detail)}"
            )
        said = ", ".join(f"{count} {kind}" for kind, count in harmed.items()) or "nothing wrong"
        show.line(f"{show.counted(audit.events, 'event')} of {show.counted(audit.orders, 'order')}: {said}")
    if harmed:
        raise click.exceptions.Exit(1)


def _audit(config: Config) -> Audit:
    backend = config.backend
    if isinstance(backend, KafkaSettings):
        return asyncio.run(_kafka(backend))
    from notifier.backends.sqlite.audit import audit

    return audit(Path(backend.path))


async def _kafka(settings: KafkaSettings) -> Audit:
    from notifier.backends.kafka.audit import audit
    from notifier.backends.kafka.topics import Topics
    from notifier.net.kafka.client import Clients

    clients, topics = Clients(settings), Topics(settings.topic_prefix)
    try:
        return await audit(clients, topics.events, topics.shards)
    finally:
        await clients.close()
