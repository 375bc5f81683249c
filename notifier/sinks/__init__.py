"""Ways of telling: one module each, and one line each in `REGISTRY`."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from notifier.clock import Clock
from notifier.sinks import apprise, console, email, kafka, sms, webhook
from notifier.sinks.base import Sink, SinkSettings


class Registration(NamedTuple):
    """`build(name, settings, clock)` makes the sink of one entry under `sinks`; `settings` is of that model."""

    settings: type[SinkSettings]
    build: Callable[[str, Any, Clock], Sink]


REGISTRY: Mapping[str, Registration] = {
    "console": Registration(console.ConsoleSettings, console.build),
    "webhook": Registration(webhook.WebhookSettings, webhook.build),
    "email": Registration(email.EmailSettings, email.build),
    "sms": Registration(sms.AnySmsSettings, sms.build),
    "kafka": Registration(kafka.KafkaSinkSettings, kafka.build),
    "apprise": Registration(apprise.AppriseSettings, apprise.build),
}
