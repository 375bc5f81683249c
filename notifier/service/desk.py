"""What a front end may ask of the service: the one surface for HTTP, dashboard and demo."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from notifier.backends.base import Backend, OrderQuery, View
from notifier.clock import Clock
from notifier.config.model import Config
from notifier.config.watches import parse_watch
from notifier.errors import Conflict, Reason
from notifier.metrics import Metrics
from notifier.model import Command, Delivery, Instant, Watch
from notifier.routing.line import Wait
from notifier.service.endpoints import Endpoints
from notifier.service.notable import NotableLook, NotableLooks
from notifier.service.supervisor import Supervisor


class Live(NamedTuple):
    """What only the owner's memory knows of an order."""

    next_poll_at: Instant | None  # while a look is under way: when that was due
    last_ok_at: Instant | None
    last_error: str | None
    failures: int
    looks: tuple[NotableLook, ...]


class Desk:
    """Commands are durable on return; reading is the view's, and the owner's memory for what is newer than a commit."""

    def __init__(
        self,
        config: Config,
        clock: Clock,
        metrics: Metrics,
        backend: Backend,
        supervisor: Supervisor,
        notable: NotableLooks,
        endpoints: Endpoints,
        stalled: Callable[[], Sequence[str]],
    ) -> None:
        """`stalled`: names of loops that do not do what is due."""
        self.config = config
        self.clock = clock
        self.metrics = metrics
        self._backend = backend
        self._supervisor = supervisor
        self._notable = notable
        self._endpoints = endpoints
        self._stalled = stalled

    @property
    def view(self) -> View:
        return self._backend.view

    async def put(self, body: object) -> tuple[Watch, bool]:
        """Begins or changes a watch. True: it is new.

        InputError: a wrong body; Conflict: the order is kept under another account; Unavailable: not now.
        """
        watch = parse_watch(body, self.config.sources, self.clock.now())
        await self._check_account(body, watch)
        new = await self._backend.submit(Command(kind="put", key=watch.key, watch=watch, at=watch.updated_at))
        return watch, new

    async def _check_account(self, body: object, watch: Watch) -> None:
        """An account stays with its order: one that is named must be the kept one, whatever the source's is now."""
        if not (isinstance(body, Mapping) and isinstance(body.get("ids"), Mapping) and len(body["ids"]) > 1):
            return
        page = await self.view.find(OrderQuery(key=watch.key))
        for order in page.items:
            if order.watch.ids != watch.ids:
                raise Conflict(
                    f"{watch.key} is followed with another account, from when the source's was another one: "
                    "leave the account out to go on with it, or remove the watch and wait until its retention is over."
                )

    async def remove(self, key: str) -> bool:
        """False: there is no such watch."""
        return await self._backend.submit(Command(kind="remove", key=key, at=self.clock.now()))

    async def retry(self, key: str, delivery_id: str) -> None:
        """Asks for another attempt of a delivery of that order; durable on return."""
        command = Command(kind="retry", key=key, delivery=delivery_id, at=self.clock.now())
        await self._backend.submit(command)

    def live(self, key: str) -> Live | None:
        """None: the order is not in this replica's memory."""
        for shard in self._supervisor.shards.values():
            order = shard.orders.get(key)
            if order is not None:
                known = order.source in self.config.sources
                due = order.was_due if order.due is None and order.busy else order.due
                looks, error, trouble = self._notable.of(key), order.error, order.trouble
                if trouble is not None:
                    looks += (NotableLook(trouble.since, None, trouble.reason, trouble.detail),)
                    error = trouble.reason
                return Live(
                    next_poll_at=due if known else None,
                    last_ok_at=order.last_ok,
                    last_error=error if known else Reason.UNKNOWN_SOURCE,
                    failures=order.failures,
                    looks=looks,
                )
        return None

    def held(self, delivery: Delivery) -> Wait | None:
        """What holds a delivery back that is due, besides itself; None: nothing that this replica knows of."""
        if delivery.sink not in self.config.sinks:
            return Wait(None, Reason.UNKNOWN_SINK)
        return self._endpoints.held(delivery.endpoint)

    def counts(self) -> Counter[tuple[str, str]]:
        """Orders in this replica's memory by source and phase."""
        return sum((shard.phases for shard in self._supervisor.shards.values()), Counter())

    def stalled(self) -> tuple[str, ...]:
        """Loops that do not do what is due, though they could: only a restart helps. Empty when all is well."""
        return tuple(dict.fromkeys(self._stalled()))

    def trouble(self) -> tuple[str, ...]:
        """Why this replica is not ready; empty when it is."""
        reasons = []
        if trouble := self._backend.trouble():
            reasons.append(trouble)
        shards = self._supervisor.shards.values()
        if not shards:
            reasons.append("no shard is owned yet")
        for shard in shards:
            if not shard.ready:
                reasons.append(f"shard {shard.number} is being restored")
            elif shard.committer.blocked and shard.committer.blocked not in reasons:
                reasons.append(shard.committer.blocked)
        return tuple(reasons)
