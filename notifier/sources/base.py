"""The seam of the sources, and the settings that all of them share."""

import hashlib
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Protocol
from zoneinfo import ZoneInfo

import orjson
from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PrivateAttr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from notifier.fields import Duration, Secret, Size
from notifier.model import Phase, Snapshot
from notifier.net.fetch import Request, Response
from notifier.net.settings import Model as Model  # theirs, too: the settings of all sections derive from it
from notifier.net.settings import OAuth2
from notifier.sources import checks
from notifier.tracking.lifecycle import Lifecycle

SHORTEST_POLL = 50
ACCEPT = ("Accept", "application/json")


class Source(Protocol):
    """An order API as two pure functions and a table; built from the settings model beside it."""

    lifecycle: Lifecycle
    salt: bytes  # adapter's version and settings: part of every digest; at most 64 bytes

    def request(self, ids: Mapping[str, str], /) -> Request:
        """The request for one order, without authorization. Ids (resolved ones) travel percent-encoded."""
        ...

    def read(self, body: bytes, /) -> Snapshot:
        """The whole answer, or LookFailed(unreadable)."""
        ...

    def refusal(self, response: Response, /) -> str:
        """What a 4xx says, for `why`: short, no personal data."""
        ...


class BudgetSettings(Model):
    requests_per_second: float = Field(default=10, gt=0, allow_inf_nan=False)
    concurrency: int = Field(default=10, ge=1)


class LostSettings(Model):
    looks: int = Field(default=3, ge=1)
    after: Duration = 600_000


def _poll_key(name: str) -> str:
    if name != "default" and name not in Phase.__members__.values():
        raise ValueError(f"is neither default nor a phase: use one of {', '.join(Phase)}")
    return name


def _poll_interval(ms: int) -> int:
    if ms < SHORTEST_POLL:
        raise ValueError(f"is too short: an order is polled every {SHORTEST_POLL}ms at most")
    return ms


IdText = Annotated[
    str, BeforeValidator(checks.id_text), WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "integer"}]})
]
"""An id in a configuration: text, or an integer in decimal."""


class SourceSettings(Model):
    """Keys that every source has (INTERFACE, 'Source keys'). Durations are int ms.

    `order_id` is the id that ends an order key; `account_ids` are the names of the ids that override `account`, of
    which `optional_ids` may be missing. After validation `base_url` is the address to use, without its last slash.
    """

    errand: ClassVar[Literal["ride", "delivery", "food", "order"]] = "order"  # what messages to people call an order
    default_base_url: ClassVar[str | None] = None
    default_auth_scheme: ClassVar[str] = ""  # "" sends the bare token
    account_ids: ClassVar[tuple[str, ...]] = ()
    optional_ids: ClassVar[frozenset[str]] = frozenset()
    needs_secret: ClassVar[bool] = True

    type: Any
    base_url: str | None = Field(default=None, validate_default=True)
    oauth2: OAuth2 | None = None
    token_file: str | None = None
    token: str | None = Field(default=None, repr=False, validate_default=True)
    auth_scheme: Annotated[str, AfterValidator(checks.auth_scheme)] | None = None
    account: Mapping[str, IdText] = {}
    language: Annotated[str, AfterValidator(checks.language)] | None = None
    timezone: str = "UTC"
    timeout: Duration = Field(default=10_000, gt=0)
    retry_for: Duration = 30_000
    max_body: Size = Field(default=4 * 1024 * 1024, ge=1)
    budget: BudgetSettings = BudgetSettings()
    poll: Mapping[Annotated[str, AfterValidator(_poll_key)], Annotated[Duration, AfterValidator(_poll_interval)]] = (
        Field(default={}, json_schema_extra={"propertyNames": {"enum": ["default", *Phase]}})
    )
    retire_after: Duration = 900_000
    give_up_after: Duration = Field(default=7 * 86_400_000, gt=0)
    lost: LostSettings = LostSettings()
    stalled_after: Duration = Field(default=900_000, gt=0)

    _secret: Secret | None = PrivateAttr(default=None)

    @field_validator("base_url")
    @classmethod
    def _is_address(cls, text: str | None) -> str | None:
        text = cls.default_base_url if text is None else text
        if text is None:
            raise ValueError("is missing: write the address that precedes the documented path, as in https://host")
        return checks.base_url(text)

    @field_validator("token_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        if path is not None:
            checks.secret_file(path)
        return path

    @field_validator("token")
    @classmethod
    def _is_one_secret(cls, token: str | None, info: ValidationInfo) -> str | None:
        """Checked last of the three, so that it sees the others; one that was wrong itself is not in `data`."""
        if token is not None:
            checks.secret(token)
        others = [name for name in ("token_file", "oauth2") if info.data.get(name) is not None]
        wrong = [name for name in ("token_file", "oauth2") if name not in info.data]
        if len(others) + (token is not None) > 1:
            raise ValueError("is one of several secrets: give only one of token, token_file and oauth2")
        if cls.needs_secret and token is None and not others and not wrong:
            raise ValueError("is missing: give one of token, token_file and oauth2")
        return token

    @field_validator("account")
    @classmethod
    def _is_account(cls, account: Mapping[str, str]) -> Mapping[str, str]:
        return cls.check_account(account, cls.account_ids)

    @field_validator("timezone")
    @classmethod
    def _is_zone(cls, name: str) -> str:
        checks.zone(name)
        return name

    @model_validator(mode="after")
    def _keep_secret(self) -> "SourceSettings":
        if self.token_file is not None:
            self._secret = checks.secret_file(self.token_file)
        elif self.token is not None:
            self._secret = Secret(self.token)
        return self

    @staticmethod
    def check_account(account: Mapping[str, str], names: tuple[str, ...]) -> Mapping[str, str]:
        if unknown := sorted(set(account) - set(names)):
            uses = f"use {', '.join(names)}" if names else "this source has none"
            raise ValueError(f"has unknown names ({', '.join(unknown)}): {uses}")
        return account

    @property
    def secret(self) -> Secret | None:
        """The token, read again when its file changes; None with oauth2 or without any."""
        return self._secret

    @property
    def scheme(self) -> str:
        """The word before the token in Authorization; empty: the bare token."""
        return self.default_auth_scheme if self.auth_scheme is None else self.auth_scheme

    @property
    def address(self) -> str:
        """`base_url` or its default."""
        assert self.base_url is not None  # its validator saw to it
        return self.base_url

    @property
    def zone(self) -> ZoneInfo:
        return checks.zone(self.timezone)

    def id_names(self) -> tuple[str, ...]:
        """The names that `ids` of a watch may use; `order_id` first."""
        return ("order_id", *self.account_ids)


def salt_of(version: int, settings: SourceSettings, *fields: str) -> bytes:
    """16 bytes of the adapter's version and of all settings that change what an answer is read as."""
    told = settings.model_dump(mode="json", include={"type", "timezone", *fields})
    return hashlib.blake2b(orjson.dumps([version, told], option=orjson.OPT_SORT_KEYS), digest_size=16).digest()
