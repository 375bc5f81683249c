"""Sources, sinks and rules, built from one valid configuration; immutable. The loops read it at each look and send."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from notifier import sinks, sources
from notifier.cadence import Cadence, Rhythm
from notifier.clock import Clock
from notifier.config.templates import templates
from notifier.net.fetch import Fetch
from notifier.net.order_api import OrderApi
from notifier.rendering.render import Templates
from notifier.routing.limits import Caps, QuietHours
from notifier.routing.rules import Rule
from notifier.sinks.base import Sink, SinkSettings
from notifier.sources.base import Source, SourceSettings
from notifier.sources.connect import build_order_api
from notifier.tracking.lifecycle import Tracking

if TYPE_CHECKING:
    from notifier.config.model import Config


NOTHING: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderSource:
    """One configured order API, with all that a look at it needs."""

    name: str
    settings: SourceSettings
    adapter: Source
    api: OrderApi
    cadence: Cadence
    tracking: Tracking


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """One configured way of telling."""

    name: str
    settings: SinkSettings
    sink: Sink


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    sources: Mapping[str, OrderSource]
    ways: Mapping[str, Way]
    rules: tuple[Rule, ...]
    personal_data: bool
    templates: Templates
    quiet_hours: QuietHours | None = None
    caps: Caps | None = None

    @property
    def channels(self) -> Mapping[str, Sink]:
        return {name: way.sink for name, way in self.ways.items()}

    def rule(self, name: str) -> Rule | None:
        return next((rule for rule in self.rules if rule.name == name), None)

    async def close(self) -> None:
        for source in self.sources.values():
            await source.api.close()
        for way in self.ways.values():
            await way.sink.close()


def build(
    config: "Config", clock: Clock, fetches: Mapping[str, Fetch] = NOTHING, others: Mapping[str, Sink] = NOTHING
) -> Runtime:
    """From a configuration that `config.load` has found valid.

    `fetches` (by source) and `others` (sinks by name) stand in for what would be built: another client, or a fake.
    """
    return Runtime(
        sources={
            name: _source(name, settings, config, clock, fetches.get(name)) for name, settings in config.sources.items()
        },
        ways={
            name: Way(name=name, settings=settings, sink=others.get(name) or _sink(name, settings, clock))
            for name, settings in config.sinks.items()
        },
        rules=tuple(config.rules),
        personal_data=config.events.personal_data,
        templates=templates(config),
        quiet_hours=config.quiet_hours,
        caps=config.caps,
    )


def _sink(name: str, settings: SinkSettings, clock: Clock) -> Sink:
    return sinks.REGISTRY[settings.type].build(name, settings, clock)


def _source(name: str, settings: SourceSettings, config: "Config", clock: Clock, fetch: Fetch | None) -> OrderSource:
    adapter = sources.REGISTRY[settings.type].build(settings)
    location = config.events.location
    return OrderSource(
        name=name,
        settings=settings,
        adapter=adapter,
        api=build_order_api(name, settings, adapter, clock, fetch),
        cadence=Rhythm(settings.poll, settings.retire_after, settings.give_up_after),
        tracking=Tracking(
            lost_looks=settings.lost.looks,
            lost_after=settings.lost.after,
            stalled_after=settings.stalled_after,
            backlog=config.events.backlog,
            least_distance=location.least_distance if location else None,
        ),
    )
