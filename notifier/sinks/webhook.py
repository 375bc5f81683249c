"""Webhooks as Standard Webhooks 1.0.0 has them: signed, repeated with the same bytes, gone at 410.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import re
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier import __version__
from notifier.clock import Clock
from notifier.errors import LookFailed, Reason
from notifier.fields import Secret
from notifier.model import Instant
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.net.fetch import Fetch, Request, Response
from notifier.net.guard import Guard, network
from notifier.net.retry_after import retry_after
from notifier.sinks import body as bodies
from notifier.sinks.base import Address, Message, Outcome, SinkSettings
from notifier.sinks.headers import check_name
from notifier.sinks.keys import Keys, read_secret
from notifier.sinks.reach import Reached, allowed
from notifier.sinks.signing import ID, SIGNATURE, TIMESTAMP, sign, signing_keys
from notifier.sinks.target import target

MAX_ANSWER = 64 * 1024
"""Bytes that are read of an answer, so that its connection can be used again: only its status and Retry-After count."""

CONNECTIONS = 1024
"""Of one sink at once. The deliverer bounds them for each endpoint, far below this."""

_OURS = re.compile(r"(?i)webhook-.*|host|content-.*|transfer-encoding|connection|expect")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class WebhookSettings(SinkSettings):
    """`url` may be missing where every rule sends to recipients. `secret` holds one `whsec_…` or `whsk_…` a line."""

    address: ClassVar[Address | None] = "webhook"

    type: Literal["webhook"]
    url: str | None = None
    secret_file: str | None = None
    secret: str | None = Field(default=None, repr=False, validate_default=True)
    allow_networks: tuple[str, ...] = ()
    headers: Mapping[str, str] = Field(default={}, repr=False)
    body: Mapping[str, Any] | None = None

    _secret: Secret = PrivateAttr()

    @field_validator("url")
    @classmethod
    def _is_target(cls, url: str | None) -> str | None:
        if url is not None:
            target(url)
        return url

    @field_validator("secret_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        if path is not None:
            signing_keys(read_secret(path).get())
        return path

    @field_validator("secret")
    @classmethod
    def _is_one_secret(cls, secret: str | None, info: ValidationInfo) -> str | None:
        if secret is not None:
            signing_keys(secret)
            if info.data.get("secret_file") is not None:
                raise ValueError("is one too many: give secret or secret_file, not both")
        elif "secret_file" in info.data and info.data["secret_file"] is None:
            raise ValueError("is missing: give secret or secret_file, with one whsec_… or whsk_… key a line")
        return secret

    @field_validator("allow_networks")
    @classmethod
    def _are_networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        for each in networks:
            network(each)
        return networks

    @field_validator("headers")
    @classmethod
    def _are_headers(cls, headers: Mapping[str, str]) -> Mapping[str, str]:
        for name, value in headers.items():
            check_name(name, _OURS)
            if _CONTROL.search(value):
                raise ValueError(f"the value of {name} holds a line end or another control character: remove it")
        return headers

    @field_validator("body")
    @classmethod
    def _is_template(cls, body: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        bodies.check(body)
        return body

    @model_validator(mode="after")
    def _keep_secret(self) -> "WebhookSettings":
        self._secret = read_secret(self.secret_file) if self.secret_file is not None else Secret(self.secret or "")
        return self

    @property
    def wants_text(self) -> bool:
        return bodies.asks_for_text(self.body)

    @property
    def keys(self) -> Keys:
        """The keys that sign, read again when their file changes."""
        return Keys(self._secret)


class WebhookSink:
    people = False
    at_most_once = False
    address: Address | None = "webhook"

    def __init__(self, settings: WebhookSettings, fetch: Fetch) -> None:
        self._url = settings.url
        self._body = settings.body
        self._keys = settings.keys
        self._fetch = fetch
        ours = {"content-type": "application/json", "user-agent": f"order-notifier/{__version__}"}
        self._headers = tuple((ours | {name.lower(): value for name, value in settings.headers.items()}).items())

    def endpoint(self, to: str | None) -> str:
        return to or self._url or ""

    async def send(self, message: Message, now: Instant) -> Outcome:
        url = message.to or self._url
        if url is None:
            return Outcome("dead", reason=Reason.NO_ADDRESS, detail="the sink has no url")
        try:
            request = self._request(target(url), message, now)
        except ValueError as error:
            return Outcome("dead", reason=Reason.FORBIDDEN_TARGET, detail=f"the address {error}")
        try:
            return _answered(await self._fetch(request), now)
        except LookFailed as failed:
            return _failed(failed)

    async def close(self) -> None:
        await self._fetch.close()

    def _request(self, url: str, message: Message, now: Instant) -> Request:
        if self._body is None:
            body = bodies.payload(message.event)
        else:
            body = bodies.filled(self._body, message.event, message.text)
        seconds = now // 1000
        keys = self._keys.own() if message.to is None else self._keys.of(message.to)
        signature = sign(message.id, seconds, body, keys)
        signed = ((ID, message.id), (TIMESTAMP, str(seconds)), (SIGNATURE, signature))
        return Request(url, (*self._headers, *signed), "POST", body)


async def reach(settings: WebhookSettings, _clock: Clock) -> Reached:
    """Whether the sink's own url may be sent to. A request would be an event to whoever receives it."""
    if settings.url is None:
        return Reached(None, "has no url of its own; recipients' are judged when something is sent")
    return await allowed(target(settings.url), settings.allow_networks, settings.timeout)


def build(_name: str, settings: WebhookSettings, _clock: Clock) -> WebhookSink:
    fetch = AiohttpFetch(
        timeout_ms=settings.timeout,
        max_body=MAX_ANSWER,
        concurrency=CONNECTIONS,
        guard=Guard(settings.allow_networks),
        needs_body=False,
    )
    return WebhookSink(settings, fetch)


def _answered(response: Response, now: Instant) -> Outcome:
    """By the status alone: what the body says is nobody's business who registered the address."""
    status = response.status
    if 200 <= status < 300:
        return Outcome("delivered", str(status))
    if status == 410:
        return Outcome("gone", str(status), Reason.ENDPOINT_DISABLED, "the endpoint asks for no more")
    # Any other answer is a failure that is tried again (Standard Webhooks, 'Deliverability and reliability').
    return Outcome("again", str(status), _reason(status), after=retry_after(response.headers, now))


def _reason(status: int) -> Reason:
    if status >= 500:
        return Reason.SERVER_ERROR
    if status in _REASONS:
        return _REASONS[status]
    return Reason.REDIRECTED if 300 <= status < 400 else Reason.REJECTED


_REASONS = {
    401: Reason.UNAUTHORIZED,
    403: Reason.FORBIDDEN,
    404: Reason.NOT_FOUND,
    429: Reason.THROTTLED,
}


def _failed(failed: LookFailed) -> Outcome:
    """Without an answer."""
    kind: Literal["dead", "again"] = "dead" if failed.reason is Reason.FORBIDDEN_TARGET else "again"
    return Outcome(kind, reason=failed.reason, detail=failed.detail, after=failed.after)
