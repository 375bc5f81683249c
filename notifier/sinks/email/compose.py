"""A mail as bytes. Pure: they follow from the delivery alone, so that a repeat is the same mail (same Message-ID)."""

import hashlib
from datetime import UTC, datetime
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from typing import NamedTuple

import orjson

from notifier.instants import from_text
from notifier.sinks.base import Message
from notifier.sinks.body import sentence

LONGEST_SUBJECT = 200

_POLICY = SMTP.clone(cte_type="7bit")  # quoted-printable: no server on the way has a reason to change a byte


class Mail(NamedTuple):
    """Envelope and content. One mail has one recipient: nobody sees another's address."""

    sender: str
    to: str
    data: bytes


def compose(message: Message, to: str, sender: Mailbox) -> Mail:
    """`to` is one valid address. Without a rendered text the event itself is told in one sentence."""
    text = message.text or sentence(message.event, orjson.loads(message.event.data))
    mail = EmailMessage(policy=_POLICY)
    mail["Message-ID"] = f"<{message.id}@{sender.domain}>"
    mail["Date"] = datetime.fromtimestamp(from_text(message.event.attributes["time"]) / 1000, UTC)
    mail["From"] = sender
    mail["To"] = Mailbox(addr_spec=to)
    mail["Subject"] = _line(message.subject) or _line(text)
    mail["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: no vacation answers
    mail.set_content(_encodable(text), cte="quoted-printable")
    if message.html:
        mail.add_alternative(_encodable(message.html), subtype="html", cte="quoted-printable")
        # The library's own is drawn at random. `=_` never stands in quoted-printable text (RFC 2045, 6.7).
        mail.set_boundary("=_" + hashlib.blake2b(message.id.encode(), digest_size=12).hexdigest())
    return Mail(sender.addr_spec, to, mail.as_bytes())


def _line(text: str) -> str:
    """One line of a header: no control characters, nor any that turn the direction of what follows."""
    words = "".join(each if each.isprintable() else " " for each in text).split()
    line = " ".join(words).replace("=?", "= ?")  # or a mail program would decode it (RFC 2047, 2)
    return line if len(line) <= LONGEST_SUBJECT else line[: LONGEST_SUBJECT - 1].rstrip() + "…"


def _encodable(text: str) -> str:
    """Halves of surrogate pairs have no encoding."""
    return text.encode(errors="replace").decode()
