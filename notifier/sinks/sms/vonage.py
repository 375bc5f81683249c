"""Vonage's SMS API.

https://developer.vonage.com/en/api/sms, codes: https://developer.vonage.com/en/api-errors/sms. Every answer is
HTTP 200; each part of a message has a `status` of its own, as text. `client-ref` is only echoed: there is no
idempotency key.
"""

from typing import ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.errors import Reason
from notifier.fields import Secret
from notifier.model import Instant
from notifier.net.fetch import Request, Response
from notifier.rendering.segments import is_gsm
from notifier.sinks import secrets
from notifier.sinks.base import Outcome
from notifier.sinks.sms.answers import by_status, delivered, document, field, refused, unknown
from notifier.sinks.sms.settings import SmsSettings

_DONE = "0"
_THROTTLED = frozenset({"1", "10"})  # faster than the account may be; too many connections
_BROKEN = "5"  # an error of theirs while the message was processed
_CREDENTIALS = frozenset({"4", "14"})


class VonageSettings(SmsSettings):
    """`from` is a number or a sender's name."""

    default_base_url: ClassVar[str | None] = "https://rest.nexmo.com"

    gateway: Literal["vonage"]
    api_key: str = Field(min_length=1, max_length=64)
    api_secret_file: str | None = None
    api_secret: str | None = Field(default=None, repr=False, validate_default=True)
    from_: str = Field(alias="from", min_length=1, max_length=64)

    _secret: Secret = PrivateAttr()

    @field_validator("api_secret_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        return secrets.readable(path)

    @field_validator("api_secret")
    @classmethod
    def _is_one_secret(cls, secret: str | None, info: ValidationInfo) -> str | None:
        return secrets.one(secret, info)

    @model_validator(mode="after")
    def _keep_secret(self) -> "VonageSettings":
        self._secret = secrets.kept(self, "api_secret")
        return self

    @property
    def secret(self) -> Secret:
        return self._secret


class Vonage:
    def __init__(self, settings: VonageSettings) -> None:
        self._settings = settings

    @property
    def endpoint(self) -> str:
        return self._settings.root

    @property
    def secrets(self) -> tuple[str, ...]:
        return (self._settings.secret.get(),)

    def request(self, to: str, text: str, id: str) -> Request:
        fields = {
            "api_key": self._settings.api_key,
            "api_secret": self._settings.secret.get(),
            "from": self._settings.from_.removeprefix("+"),
            "to": to.removeprefix("+"),
            "text": text,
            "type": "text" if is_gsm(text) else "unicode",
            "client-ref": id[:100],
        }
        headers = (("Content-Type", "application/x-www-form-urlencoded"), ("Accept", "application/json"))
        return Request(f"{self._settings.root}/sms/json", headers, "POST", urlencode(fields).encode())

    def read(self, response: Response, now: Instant) -> Outcome:
        told = document(response)
        if response.status != 200:
            return by_status(response, field(told, "detail", "title", "error-text"), now)
        listed = told.get("messages") if isinstance(told, dict) else None
        parts = listed if isinstance(listed, list) else []
        statuses = [field(part, "status") for part in parts]
        if not statuses or "" in statuses:
            return unknown(response, "the answer tells no status of the message")
        if set(statuses) == {_DONE}:
            return delivered(response)
        words = next(
            f"{field(part, 'status')} {field(part, 'error-text')}" for part in parts if field(part, "status") != _DONE
        )
        if _DONE in statuses or _BROKEN in statuses:
            return unknown(response, words)
        if set(statuses) <= _THROTTLED:
            return Outcome("again", str(response.status), Reason.THROTTLED, words)
        return refused(response, words, Reason.UNAUTHORIZED if set(statuses) <= _CREDENTIALS else Reason.REFUSED)
