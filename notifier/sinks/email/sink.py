"""Mails to people: one recipient each, over a few connections to one mail server."""

import asyncio
import ssl

from notifier.addresses import email
from notifier.clock import Clock
from notifier.errors import Reason
from notifier.model import Instant
from notifier.net.names import Names
from notifier.sinks.base import Address, Message, Outcome
from notifier.sinks.email.compose import compose
from notifier.sinks.email.dialogue import Connection, Stage
from notifier.sinks.email.failures import MAPPED, outcome
from notifier.sinks.email.pool import Pool
from notifier.sinks.email.settings import EmailSettings


class EmailSink:
    people = True
    at_most_once = False
    address: Address | None = "email"

    def __init__(self, settings: EmailSettings) -> None:
        self._settings = settings
        self._sender = settings.mailbox
        self._endpoint = f"{settings.host}:{settings.server_port}"
        tls = tls_of(settings)
        self._names = names = Names()
        self._pool = Pool(lambda: Connection(settings, tls, names), settings.connections)

    def endpoint(self, _to: str | None) -> str:
        return self._endpoint

    async def send(self, message: Message, _now: Instant) -> Outcome:
        try:
            mail = compose(message, email(message.to or ""), self._sender)
        except ValueError as error:
            return Outcome("dead", reason=Reason.NO_ADDRESS, detail=f"the address {error}")
        stage = Stage()
        try:
            async with asyncio.timeout(self._settings.timeout / 1000):
                await self._pool.deliver(mail, stage)
        except MAPPED as error:
            return outcome(error, stage.at, self._settings.private)
        return Outcome("delivered", "250")

    async def close(self) -> None:
        await self._pool.close()
        await self._names.close()


def tls_of(settings: EmailSettings) -> ssl.SSLContext | None:
    """None: the dialogue stays plain."""
    return None if settings.encryption == "none" else ssl.create_default_context(cafile=settings.ca_file)


def build(_name: str, settings: EmailSettings, _clock: Clock) -> EmailSink:
    return EmailSink(settings)
