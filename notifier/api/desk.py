"""What the API talks to: the service's desk, as the API needs it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from notifier.backends.base import View
from notifier.clock import Clock
from notifier.metrics import Metrics
from notifier.model import Delivery, Instant, Watch
from notifier.routing.line import Wait


class NotableLook(Protocol):
    """A look that was not simply unchanged. `outcome`: accepted, stale, doubtful, or the reason of a failure.

    `ended` is None for one that is still being repeated.
    """

    @property
    def began(self) -> Instant: ...
    @property
    def ended(self) -> Instant | None: ...
    @property
    def outcome(self) -> str: ...
    @property
    def detail(self) -> str: ...


class Live(Protocol):
    """What only the memory of an order's owner knows."""

    @property
    def next_poll_at(self) -> Instant | None: ...
    @property
    def last_ok_at(self) -> Instant | None: ...
    @property
    def last_error(self) -> str | None: ...
    @property
    def failures(self) -> int: ...
    @property
    def looks(self) -> Sequence[NotableLook]: ...


class ApiSettings(Protocol):
    @property
    def token_file(self) -> str | None: ...


class Settings(Protocol):
    """The part of the configuration that the API reads."""

    @property
    def api(self) -> ApiSettings: ...
    @property
    def sources(self) -> Mapping[str, object]: ...


class Desk(Protocol):
    """Where watches, orders and deliveries are asked for."""

    @property
    def config(self) -> Settings: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def metrics(self) -> Metrics: ...
    @property
    def view(self) -> View: ...

    async def put(self, body: object, /) -> tuple[Watch, bool]:
        """The watch, durable and visible, and whether it is new. InputError, Unavailable."""
        ...

    async def remove(self, key: str, /) -> bool:
        """Whether it was there. Unavailable."""
        ...

    async def retry(self, key: str, delivery_id: str, /) -> None:
        """Asks for another attempt; durable on return. Unavailable."""
        ...

    def live(self, key: str, /) -> Live | None:
        """None: another replica's order, or one not in memory."""
        ...

    def held(self, delivery: Delivery, /) -> Wait | None:
        """What holds a delivery back that is due, besides itself; None: nothing that is known here."""
        ...

    def stalled(self) -> tuple[str, ...]:
        """Loops that do not do what is due, though they could; empty when all is well."""
        ...

    def trouble(self) -> tuple[str, ...]:
        """Why it is not ready; empty when it is."""
        ...
