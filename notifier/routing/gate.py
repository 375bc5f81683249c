"""The last question before an attempt: send it, hold it, or drop it. Pure: caps and clocks are arguments.

There are no other timers than this: whatever waits is a pending delivery with a due time, so it survives a restart.
"""

from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeAlias

from notifier.errors import Reason
from notifier.model import Delivery, Instant, State
from notifier.routing.route import template_of
from notifier.routing.rules import Rule, Send
from notifier.routing.still import still_so


class Go(NamedTuple):
    """Send it now."""


class Hold(NamedTuple):
    """Look at it again at `until`; `reason` says why it waits."""

    until: Instant
    reason: str


class Drop(NamedTuple):
    """Never send it."""

    state: Literal["expired", "dead"]
    reason: Reason


Verdict: TypeAlias = Go | Hold | Drop

DEFERRED = frozenset({Reason.DELAYED, Reason.QUIET_HOURS, Reason.GROUPED, Reason.CAPPED})
"""Held back by the rules, as opposed to being due and waiting for the other side."""

CRITICAL_TEMPLATE = "driver_arrived"
"""A rule that sends it is critical unless it says otherwise."""


class _Asked(NamedTuple):
    delivery: Delivery
    rule: Rule | None
    send: Send | None
    state: State | None
    now: Instant
    removed_at: Instant | None
    disabled: bool
    held_until: Instant | None
    held_reason: str
    quiet_until: Instant | None
    full_until: Instant | None
    joins: bool


def decide(
    delivery: Delivery,
    rule: Rule | None,
    state: State | None,
    now: Instant,
    *,
    disabled: bool = False,
    held_until: Instant | None = None,
    held_reason: str = Reason.RETRY_AFTER,
    removed_at: Instant | None = None,
    quiet_until: Instant | None = None,
    full_until: Instant | None = None,
    joins: bool = False,
) -> Verdict:
    """What becomes of an open delivery now.

    `rule` is the one that made it, None if the configuration has lost it: it is sent all the same. `state` is the
    order's newest, None where memory no longer holds it. `disabled` and `held_until` speak of the delivery's endpoint
    (410; Retry-After or breaker, told apart by `held_reason`). `removed_at` is when the watch was removed; where it is
    None, `state` is asked. `quiet_until` is the end of its recipient's quiet hours, `full_until` when the caps will
    have room again; None: they do not stand in the way. `joins`: it would go with another one whose time has come,
    and does not wait for its own.
    """
    if removed_at is None and state is not None and state.retirement == "removed":
        removed_at = state.retired_at
    send, reason = _send(delivery, rule), str(held_reason)
    asked = _Asked(
        delivery, rule, send, state, now, removed_at, disabled, held_until, reason, quiet_until, full_until, joins
    )
    for check in CHECKS:
        verdict = check(asked)
        if verdict is not None:
            return _within(verdict, delivery.expires)
    return Go()


def _expired(asked: _Asked) -> Verdict | None:
    expires = asked.delivery.expires
    return Drop("expired", Reason.EXPIRED) if expires is not None and expires <= asked.now else None


def _removed(asked: _Asked) -> Verdict | None:
    """Of a removed order what was due is still sent; what the rules had put off is not."""
    due, at = asked.delivery.due, asked.removed_at
    put_off = asked.delivery.held in DEFERRED and due is not None and at is not None and due > at
    return Drop("expired", Reason.REMOVED) if put_off else None


def _early(asked: _Asked) -> Verdict | None:
    due = None if asked.joins else asked.delivery.due
    return Hold(due, asked.delivery.held or Reason.DELAYED) if due is not None and due > asked.now else None


def _delayed(asked: _Asked) -> Verdict | None:
    """`delay`: only if still so after it, asked before the first attempt."""
    delivery, rule, state = asked.delivery, asked.rule, asked.state
    if rule is None or not rule.delay or state is None or delivery.attempts or delivery.retried:
        return None
    return None if still_so(delivery.event, rule.when, state) else Drop("expired", Reason.OVERTAKEN)


def _overtaken(asked: _Asked) -> Verdict | None:
    """`while`: known to be in another phase. An uncertain phase is not known."""
    send, state = asked.send, asked.state
    if send is None or not send.while_phases or state is None or not state.certain:
        return None
    return None if state.phase in send.while_phases else Drop("expired", Reason.OVERTAKEN)


def _grouped(asked: _Asked) -> Verdict | None:
    """`group` after `delay`: what is still so then opens a group, or joins the one that is open."""
    delivery, rule = asked.delivery, asked.rule
    if rule is None or not rule.group or delivery.group is None or delivery.held != Reason.DELAYED or asked.joins:
        return None
    until = (delivery.due or asked.now) + rule.group
    return Hold(until, Reason.GROUPED) if until > asked.now else None


def _quiet(asked: _Asked) -> Verdict | None:
    until = asked.quiet_until
    if until is None or until <= asked.now or critical(asked.delivery, asked.rule):
        return None
    return Hold(until, Reason.QUIET_HOURS)


def _capped(asked: _Asked) -> Verdict | None:
    """Critical ones too: a cap is a promise about cost, and a flood of alarms is what it is there for."""
    until = asked.full_until
    return Hold(until, Reason.CAPPED) if until is not None and until > asked.now else None


def _disabled(asked: _Asked) -> Verdict | None:
    """An operator's retry may pass: its success enables the endpoint again."""
    return Drop("dead", Reason.ENDPOINT_DISABLED) if asked.disabled and not asked.delivery.retried else None


def _held(asked: _Asked) -> Verdict | None:
    until = asked.held_until
    return Hold(until, asked.held_reason) if until is not None and until > asked.now else None


CHECKS: Sequence[Callable[[_Asked], Verdict | None]] = (
    _expired,
    _removed,
    _disabled,
    _early,
    _delayed,
    _overtaken,
    _grouped,
    _quiet,
    _capped,
    _held,
)
"""In this order; the first that says anything decides: what is never to be sent need not wait until it is due."""


def critical(delivery: Delivery, rule: Rule | None) -> bool:
    """Whether it ignores quiet hours. One whose rule the configuration has lost goes by its template."""
    return delivery.template == CRITICAL_TEMPLATE if rule is None else rule.critical


def _send(delivery: Delivery, rule: Rule | None) -> Send | None:
    """The send that made this delivery, as the rule has it today."""
    for send in rule.sends if rule else ():
        template = template_of(send, people=delivery.template is not None, type=delivery.event.type)
        if send.sink == delivery.sink and template == delivery.template and _reaches(send, delivery.to):
            return send
    return None


def _reaches(send: Send, to: str | None) -> bool:
    match send.to:
        case None:
            return to is None
        case "recipients":
            return to is not None
        case addresses:
            return to in addresses


def _within(verdict: Verdict, expires: Instant | None) -> Verdict:
    """What expires while it is held is looked at then, so that the next of its lane need not wait any longer."""
    if isinstance(verdict, Hold) and expires is not None:
        return verdict._replace(until=min(verdict.until, expires))
    return verdict
