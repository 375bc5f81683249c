"""Any gateway that takes one HTTP request for one message."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal
from urllib.parse import quote, urlencode, urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.errors import LookFailed
from notifier.expressions import Expression, Query
from notifier.fields import Secret
from notifier.model import Instant
from notifier.net.checks import address
from notifier.net.fetch import Request, Response
from notifier.sinks import placeholders, secrets
from notifier.sinks.base import Outcome
from notifier.sinks.headers import check_name
from notifier.sinks.sms.answers import by_status, delivered, document, field, refused, unknown
from notifier.sinks.sms.settings import SmsSettings

_OURS = re.compile(r"(?i)host|content-length|transfer-encoding|connection|expect")
_KNOWN = ("to", "text", "id", "secret")
_LEAST_SECRET = 6  # characters: no provider gives out shorter ones
_SAID = ("message", "error", "detail", "title", "description", "error_message", "errorMessage", "error-text")


class Success(BaseModel):
    """Which answers mean that the message was taken: a status of these, and where `match` is given, it finds true."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: tuple[int, ...] = Field(default=(200, 201, 202), min_length=1)
    match: Expression | None = None


class HttpSettings(SmsSettings):
    """`url` is whole, or follows `base_url`. Texts may hold `{to}`, `{text}`, `{id}` and `{secret}`."""

    gateway: Literal["http"]
    secret_file: str | None = None
    secret: str | None = Field(default=None, repr=False, validate_default=True)
    url: str
    method: Literal["POST", "PUT", "GET"] = "POST"
    headers: Mapping[str, str] = Field(default={}, repr=False)
    json_: Any = Field(default=None, alias="json", repr=False)
    form: Mapping[str, str] | None = Field(default=None, repr=False, validate_default=True)
    ok: Success = Success()

    _secret: Secret = PrivateAttr()

    @field_validator("secret_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        return secrets.readable(path)

    @field_validator("secret")
    @classmethod
    def _is_one_secret(cls, secret: str | None, info: ValidationInfo) -> str | None:
        return secrets.one(secret, info, needed=False)

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: str, info: ValidationInfo) -> str:
        placeholders.check(url, _KNOWN)
        if url.startswith("/"):
            if "base_url" in info.data and info.data["base_url"] is None:
                raise ValueError(
                    "has no host: write it whole, as in https://gateway.example.org/send, or give base_url"
                )
            return url
        filled = placeholders.fill(url, dict.fromkeys(_KNOWN, "x"))
        address(filled, query=True)
        if "{" in url.partition("://")[2].partition("/")[0]:
            raise ValueError("must not have a placeholder in its host")
        return url

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            check_name(name, _OURS)
            if not value.isascii() or not value.isprintable():
                raise ValueError(f"the value of {name} holds other than printable ASCII characters")
            if "text" in placeholders.names(value):
                raise ValueError(f"{name} cannot carry {{text}}: put it into json, form or url")
            placeholders.check(value, _KNOWN)
        return headers

    @field_validator("json_")
    @classmethod
    def _is_json(cls, body: Any) -> Any:
        try:
            orjson.dumps(body)
        except TypeError as error:
            raise ValueError(f"cannot be written as JSON ({error}): use texts, numbers, lists and mappings") from None
        placeholders.check(body, _KNOWN)
        return body

    @field_validator("form")
    @classmethod
    def _is_form(cls, form: Mapping[str, str] | None, info: ValidationInfo) -> Mapping[str, str] | None:
        placeholders.check(form, _KNOWN)
        if form is not None and info.data.get("json_") is not None:
            raise ValueError("is one too many: give json or form, not both")
        return form

    @model_validator(mode="after")
    def _is_whole(self) -> "HttpSettings":
        used = set(placeholders.names([self.url, self.headers, self.json_, self.form]))
        if missing := [name for name in ("to", "text") if name not in used]:
            told = " and ".join(f"{{{name}}}" for name in missing)
            raise ValueError(f"{told} stands nowhere: put it into json, form or url")
        given = self.secret is not None or self.secret_file is not None
        if "secret" in used and not given:
            raise ValueError("{secret} has no value: give secret or secret_file")
        self._secret = secrets.kept(self, "secret")
        return self

    @property
    def kept_secret(self) -> Secret:
        return self._secret


class Http:
    def __init__(self, settings: HttpSettings) -> None:
        self._settings = settings
        self._url = settings.url if "://" in settings.url else settings.root + settings.url
        self._match = Query(settings.ok.match, "ok.match")
        parts = urlsplit(self._url)
        self._endpoint = f"{parts.scheme}://{parts.netloc}"
        self._fixed = tuple(_credentials([settings.headers, settings.json_, settings.form, parts.query.split("&")]))
        types = {"json_": "application/json", "form": "application/x-www-form-urlencoded"}
        given = {name.lower() for name in settings.headers}
        self._typed = tuple(
            ("Content-Type", type)
            for name, type in types.items()
            if getattr(settings, name) is not None and "content-type" not in given
        )

    @property
    def endpoint(self) -> str:
        return self._endpoint

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._settings.kept_secret.get(), *self._fixed)

    def request(self, to: str, text: str, id: str) -> Request:
        values = {"to": to, "text": text, "id": id, "secret": self._settings.kept_secret.get()}
        body: bytes | None = None
        if self._settings.json_ is not None:
            body = orjson.dumps(placeholders.fill(self._settings.json_, values))
        elif self._settings.form is not None:
            body = urlencode(placeholders.fill(self._settings.form, values)).encode()
        headers = placeholders.fill(self._settings.headers, values)
        url = placeholders.fill(self._url, values, lambda value: quote(value, safe=""))
        return Request(url, (*self._typed, *headers.items()), self._settings.method, body)

    def read(self, response: Response, now: Instant) -> Outcome:
        told = document(response)
        if response.status not in self._settings.ok.status:
            return by_status(response, field(told, *_SAID), now)
        if not self._match:
            return delivered(response)
        if told is None:
            return unknown(response, "the answer is not JSON")
        try:
            matched = self._match(told)
        except LookFailed as failed:
            return unknown(response, failed.detail)
        return delivered(response) if matched else refused(response, field(told, *_SAID) or "ok.match does not hold")


def _credentials(settings: Any) -> Iterator[str]:
    """Whatever of the configured texts may be one: the words of those that do not change with the message."""
    for text in placeholders.texts(settings):
        for word in re.split(r"[\s=]+", text):
            if len(word) >= _LEAST_SECRET and "{" not in word:
                yield word
