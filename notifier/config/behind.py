"""What can be said of watches and sends whose source or sink is itself wrong: so that no error hides another one."""

from collections.abc import Iterator, Mapping
from typing import Any

from notifier.config.model import SINKS, SOURCES
from notifier.config.text import Where
from notifier.sinks.base import SinkSettings
from notifier.sources import SourceSettings
from notifier.sources.ids import MISSING_ACCOUNT, examine_ids
from notifier.sources.json_settings import JsonSettings, template_names


def wrong_ids(source: object, ids: object) -> Iterator[tuple[Where, str]]:
    """Problems of a watch's `ids`, as far as the values of its source tell what they should be."""
    if not isinstance(ids, Mapping):
        return
    names, needed = _names(source)
    _, problems = examine_ids(ids, names)
    for problem in problems:
        yield (problem.path,), problem.message
    account = source.get("account") if isinstance(source, Mapping) else None
    if not problems and (account is None or isinstance(account, Mapping)):
        for name in needed:
            if name not in ids and name not in (account or ()):
                yield (name,), MISSING_ACCOUNT


def sink_settings(sink: object) -> type[SinkSettings] | None:
    """The settings model of a sink that is not valid: it knows what a rule's `to` may be."""
    registered = SINKS.get(_type(sink))
    return None if registered is None else registered.settings


def _names(source: object) -> tuple[tuple[str, ...] | None, tuple[str, ...]]:
    """The names that `ids` may use (None: nobody can tell), and those of the account that are needed."""
    registered = SOURCES.get(_type(source))
    if registered is None:
        return None, ()
    settings: type[SourceSettings] = registered.settings
    if issubclass(settings, JsonSettings):
        names = template_names(source)
        return (None, ()) if names is None else (names, names[1:])
    needed = tuple(name for name in settings.account_ids if name not in settings.optional_ids)
    return ("order_id", *settings.account_ids), needed


def _type(values: Any) -> str:
    type = values.get("type") if isinstance(values, Mapping) else None
    return type if isinstance(type, str) else ""
