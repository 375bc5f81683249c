"""The settings of a `json` source: where to ask, and where in the answer to look (INTERFACE, 'json source')."""

import re
from collections.abc import Mapping
from itertools import chain
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from notifier.expressions import Expression
from notifier.model import Phase
from notifier.sources import checks
from notifier.sources.base import Model, SourceSettings
from notifier.sources.templates import Template

_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_URL = re.compile(r"[A-Za-z0-9._~:/@!$&'()*+,;=%?{}-]+")  # RFC 3986 without fragment, and the braces of `{name}`
_OURS = frozenset({"authorization", "host", "connection", "content-length", "transfer-encoding"})


def _phase(phase: Phase | None) -> Phase | None:
    if phase is Phase.UNKNOWN:
        raise ValueError("is no phase to be in: write null for a status that carries none")
    return phase


class ScheduleQueries(Model):
    start: Expression | None = None
    end: Expression | None = None


class PerformerQueries(Model):
    """`vehicle` finds a text (the model), or an object {model, plate, color}."""

    name: Expression | None = None
    phone: Expression | None = None
    vehicle: Expression | None = None


class HistoryQueries(Model):
    """`items` finds the list; the others are applied to each of its items."""

    items: Expression
    event: Expression
    at: Expression


class StatusLogQueries(Model):
    items: Expression
    status: Expression
    at: Expression


class JsonSettings(SourceSettings):
    """`url` follows `base_url`; it and the headers may hold ids as `{name}`, of which `{order_id}` is one."""

    model_config = ConfigDict(json_schema_extra={"required": ["type", "base_url", "url", "status", "phases"]})
    default_auth_scheme: ClassVar[str] = "Bearer"
    needs_secret: ClassVar[bool] = False

    type: Literal["json"]
    headers: Mapping[str, str] = Field(default={}, repr=False)
    url: str
    status: Expression
    updated_at: Expression | None = None
    schedule: ScheduleQueries = ScheduleQueries()
    cost: Expression | None = None
    performer: PerformerQueries = PerformerQueries()
    history: HistoryQueries | None = None
    status_log: StatusLogQueries | None = None
    phases: Mapping[str, Annotated[Phase | None, AfterValidator(_phase)]] = Field(min_length=1)

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, text in headers.items():
            if not _HEADER.fullmatch(name):
                raise ValueError(f"has {name!r}, which is no name of a header")
            if name.lower() in _OURS:
                raise ValueError(f"must not set {name}: a secret is given by token, token_file or oauth2")
            checks.header_value(text)
            Template(text)
        return headers

    @field_validator("url")
    @classmethod
    def _is_url(cls, text: str, info: ValidationInfo) -> str:
        if not text.startswith("/"):
            raise ValueError("must begin with /: it follows base_url")
        if not _URL.fullmatch(text):
            raise ValueError("has a fragment, or characters that no URL has: percent-encode them")
        if "order_id" not in _names(text, info.data.get("headers", {})) and "headers" in info.data:
            raise ValueError("has no {order_id} in it, nor have the headers: put it where the API wants the order's id")
        return text

    @field_validator("account")
    @classmethod
    def _is_account(cls, account: Mapping[str, str]) -> Mapping[str, str]:
        return account  # its names stand in fields that come later

    @model_validator(mode="after")
    def _is_known_account(self) -> "JsonSettings":
        try:
            self.check_account(self.account, self.id_names()[1:])
        except ValueError as error:
            raise ValueError(f"account {error}") from None
        return self

    def id_names(self) -> tuple[str, ...]:
        return _id_names(self.url, self.headers)


def template_names(values: object) -> tuple[str, ...] | None:
    """`id_names` of settings that are not valid; None where not even their templates can be read."""
    if not isinstance(values, Mapping):
        return None
    url, headers = values.get("url"), values.get("headers", {})
    if not isinstance(url, str) or not isinstance(headers, Mapping):
        return None
    if not all(isinstance(text, str) for text in headers.values()):
        return None
    try:
        return _id_names(url, headers)
    except ValueError:
        return None


def _id_names(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    return ("order_id", *(name for name in _names(url, headers) if name != "order_id"))


def _names(url: str, headers: Mapping[str, str]) -> tuple[str, ...]:
    """The ids that the templates hold, each once, as they come."""
    return tuple(dict.fromkeys(chain.from_iterable(Template(text).names for text in (url, *headers.values()))))
