"""Twilio's Messages resource, version 2010-04-01: https://www.twilio.com/docs/messaging/api/message-resource

It has no idempotency key for creating a message.
"""

import re
from base64 import b64encode
from typing import ClassVar, Literal
from urllib.parse import urlencode

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.fields import Secret
from notifier.model import Instant
from notifier.net.fetch import Request, Response
from notifier.sinks import secrets
from notifier.sinks.base import Outcome
from notifier.sinks.sms.answers import by_status, delivered, document, field, refused, unknown
from notifier.sinks.sms.settings import SmsSettings

_SID = re.compile(r"[A-Za-z0-9]{1,64}")
_SERVICE = re.compile(r"MG[0-9A-Za-z]{32}")
_FAILED = frozenset({"failed", "undelivered", "canceled"})


class TwilioSettings(SmsSettings):
    """`from` is a number, a sender's name, or the SID of a messaging service (MG…)."""

    default_base_url: ClassVar[str | None] = "https://api.twilio.com"

    gateway: Literal["twilio"]
    account_sid: str
    auth_token_file: str | None = None
    auth_token: str | None = Field(default=None, repr=False, validate_default=True)
    from_: str = Field(alias="from", min_length=1, max_length=64)

    _token: Secret = PrivateAttr()

    @field_validator("account_sid")
    @classmethod
    def _is_account(cls, sid: str) -> str:
        if not _SID.fullmatch(sid):
            raise ValueError("is not an account's SID: write it as Twilio's console shows it, AC…")
        return sid

    @field_validator("auth_token_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        return secrets.readable(path)

    @field_validator("auth_token")
    @classmethod
    def _is_one_secret(cls, token: str | None, info: ValidationInfo) -> str | None:
        return secrets.one(token, info)

    @model_validator(mode="after")
    def _keep_token(self) -> "TwilioSettings":
        self._token = secrets.kept(self, "auth_token")
        return self

    @property
    def token(self) -> Secret:
        return self._token


class Twilio:
    def __init__(self, settings: TwilioSettings) -> None:
        self._settings = settings
        self._sender = "MessagingServiceSid" if _SERVICE.fullmatch(settings.from_) else "From"

    @property
    def endpoint(self) -> str:
        return self._settings.root

    @property
    def secrets(self) -> tuple[str, ...]:
        token = self._settings.token.get()
        return (token, f"{self._settings.account_sid}:{token}")

    def request(self, to: str, text: str, _id: str) -> Request:
        account = self._settings.account_sid
        login = b64encode(f"{account}:{self._settings.token.get()}".encode()).decode()
        return Request(
            f"{self._settings.root}/2010-04-01/Accounts/{account}/Messages.json",
            (
                ("Authorization", f"Basic {login}"),
                ("Content-Type", "application/x-www-form-urlencoded"),
                ("Accept", "application/json"),
            ),
            "POST",
            urlencode({"To": to, self._sender: self._settings.from_, "Body": text}).encode(),
        )

    def read(self, response: Response, now: Instant) -> Outcome:
        told = document(response)
        if not 200 <= response.status < 300:
            return by_status(response, f"{field(told, 'code')} {field(told, 'message')}".strip(), now)
        if not field(told, "sid"):
            return unknown(response, "the answer names no message")
        if field(told, "status") in _FAILED:
            return refused(response, f"{field(told, 'error_code')} {field(told, 'error_message', 'status')}".strip())
        return delivered(response)
