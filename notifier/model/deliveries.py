"""What is sent, what is asked for, and what every replica must know."""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from notifier.model.events import CloudEvent
from notifier.model.orders import Watch
from notifier.model.words import Instant, Value


class Attempt(Value, frozen=True, kw_only=True):
    """One send. `status` is the other side's code as text; `ms` how long it took; `units` the segments of an SMS."""

    at: Instant
    outcome: Literal["delivered", "again", "dead", "gone"]
    status: str | None = None
    reason: str | None = None
    detail: str = ""
    ms: int = 0
    units: int = 1


DeliveryState: TypeAlias = Literal["pending", "sending", "delivered", "dead", "expired", "skipped"]


DIGEST = "*"
"""The group of what a cap held back for one address, whatever its order."""


class Delivery(Value, frozen=True, kw_only=True):
    """One event for one recipient over one sink. `id` is the `webhook-id`.

    `due` is when the next attempt may start, `expires` when it is too late. `facts` are what a message to people needs
    as of its event (packed, personal; dropped when delivered). `held` says why it waits, `reason` how it ended.
    `retried` is set by an operator's retry: such an attempt may pass a disabled endpoint.
    Deliveries of one lane and one `group` may become one message (DIGEST: held back by a cap); `message` is then its
    id, from before the first attempt on. None: a message of its own, under the delivery's id. `once` is what
    `State.told` remembers of it.
    """

    id: str
    key: str
    event: CloudEvent
    facts: bytes | None = None
    rule: str
    sink: str
    to: str | None = None
    endpoint: str
    template: str | None = None
    group: str | None = None
    message: str | None = None
    once: str | None = None
    state: DeliveryState = "pending"
    due: Instant | None = None
    expires: Instant | None = None
    held: str | None = None
    reason: str | None = None
    attempts: tuple[Attempt, ...] = ()
    created_at: Instant
    finished_at: Instant | None = None
    tries: int = 0  # attempts since it was created or retried: the place in the retry schedule
    retried: bool = False
    extra: Mapping[str, Any] = {}  # fields of a newer release, kept and written back by codec

    @property
    def open(self) -> bool:
        return self.state in ("pending", "sending")

    @property
    def lane(self) -> tuple[str, str | None, str]:
        """Strictly in order: sink × address × order. What a cap held back waits by itself: sink × address."""
        return (self.sink, self.to, "" if self.group == DIGEST else self.key)


class Command(Value, frozen=True, kw_only=True):
    """What is asked of an order. `number` orders the commands of a shard (row number, or offset)."""

    kind: Literal["put", "remove", "retry"]
    key: str
    watch: Watch | None = None
    delivery: str | None = None
    at: Instant = 0
    number: int = 0


class Fact(Value, frozen=True, kw_only=True):
    """Known to every replica: of an endpoint (`endpoint:<sink>:<address>`) or a credential (`credential:<source>`)."""

    subject: str
    held_until: Instant | None = None
    disabled: bool = False
    at: Instant
