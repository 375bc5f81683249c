"""`notifier check`: what is wrong with a configuration, and with --live whether order APIs and sinks can be reached."""

import asyncio
import secrets
from pathlib import Path
from typing import Any, Literal, NamedTuple

import click

from notifier.cli import options, show
from notifier.clock import Clock, SystemClock
from notifier.config.load import load
from notifier.config.model import SOURCES, Config
from notifier.errors import ConfigError, LookFailed, Reason
from notifier.sinks import REGISTRY as SINKS
from notifier.sinks.base import SinkSettings
from notifier.sources.base import SourceSettings
from notifier.sources.connect import build_order_api

_UNKNOWN_ORDER = frozenset({400, 404, 422})
"""Reached, and the token accepted: only the order is unknown, or its id not of the form that this API gives out."""

_VERDICTS = {True: "ok", False: "FAILED", None: "not tried"}


class Answer(NamedTuple):
    """`ok` None: it cannot be asked without doing something."""

    kind: Literal["source", "sink"]
    name: str
    ok: bool | None
    said: str

    def shape(self) -> dict[str, Any]:
        return {self.kind: self.name, "ok": self.ok, "said": self.said}


@click.command()
@options.config_file
@click.option(
    "--live",
    is_flag=True,
    help="Also ask each order API once, for an order that it cannot know, and connect to the sinks' other side.",
)
@options.as_json
def check(config: Path, live: bool, as_json: bool) -> None:
    """Say everything that is wrong with the configuration, without starting anything."""
    try:
        settings = load(config)
    except ConfigError as error:
        if not as_json:
            raise
        show.json({"valid": False, "problems": [problem._asdict() for problem in error.problems]})
        raise click.exceptions.Exit(2) from None
    answers = asyncio.run(ask_all(settings, SystemClock())) if live else []
    if as_json:
        show.json({"valid": True, "problems": [], "live": [answer.shape() for answer in answers] if live else None})
    else:
        parts = {"source": settings.sources, "sink": settings.sinks, "rule": settings.rules}
        counts = ", ".join(show.counted(len(each), what) for what, each in parts.items())
        show.line(f"{config} is valid: {counts}")
        for answer in answers:
            show.line(f"{answer.name}\t{_VERDICTS[answer.ok]}\t{show.clean(answer.said)}")
    if any(answer.ok is False for answer in answers):
        raise click.exceptions.Exit(1)


async def ask_all(config: Config, clock: Clock) -> list[Answer]:
    sources = (ask(name, settings, clock) for name, settings in config.sources.items())
    sinks = (reach(name, settings, clock) for name, settings in config.sinks.items())
    return list(await asyncio.gather(*sources, *sinks))


async def reach(name: str, settings: SinkSettings, clock: Clock) -> Answer:
    """Whether a sink could send; nobody is told anything."""
    return Answer("sink", name, *await SINKS[settings.type].reach(settings, clock))


async def ask(name: str, settings: SourceSettings, clock: Clock) -> Answer:
    """One request, with the source's own credential, for an order id that nobody has given out.

    It is a number: where ids are numbers, another text may be refused before anybody looks at the token.
    """
    adapter = SOURCES[settings.type].build(settings)
    accounts = settings.id_names()[1:]
    guessed = [each for each in accounts if each not in settings.account and each not in settings.optional_ids]
    unknown = str(10**17 + secrets.randbelow(9 * 10**17))
    ids = {**dict.fromkeys(guessed, "unknown"), **settings.account, "order_id": unknown}
    once = settings.model_copy(update={"retry_for": 0})
    api = build_order_api(name, once, adapter, clock)
    try:
        await api.get(adapter.request(ids))
    except LookFailed as failure:
        return Answer("source", name, *_verdict(failure, guessed))
    finally:
        await api.close()
    return Answer("source", name, True, "answered")


def _verdict(failure: LookFailed, guessed: list[str]) -> tuple[bool, str]:
    if failure.status in _UNKNOWN_ORDER:
        return True, "reached, token accepted"
    if failure.reason == Reason.FORBIDDEN and guessed:
        return True, f"reached; without {', '.join(guessed)} in `account` nothing is known of the token's rights"
    return False, str(failure)
