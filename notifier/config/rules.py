"""Rules as they are written in the file, and their way into `routing.rules`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from notifier.config.addresses import clean
from notifier.fields import Duration, Text
from notifier.model import EventType, Phase
from notifier.rendering import files
from notifier.rendering.render import DIGEST, GROUP
from notifier.routing.gate import CRITICAL_TEMPLATE
from notifier.routing.rules import Rule, Send, When
from notifier.sources.base import Model

TEMPLATES = files.templates(files.built_in()) - {GROUP, DIGEST}
"""The built-in texts that a send may name: one for each event type, and more. A folder of one's own may add others."""


def _many(value: object) -> object:
    return value if isinstance(value, list | tuple) else (value,)


def _to(value: object) -> object:
    if value == "recipients" or (isinstance(value, list) and value and "recipients" not in value):
        return value
    raise ValueError("write recipients, or a list of addresses")


Label = Annotated[str, AfterValidator(clean), Field(min_length=1, max_length=100)]


def _one_or_many(one: Any) -> tuple[Any, Any]:
    """A value, or a list of some."""
    return BeforeValidator(_many, json_schema_input_type=one | Annotated[list[one], AT_LEAST_ONE]), AT_LEAST_ONE


AT_LEAST_ONE = Field(min_length=1)
Types = Annotated[tuple[EventType, ...], *_one_or_many(EventType)]
Phases = Annotated[tuple[Phase, ...], *_one_or_many(Phase)]
Texts = Annotated[tuple[Text, ...], *_one_or_many(str | int)]
Flags = Annotated[tuple[bool, ...], *_one_or_many(bool)]
To = Annotated[
    Literal["recipients"] | tuple[str, ...],
    BeforeValidator(_to, json_schema_input_type=Literal["recipients"] | Annotated[list[str], Field(min_length=1)]),
]


class WhenSettings(Model):
    """Which events: every key given must match; a list gives alternatives. `{}` matches every event."""

    type: Types = ()
    phase: Phases = ()
    status: Texts = ()
    history: Texts = ()
    source: Texts = ()
    labels: Mapping[str, Texts] = {}
    inferred: Flags = ()
    late: Flags = ()

    def when(self) -> When:
        return When(
            type=frozenset(kind.value for kind in self.type),
            phase=frozenset(phase.value for phase in self.phase),
            status=frozenset(self.status),
            history=frozenset(self.history),
            source=frozenset(self.source),
            labels={name: frozenset(values) for name, values in self.labels.items()},
            inferred=frozenset(self.inferred),
            late=frozenset(self.late),
        )


class WhileSettings(Model):
    """Where the order must still be just before an attempt."""

    phase: Phases


class SendSettings(Model):
    """One way of telling."""

    sink: str
    to: To | None = None
    template: Annotated[str, Field(json_schema_extra={"examples": sorted(TEMPLATES)})] | None = None
    expires: Duration | None = None
    once: Literal["order", "performer"] | None = None
    while_: WhileSettings | None = Field(default=None, alias="while")

    def send(self) -> Send:
        return Send(
            sink=self.sink,
            to=self.to,
            template=self.template,
            expires=self.expires,
            once=self.once,
            while_phases=frozenset() if self.while_ is None else frozenset(self.while_.phase),
        )


class RuleSettings(Model):
    """Who is told of what. Every rule that matches sends."""

    name: Label
    when: WhenSettings
    send: tuple[SendSettings, ...] = Field(min_length=1)
    class_: Literal["critical", "normal"] | None = Field(default=None, alias="class")
    delay: Duration | None = None
    group: Duration | None = None

    def rule(self) -> Rule:
        """Without `class`, a rule that says 'your driver has arrived' is critical: it ignores quiet hours."""
        sends = tuple(send.send() for send in self.send)
        critical = any(send.template == CRITICAL_TEMPLATE for send in sends)
        return Rule(
            name=self.name,
            when=self.when.when(),
            sends=sends,
            critical=critical if self.class_ is None else self.class_ == "critical",
            delay=self.delay,
            group=self.group,
        )


if TYPE_CHECKING:
    RuleField = Rule
else:
    RuleField = Annotated[RuleSettings, AfterValidator(lambda settings: settings.rule())]
