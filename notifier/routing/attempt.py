"""What becomes of a delivery after an attempt, a verdict of the gate, or an operator's retry. Pure.

Every function returns the next state of a delivery whole, ready to be committed.
"""

from collections.abc import Sequence
from typing import Literal, Protocol
from uuid import UUID, uuid5

import msgspec

from notifier.errors import Reason
from notifier.model import DIGEST, Attempt, Delivery, Instant
from notifier.routing.gate import Drop, Hold

MOST_ATTEMPTS = 21
"""Kept with a delivery: the first and the last 20."""

LONGEST_RETRY_AFTER = 24 * 3_600_000
"""ms; a longer Retry-After counts as this (INTERFACE, 'Sink keys')."""

_NAMESPACE = UUID("5c1f7f7e-5d0b-4a44-9a53-3b1f0a6a0f0c")  # never changes: the ids of all joined messages

_JITTER = 0.2  # Standard Webhooks, 'Deliverability and reliability': spread the attempts; INTERFACE: at most +20 %


class Outcome(Protocol):
    """How one attempt ended; `sinks.base.Outcome` is one. `after` is Retry-After in seconds."""

    @property
    def kind(self) -> Literal["delivered", "again", "dead", "gone"]: ...

    @property
    def status(self) -> str | None: ...

    @property
    def reason(self) -> Reason | None: ...

    @property
    def detail(self) -> str: ...

    @property
    def after(self) -> float | None: ...

    @property
    def units(self) -> int: ...


def after(
    delivery: Delivery, outcome: Outcome, retries: Sequence[int], now: Instant, began: Instant, spread: float
) -> Delivery:
    """The next state of `delivery`, whose attempt began at `began` and ended now.

    `retries` are the waits between attempts in ms; `spread`, 0 to 1, lengthens a wait by up to a fifth, so that what
    failed together is not repeated together. A forbidden target is no attempt: nothing was sent.
    """
    if outcome.kind == "dead" and outcome.reason is Reason.FORBIDDEN_TARGET:
        return finish(delivery, "dead", outcome.reason, now)
    tried = msgspec.structs.replace(
        delivery, attempts=_remember(delivery.attempts, outcome, now, began), tries=delivery.tries + 1
    )
    match outcome.kind:
        case "delivered":
            return finish(tried, "delivered", None, now)
        case "gone":
            return finish(tried, "dead", Reason.ENDPOINT_DISABLED, now)
        case "dead":
            return finish(tried, "dead", _words(outcome) or outcome.reason or Reason.REFUSED, now)
        case "again":
            if delivery.tries >= len(retries):
                return finish(tried, "dead", Reason.RETRIES_EXHAUSTED, now)
            return _again(tried, retries[delivery.tries], outcome.after, now, spread)


def finish(
    delivery: Delivery, state: Literal["delivered", "dead", "expired"], reason: str | None, now: Instant
) -> Delivery:
    """The end of a delivery: nothing is due any more. Its personal facts go when nobody can need them again; a dead or
    expired one keeps them, since an operator's retry must say the same."""
    facts = None if state == "delivered" else delivery.facts
    return msgspec.structs.replace(
        delivery, state=state, reason=reason, due=None, held=None, facts=facts, finished_at=now
    )


def drop(delivery: Delivery, verdict: Drop, now: Instant) -> Delivery:
    return finish(delivery, verdict.state, verdict.reason, now)


def hold(delivery: Delivery, verdict: Hold) -> Delivery:
    """Put off: it leaves the message that it was to be part of. What a cap holds back waits for its address's digest.

    Once attempted a message stays that message: it may have arrived, and then a repeat must say the same.
    """
    begun = delivery.tries > 0
    group = DIGEST if verdict.reason == Reason.CAPPED and not begun else delivery.group
    message = delivery.message if begun else None
    return msgspec.structs.replace(
        delivery, state="pending", due=verdict.until, held=verdict.reason, group=group, message=message
    )


def is_untold(delivery: Delivery) -> bool:
    """Of one that is told once: it was dropped, and surely nobody has got it. The next event of its kind is told."""
    answered = all(each.status is not None for each in delivery.attempts)
    return delivery.once is not None and delivery.state == "expired" and answered


def bind(deliveries: Sequence[Delivery]) -> tuple[Delivery, ...]:
    """The deliveries as one message. Once that is durable nothing joins it any more, so that a repeat says the same
    under the same id. That of several is no delivery's own: one that is sent by itself later is no repeat of them."""
    first = deliveries[0]
    if first.group is None or first.message is not None:
        return tuple(deliveries)
    ids = [each.id for each in deliveries]
    id = ids[0] if len(ids) == 1 else str(uuid5(_NAMESPACE, "\n".join(ids)))
    # All are due with the first: from now on none of them waits for a time of its own.
    return tuple(msgspec.structs.replace(each, message=id, due=first.due) for each in deliveries)


def retry(delivery: Delivery, now: Instant) -> Delivery:
    """An operator's retry: due now, by itself, with the whole schedule ahead; whatever it expired by is forgotten.

    Only a dead or expired delivery changes, so that the command may come twice.
    """
    if delivery.state not in ("dead", "expired"):
        return delivery
    return msgspec.structs.replace(
        delivery,
        state="pending",
        due=now,
        expires=None,
        held=None,
        group=None,
        message=None,
        reason=None,
        finished_at=None,
        tries=0,
        retried=True,
    )


def _again(delivery: Delivery, wait: int, retry_after: float | None, now: Instant, spread: float) -> Delivery:
    scheduled = now + round(wait * (1 + _JITTER * min(max(spread, 0.0), 1.0)))
    asked = now + min(round((retry_after or 0) * 1000), LONGEST_RETRY_AFTER)
    due = max(scheduled, asked)
    # What expires before its next attempt ends then, so that the next of its lane need not wait any longer.
    return msgspec.structs.replace(
        delivery,
        state="pending",
        due=due if delivery.expires is None else max(min(due, delivery.expires), now),
        held=Reason.RETRY_AFTER if asked > scheduled else Reason.RETRYING,
    )


def _words(outcome: Outcome) -> str:
    """The other side's own, where it said no for good (INTERFACE, 'Sink keys', Email)."""
    return outcome.detail if outcome.reason in (Reason.REFUSED, Reason.UNAUTHORIZED) else ""


def _remember(attempts: tuple[Attempt, ...], outcome: Outcome, now: Instant, began: Instant) -> tuple[Attempt, ...]:
    made = Attempt(
        at=began,
        outcome=outcome.kind,
        status=outcome.status,
        reason=outcome.reason,
        detail=outcome.detail,
        ms=max(now - began, 0),
        units=outcome.units,
    )
    kept = (*attempts, made)
    return kept if len(kept) <= MOST_ATTEMPTS else (kept[0], *kept[-(MOST_ATTEMPTS - 1) :])
