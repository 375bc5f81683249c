"""Facts of events → a message. What others call."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal, NamedTuple, TypeAlias

from notifier.errors import NotifierError
from notifier.routing.facts import Facts

Kind: TypeAlias = Literal["email", "sms"]
"""For `email` (and chats) subject, text and HTML; for `sms` a short text alone."""


class TemplateError(NotifierError):
    """A template that cannot be used, or does not exist: which one, in which line, and why. No personal data."""


class Origin(NamedTuple):
    """What messages must know of a source: its zone, for recipients without one, and what its orders are."""

    timezone: str = "UTC"
    kind: Literal["ride", "delivery", "food", "order"] = "order"


class Part(NamedTuple):
    """One delivery: what happened, and the template that its rule names (`Delivery.template`)."""

    facts: Facts
    template: str


class Rendered(NamedTuple):
    """`subject` is one line. Of an SMS only `text` is filled: not yet cut to a budget (`segments.fit`)."""

    subject: str
    text: str
    html: str


class Templates:
    """All templates, compiled: the built-in ones and an operator's `files` (`ru/driver_arrived.sms.txt.j2` → text)."""

    def __init__(
        self, origins: Mapping[str, Origin] = MappingProxyType({}), files: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`origins` are the sources by name. TemplateError for the first file that cannot be used."""
        raise NotImplementedError

    def render(
        self, parts: Sequence[Part], kind: Kind, *, locale: str | None = None, digest: bool = False
    ) -> Rendered:
        """One message, in the locale of the last part unless another is asked for; TemplateError.

        One part: its template. Several: one message of them all in their order (a group), with `digest`: a list of
        what was held back, of one order or several.
        """
        raise NotImplementedError
