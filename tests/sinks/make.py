"""Builders for the sink tests."""

from typing import Any

from notifier.sinks.webhook import WebhookSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PRIVATE = "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg=="


def settings(url: str | None = None, **fields: Any) -> WebhookSettings:
    """Of a webhook that may go to loopback and gives up soon."""
    told: dict[str, Any] = {
        "type": "webhook",
        "url": url,
        "secret": SECRET,
        "allow_networks": ["127.0.0.0/8"],
        "timeout": "400ms",
    }
    return WebhookSettings.model_validate({**told, **fields})
