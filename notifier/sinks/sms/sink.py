"""SMS to people, at most once: what all gateways share."""

from typing import Protocol

import orjson

from notifier.addresses import phone
from notifier.errors import LookFailed, Reason
from notifier.model import Instant
from notifier.net.fetch import Fetch, Request, Response
from notifier.rendering.segments import economical, fit, size
from notifier.sinks.base import Address, Message, Outcome
from notifier.sinks.body import sentence
from notifier.sinks.sms.answers import unanswered
from notifier.sinks.sms.settings import Daily, SmsSettings
from notifier.sinks.words import shown


class Gateway(Protocol):
    """How one provider is asked, and what its answers mean. Pure, apart from secrets that are read again."""

    @property
    def endpoint(self) -> str:
        """Where requests go, without a secret."""
        ...

    @property
    def secrets(self) -> tuple[str, ...]:
        """What no words of the other side may show."""
        ...

    def request(self, to: str, text: str, id: str, /) -> Request:
        """`to` is E.164; `id` is the delivery's, the same on every attempt."""
        ...

    def read(self, response: Response, now: Instant, /) -> Outcome:
        """`detail` may hold the gateway's words as they stand."""
        ...


class SmsSink:
    people = True
    at_most_once = True
    address: Address | None = "phone"

    def __init__(self, settings: SmsSettings, gateway: Gateway, fetch: Fetch) -> None:
        self.daily: Daily | None = settings.daily
        self._segments = settings.segments
        self._gateway = gateway
        self._fetch = fetch

    def endpoint(self, _to: str | None) -> str:
        return self._gateway.endpoint

    def units(self, message: Message) -> int:
        """The segments that it will take: what `daily` counts."""
        return size(self._text(message)).segments

    async def send(self, message: Message, now: Instant) -> Outcome:
        try:
            to = phone(message.to or "")
        except ValueError as error:
            return Outcome("dead", reason=Reason.NO_ADDRESS, detail=f"the address {error}", units=0)
        text = self._text(message)
        try:
            outcome = self._gateway.read(await self._fetch(self._gateway.request(to, text, message.id)), now)
        except LookFailed as failed:
            outcome = unanswered(failed)
        sent = outcome.kind == "delivered" or outcome.reason is Reason.OUTCOME_UNKNOWN
        words = shown(outcome.detail, (*self._gateway.secrets, text, to, to.removeprefix("+")))
        return outcome._replace(detail=words, units=size(text).segments if sent else 0)

    async def close(self) -> None:
        await self._fetch.close()

    def _text(self, message: Message) -> str:
        text = message.text or sentence(message.event, orjson.loads(message.event.data))
        return fit(economical(text), self._segments)
