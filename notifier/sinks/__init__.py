"""Ways of telling: one module each, and one line each in `REGISTRY`."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple

from notifier.clock import Clock
from notifier.sinks import apprise, console, email, kafka, sms, webhook
from notifier.sinks.base import Sink, SinkSettings
from notifier.sinks.reach import Reached


class Registration(NamedTuple):
    """`build(name, settings, clock)` makes the sink of one entry under `sinks`; `settings` is of that model.

    `reach(settings, clock)` tries whether it could send, and sends nothing.
    """

    settings: type[SinkSettings]
    build: Callable[[str, Any, Clock], Sink]
    reach: Callable[[Any, Clock], Awaitable[Reached]]


REGISTRY: Mapping[str, Registration] = {
    "console": Registration(console.ConsoleSettings, console.build, console.reach),
    "webhook": Registration(webhook.WebhookSettings, webhook.build, webhook.reach),
    "email": Registration(email.EmailSettings, email.build, email.reach),
    "sms": Registration(sms.AnySmsSettings, sms.build, sms.reach),
    "kafka": Registration(kafka.KafkaSinkSettings, kafka.build, kafka.reach),
    "apprise": Registration(apprise.AppriseSettings, apprise.build, apprise.reach),
}
