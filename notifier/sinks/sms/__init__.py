"""SMS over a gateway: one module each, and one line each in `GATEWAYS`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from notifier.clock import Clock
from notifier.net.aiohttp_client import AiohttpFetch
from notifier.sinks.reach import Reached, connects
from notifier.sinks.sms.http import Http, HttpSettings
from notifier.sinks.sms.settings import SmsSettings
from notifier.sinks.sms.sink import Gateway, SmsSink
from notifier.sinks.sms.twilio import Twilio, TwilioSettings
from notifier.sinks.sms.vonage import Vonage, VonageSettings

__all__ = ["GATEWAYS", "AnySmsSettings", "Gateway", "SmsSettings", "SmsSink", "build", "reach"]

MAX_ANSWER = 64 * 1024
CONNECTIONS = 64


class Registration(NamedTuple):
    settings: type[SmsSettings]
    build: Callable[[Any], Gateway]


GATEWAYS: Mapping[str, Registration] = {
    "http": Registration(HttpSettings, Http),
    "twilio": Registration(TwilioSettings, Twilio),
    "vonage": Registration(VonageSettings, Vonage),
}


class AnySmsSettings(SmsSettings):
    """The settings of the gateway that `gateway` names."""

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        choices = {name: handler.generate_schema(gateway.settings) for name, gateway in GATEWAYS.items()}
        return core_schema.tagged_union_schema(choices, discriminator="gateway")


def build(_name: str, settings: Any, _clock: Clock) -> SmsSink:
    """Each request has a connection of its own: on one that is just being closed it could be lost, or not."""
    fetch = AiohttpFetch(
        timeout_ms=settings.timeout,
        connect_ms=max(settings.timeout * 2 // 3, 1),
        max_body=MAX_ANSWER,
        concurrency=CONNECTIONS,
        reuse=False,
    )
    return SmsSink(settings, GATEWAYS[settings.gateway].build(settings), fetch)


async def reach(settings: Any, _clock: Clock) -> Reached:
    """Whether the gateway takes a connection. A request, even a wrong one, could cost or tell something."""
    return await connects(GATEWAYS[settings.gateway].build(settings).endpoint, settings.timeout)
