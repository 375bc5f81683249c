"""The seam of the sources, and the settings that all of them share."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr

from notifier.fields import Duration, Secret
from notifier.model import Snapshot
from notifier.net.fetch import Request, Response
from notifier.tracking.lifecycle import Lifecycle


class Source(Protocol):
    """An order API as two pure functions and a table; built from the settings model beside it."""

    lifecycle: Lifecycle
    salt: bytes  # adapter's version and settings: part of every digest

    def request(self, ids: Mapping[str, str], /) -> Request:
        """The request for one order, without authorization. Ids travel percent-encoded."""
        ...

    def read(self, body: bytes, /) -> Snapshot:
        """The whole answer, or LookFailed(unreadable)."""
        ...

    def refusal(self, response: Response, /) -> str:
        """What a 4xx says, for `why`: short, no personal data."""
        ...


class Model(BaseModel):
    """Base of the settings models: unknown keys are errors, values stay out of the messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True, hide_input_in_errors=True)


class OAuth2(Model):
    token_url: str
    client_id: str
    client_secret: str | None = None
    client_secret_file: str | None = None
    scope: str | None = None


class BudgetSettings(Model):
    requests_per_second: float = Field(default=10, gt=0)
    concurrency: int = Field(default=10, ge=1)


class LostSettings(Model):
    looks: int = Field(default=3, ge=1)
    after: Duration = 600_000


class SourceSettings(Model):
    """Keys that every source has (INTERFACE, 'Source keys'). Durations are int ms.

    `order_id` is the id that ends an order key; `account_ids` are the names of the ids that override `account`.
    """

    default_base_url: ClassVar[str | None] = None
    default_auth_scheme: ClassVar[str] = ""  # "" sends the bare token
    account_ids: ClassVar[tuple[str, ...]] = ()

    type: Any
    base_url: str | None = None
    token: str | None = None
    token_file: str | None = None
    oauth2: OAuth2 | None = None
    auth_scheme: str | None = None
    account: Mapping[str, str] = {}
    language: str | None = None
    timezone: str = "UTC"
    timeout: Duration = 10_000
    retry_for: Duration = 30_000
    max_body: int = 4 * 1024 * 1024
    budget: BudgetSettings = BudgetSettings()
    poll: Mapping[str, Duration] = {}
    retire_after: Duration = 900_000
    give_up_after: Duration = 7 * 86_400_000
    lost: LostSettings = LostSettings()
    stalled_after: Duration = 900_000

    _secret: Secret | None = PrivateAttr(default=None)

    def id_names(self) -> tuple[str, ...]:
        """The names that `ids` of a watch may use; `order_id` first."""
        return ("order_id", *self.account_ids)
