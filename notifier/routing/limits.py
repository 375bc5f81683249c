"""Quiet hours and caps as values (INTERFACE, 'Rules'). No I/O, no clock."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """`start` and `end` in minutes after local midnight; `end` before `start` is the next day's.

    `days` are those on which they begin, Monday being 0.
    """

    start: int
    end: int
    days: frozenset[int] = frozenset(range(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """At most `count` in any `per` ms."""

    count: int
    per: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """Limits of messages to people: to one address, and to all together."""

    recipient: Rate | None = None
    all: Rate | None = None
