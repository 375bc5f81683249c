"""Rules as values: what they match, and what they send (INTERFACE, 'Rules')."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

from notifier.model import Phase


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """The matchers of a rule; an empty one matches anything. Values are alternatives."""

    type: frozenset[str] = frozenset()
    phase: frozenset[str] = frozenset()
    status: frozenset[str] = frozenset()
    history: frozenset[str] = frozenset()
    source: frozenset[str] = frozenset()
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)
    inferred: frozenset[bool] = frozenset()
    late: frozenset[bool] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Send:
    """One way of telling. `to` is None (the sink's own address), 'recipients', or addresses. `expires` in ms."""

    sink: str
    to: Literal["recipients"] | tuple[str, ...] | None = None
    template: str | None = None
    expires: int | None = None
    once: Literal["order", "performer"] | None = None
    while_phases: frozenset[Phase] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """`delay` and `group` in ms; `critical` rules ignore quiet hours."""

    name: str
    when: When
    sends: tuple[Send, ...]
    critical: bool = False
    delay: int | None = None
    group: int | None = None


class Channel(Protocol):
    """What routing must know of a sink; every Sink has it."""

    @property
    def people(self) -> bool: ...

    @property
    def address(self) -> Literal["email", "phone", "webhook"] | None: ...

    def endpoint(self, to: str | None, /) -> str: ...
