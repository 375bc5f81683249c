"""A whole configuration as one immutable value (INTERFACE, 'Configuration')."""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from notifier.config.limits import Caps, QuietHours
from notifier.config.rules import RuleField
from notifier.config.sections import (
    ApiSettings,
    CapsField,
    EventsSettings,
    KafkaSettings,
    LogSettings,
    QuietField,
    SqliteSettings,
    TemplatesSettings,
)
from notifier.config.watches import WatchField
from notifier.fields import Duration
from notifier.routing.rules import Rule
from notifier.sinks import REGISTRY as SINKS
from notifier.sinks.base import SinkSettings
from notifier.sources import REGISTRY as SOURCES
from notifier.sources.base import Model, SourceSettings

__all__ = ["SINKS", "SOURCES", "Caps", "Config", "QuietHours", "Rule"]

NAME_PATTERN = r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,62}[A-Za-z0-9_-])?"
_NAME = re.compile(NAME_PATTERN)


def _name(text: str) -> str:
    """A source's name begins every order key: it must travel in a URL's path as it stands."""
    if _NAME.fullmatch(text) is None:
        raise ValueError("a name has 1 to 64 letters, digits, `-`, `_` or `.`, and does not begin or end with a dot")
    return text


def _none() -> Mapping[str, Any]:
    return MappingProxyType({})


class _ByType:
    """The settings model that `type` names, one for each registered adapter."""

    def __init__(self, models: Mapping[str, type[Any]]) -> None:
        self._models = models

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {name: handler.generate_schema(model) for name, model in self._models.items()}
        return core_schema.tagged_union_schema(choices, discriminator="type")


BACKENDS: Mapping[str, type[Model]] = {"sqlite": SqliteSettings, "kafka": KafkaSettings}

Name = Annotated[str, AfterValidator(_name)]
SourceField = Annotated[SourceSettings, _ByType({name: adapter.settings for name, adapter in SOURCES.items()})]
SinkField = Annotated[SinkSettings, _ByType({name: adapter.settings for name, adapter in SINKS.items()})]
_Backend = Annotated[SqliteSettings | KafkaSettings, _ByType(BACKENDS)]


class Config(Model):
    """Everything that one replica runs on."""

    # Durations are ms. `watches` are bodies of POST /v1/watches, checked; `config.watches.parse_watch` makes a Watch.

    backend: _Backend = SqliteSettings(type="sqlite")
    api: ApiSettings = ApiSettings()
    log: LogSettings = LogSettings()
    retention: Duration = 30 * 86_400_000
    shutdown_grace: Duration = 10_000
    events: EventsSettings = EventsSettings()
    sources: Annotated[Mapping[Name, SourceField], AfterValidator(MappingProxyType)] = Field(default_factory=_none)
    sinks: Annotated[Mapping[Name, SinkField], AfterValidator(MappingProxyType)] = Field(default_factory=_none)
    rules: tuple[RuleField, ...] = ()
    templates: TemplatesSettings = TemplatesSettings()
    quiet_hours: QuietField | None = None
    caps: CapsField | None = None
    watches: tuple[WatchField, ...] = ()
