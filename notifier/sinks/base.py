"""The seam of the sinks, and the settings that all of them share."""

from typing import Any, ClassVar, Literal, NamedTuple, Protocol, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

from notifier.errors import Reason
from notifier.fields import Duration
from notifier.model import CloudEvent, Instant

Address: TypeAlias = Literal["email", "phone", "webhook"]
"""Which of a recipient's addresses."""


class Message(NamedTuple):
    """What one send carries. People's sinks use subject, text and html; the others the event's own bytes."""

    id: str
    to: str | None
    event: CloudEvent
    subject: str = ""
    text: str = ""
    html: str = ""


class Outcome(NamedTuple):
    """How one attempt ended. `after` is Retry-After in seconds; `gone` disables the endpoint (410).

    `units` is what it cost, or may have cost: the segments of an SMS. `alone`: tried again for a reason of this
    message's own; the endpoint is well, and its breaker counts no failure.
    """

    kind: Literal["delivered", "again", "dead", "gone"]
    status: str | None = None
    reason: Reason | None = None
    detail: str = ""  # the other side's words, short, without secrets or whole addresses
    after: float | None = None
    units: int = 1
    alone: bool = False


class Sink(Protocol):
    """One configured way of telling."""

    people: bool  # needs `to` and a template; not told of inferred and late events
    at_most_once: bool  # `sending` is committed before the request
    address: Address | None  # which of a recipient's addresses it sends to

    def endpoint(self, to: str | None, /) -> str:
        """Breaker, Retry-After and 410 go by it: a webhook's URL, an SMTP server, a gateway."""
        ...

    async def send(self, message: Message, now: Instant, /) -> Outcome:
        """One attempt; never raises for the other side's faults."""
        ...

    async def close(self) -> None: ...


DEFAULT_RETRIES = tuple(
    round(hours * 3_600_000) for hours in (5 / 3600, 5 / 60, 0.5, 2, 5, 10, 14, 20, 24)
)  # Standard Webhooks, "retry schedule"


class SinkSettings(BaseModel):
    """Keys that every sending sink has (INTERFACE, 'Sink keys'). Durations are int ms.

    `people` and `address` are those of the sink: what a rule's `to` is checked against.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)
    people: ClassVar[bool] = False
    address: ClassVar[Address | None] = None

    type: Any
    timeout: Duration = Field(default=15_000, gt=0)
    retries: tuple[Duration, ...] = DEFAULT_RETRIES
    breaker: int = Field(default=10, ge=0)

    @property
    def at_once(self) -> int | None:
        """How many sends to one endpoint can be under way at once, where the sink itself bounds them: what would wait
        inside it for its turn is rather not begun. It would be sent as decided then, and its time-out would run."""
        return None

    @property
    def wants_text(self) -> bool:
        """Whether a sink that is not for people has a place for a message in words all the same."""
        return False
