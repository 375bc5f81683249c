"""Configurations that tell people, and what a mail that reached somebody must be like."""

from collections.abc import Mapping
from email.message import EmailMessage
from typing import Any

from tests.sinks.mail_server import MailServer, Taken

SENDER = "Rides <rides@example.org>"
HEADERS = {
    "message-id", "date", "from", "to", "subject", "auto-submitted", "mime-version", "content-type",
    "content-transfer-encoding",
}  # fmt: skip
"""All that a mail of ours may have, each at most once."""


def mail(server: MailServer, **more: Any) -> dict[str, Any]:
    settings: Mapping[str, Any] = {
        "type": "email",
        "host": "127.0.0.1",
        "port": server.port,
        "sender": SENDER,
        "retries": ["100ms", "200ms", "400ms", "1s"],
        "timeout": "5s",
    }
    return {**settings, **more}


def parts(taken: Taken) -> tuple[str, str]:
    """Text and HTML of a mail that is as it must be: one recipient, no header but ours, none twice."""
    message = taken.mail
    names = [name.lower() for name, _ in message.items()]
    assert len(names) == len(set(names)), names
    assert set(names) <= HEADERS, names
    assert not message.defects, message.defects
    addresses = [str(address) for address in message["To"].addresses]
    assert addresses == taken.recipients
    assert len(addresses) == 1
    assert [str(address) for address in message["From"].addresses] == [SENDER]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    return _content(message, "plain"), _content(message, "html")


def subject(taken: Taken) -> str:
    return str(taken.mail["Subject"])


def _content(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())
