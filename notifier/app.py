"""Wiring only: from a valid configuration to running loops."""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import Mapping, Set
from functools import partial

import orjson
import structlog

from notifier.backends.base import Backend
from notifier.backends.kafka.backend import KafkaBackend
from notifier.backends.sqlite.backend import SqliteBackend
from notifier.clock import Clock, SystemClock
from notifier.config.model import Config
from notifier.config.sections import KafkaSettings
from notifier.config.watches import parse_watch
from notifier.metrics import Metrics, replace
from notifier.model import Command, Fact
from notifier.net.fetch import Fetch
from notifier.service import runtime
from notifier.service.deliverer import Deliverer
from notifier.service.desk import Desk
from notifier.service.endpoints import Endpoints
from notifier.service.holds import Holds
from notifier.service.notable import NotableLooks
from notifier.service.patience import until_available
from notifier.service.poller import Poller
from notifier.service.supervisor import Supervisor
from notifier.sinks.base import Sink

log = structlog.get_logger()

LEAST_TO_CLOSE = 0.25  # seconds for connections to be closed


class App:
    """The whole program but its doors. `desk` is what they talk to."""

    def __init__(
        self,
        config: Config,
        *,
        clock: Clock | None = None,
        backend: Backend | None = None,
        fetches: Mapping[str, Fetch] = runtime.NOTHING,
        sinks: Mapping[str, Sink] = runtime.NOTHING,
    ) -> None:
        """`clock`, `backend`, `fetches` (by source) and `sinks` (by name) stand in for what would be built."""
        self.config = config
        self.clock = clock or SystemClock()
        self.metrics = Metrics()
        self.backend: Backend = backend or _backend(config, self.clock, self.metrics)
        self.runtime = runtime.build(config, self.clock, fetches, sinks)
        self.endpoints = Endpoints(self._breaker_of, self.backend.tell, self.clock)
        notable = NotableLooks()
        self.poller = Poller(lambda: self.runtime, self.clock, self.metrics, notable)
        self.deliverer = Deliverer(lambda: self.runtime, self.endpoints, self.backend.view, self.clock, self.metrics)
        self.supervisor = Supervisor(
            self.backend,
            self.poller,
            self.deliverer,
            lambda: self.runtime,
            self.clock,
            self.metrics,
            notable,
            config.retention,
        )
        self.desk = Desk(
            config,
            self.clock,
            self.metrics,
            self.backend,
            self.supervisor,
            notable,
            self.endpoints,
            lambda: [*self.poller.stalled(), *self.deliverer.stalled()],
        )
        self.metrics.at_scrape(self._measure)
        self._holds = Holds(lambda: self.runtime, self.backend.tell, self.clock)
        self._loops: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Opens the backend and starts the loops; Refused when it cannot be opened."""
        await self.backend.open()
        self._loops = asyncio.create_task(self._run(), name="loops")

    @property
    def failed(self) -> "asyncio.Task[None]":
        """Done when a loop has died: then the process should end."""
        assert self._loops is not None
        return self._loops

    async def stop(self, within: float) -> None:
        """No new looks and sends; what is under way has part of `within` seconds, and the whole never takes longer."""
        await asyncio.gather(self.poller.close(min(within / 4, 1.0)), self.deliverer.close(within * 0.7))
        if self._loops is not None:
            self._loops.cancel()
            # How it ended, if by itself, is for whoever watches `failed`.
            await asyncio.wait([self._loops], timeout=within * 0.05)
        await self.backend.close(within * 0.2)
        try:
            async with asyncio.timeout(max(within * 0.05, LEAST_TO_CLOSE)):
                await self.runtime.close()
        except TimeoutError:
            log.warning("connections_not_closed")

    async def _run(self) -> None:
        known = await until_available(
            self.backend.known_facts, "facts_put_off"
        )  # before anything is sent: which endpoints are disabled, what is held
        self._holds.begin()
        for fact in known:
            self._take(fact)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._learn(), name="facts")
            group.create_task(self._holds.run(), name="held credentials")
            group.create_task(self._file_watches({fact.subject for fact in known}), name="watches of the file")
            await self.supervisor.run()

    async def _learn(self) -> None:
        async for fact in self.backend.facts():
            self._take(fact)

    def _take(self, fact: Fact) -> None:
        self._holds.learn(fact)
        if endpoint := self.endpoints.learn(fact):
            self.deliverer.wake(endpoint)

    async def _file_watches(self, known: Set[str]) -> None:
        """Each body of `watches:` once for each content, also after it was changed or removed by HTTP."""
        for body in self.config.watches:
            text = orjson.dumps(body, option=orjson.OPT_SORT_KEYS)
            subject = f"watch:{hashlib.sha256(text).hexdigest()}"
            if subject in known:
                continue
            watch = parse_watch(body, self.config.sources, self.clock.now())
            put = Command(kind="put", key=watch.key, watch=watch, at=watch.updated_at)
            fact = Fact(subject=subject, at=watch.updated_at)
            await until_available(partial(self._put_once, put, fact), "file_watch_put_off")

    async def _put_once(self, put: Command, fact: Fact) -> None:
        await self.backend.submit(put)
        await self.backend.tell(fact)

    def _breaker_of(self, sink: str) -> int:
        way = self.runtime.ways.get(sink)
        return way.settings.breaker if way else 0

    def _measure(self) -> None:
        """Gauges that are counted when somebody asks."""
        now = self.clock.now()
        # Each sink has its series from the start: an alert cannot tell 'none' from 'not there'.
        none: dict[tuple[str, ...], float] = {(name,): 0.0 for name in self.runtime.ways}
        closed: dict[tuple[str, ...], float] = {("sink", name): 0.0 for name in self.runtime.ways}
        pending, oldest = defaultdict(float, none), dict(none)
        for delivery in self.deliverer.pending():
            pending[delivery.sink,] += 1
            oldest[delivery.sink,] = max(oldest.get((delivery.sink,), 0.0), (now - delivery.created_at) / 1000)
        replace(self.metrics.orders, {labels: float(count) for labels, count in self.desk.counts().items()})
        replace(self.metrics.deliveries_pending, pending)
        replace(self.metrics.oldest_pending, oldest)
        replace(self.metrics.endpoints_disabled, none | self.endpoints.disabled_by_sink())
        for name, source in self.runtime.sources.items():
            self.metrics.budget_used.labels(name).set(source.api.budget.used_ratio())
        sources = {("source", name): float(it.api.breaker_open()) for name, it in self.runtime.sources.items()}
        replace(self.metrics.breaker_open, closed | sources | self.endpoints.breakers_by_sink())


def _backend(config: Config, clock: Clock, metrics: Metrics) -> Backend:
    settings = config.backend
    if isinstance(settings, KafkaSettings):
        return KafkaBackend(
            settings,
            lambda body, at: parse_watch(body, config.sources, at),
            config.retention,
            clock,
            lambda reason: metrics.watches_rejected.labels(reason).inc(),
            metrics.clock_ahead.set,
        )
    return SqliteBackend(settings.path, clock)
