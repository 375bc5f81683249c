"""Events × rules × recipients → deliveries, those decided against included: `why` reads them. Pure."""

import json
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from hashlib import blake2b
from typing import NamedTuple
from uuid import UUID, uuid5

from notifier.errors import Reason
from notifier.model import CloudEvent, Delivery, Event, Instant, Performer, Recipient, State, Watch
from notifier.routing.facts import pack
from notifier.routing.match import matches
from notifier.routing.rules import Channel, Rule, Send

_NAMESPACE = UUID("6d0c9a0e-6bb2-4f0e-9a51-0a4d3c1c5f7e")  # never changes: the ids of all deliveries follow from it


class Routed(NamedTuple):
    deliveries: tuple[Delivery, ...]
    told: frozenset[str]  # the order's new `State.told`


class _Case(NamedTuple):
    """One send of one matching rule, about one event."""

    event: Event
    published: CloudEvent
    rule: Rule
    send: Send
    channel: Channel


def route(
    sealed: Sequence[tuple[Event, CloudEvent]],
    rules: Sequence[Rule],
    watch: Watch,
    state: State,
    channels: Mapping[str, Channel],
    now: Instant,
) -> Routed:
    """All deliveries of one order's new events, in the order of events, rules and sends.

    One delivery for each event, sink, address and template: the first rule that sends it wins, and a rule that decided
    against it does not stand in the way of a later one that sends. `channels` holds every sink that a rule names.
    """
    told = set(state.told)
    found: dict[str, Delivery] = {}
    for event, published in sealed:
        for rule in rules:
            if not matches(rule, event, watch):
                continue
            for send in rule.sends:
                case = _Case(event, published, rule, send, channels[send.sink])
                for recipient, to in _addressees(case, watch):
                    made = _delivery(case, watch, recipient, to, told, now)
                    if made.id not in found or (found[made.id].state == "skipped" and made.state == "pending"):
                        found[made.id] = made
    return Routed(tuple(found.values()), frozenset(told))


def delivery_id(event_id: str, sink: str, to: str | None, template: str | None) -> str:
    """The `webhook-id`: the same event told the same way has the same id, whoever computes it, whenever."""
    return str(uuid5(_NAMESPACE, json.dumps([event_id, sink, to or "", template or ""], ensure_ascii=False)))


def template_of(send: Send, people: bool, type: str) -> str | None:
    """The template of a send: for people the event type's, unless it names one."""
    return send.template or (type if people else None)


def _addressees(case: _Case, watch: Watch) -> Iterator[tuple[Recipient, str | None]]:
    """Who is meant, and by which address; None is the sink's own, or that there is none."""
    match case.send.to:
        case None:
            yield Recipient(), None
        case "recipients":
            for recipient in watch.recipients:
                yield recipient, getattr(recipient, case.channel.address) if case.channel.address else None
        case addresses:
            for address in addresses:
                yield Recipient(), address


def _delivery(
    case: _Case, watch: Watch, recipient: Recipient, to: str | None, told: set[str], now: Instant
) -> Delivery:
    event, rule, send, people = case.event, case.rule, case.send, case.channel.people
    template = template_of(send, people, event.type.value)
    token = _token(case, to, template)
    reason = _against(case, to, token in told)
    if reason is None and send.once:
        told.add(token)
    sent = reason is None
    expires = None if send.expires is None else event.time + send.expires
    held, wait = _put_off(case)
    due = event.observed_at + wait
    return Delivery(
        id=delivery_id(case.published.id, send.sink, to, template),
        key=event.key,
        event=case.published,
        facts=pack(event, watch, recipient) if people and sent else None,
        rule=rule.name,
        sink=send.sink,
        to=to,
        # Without an address there is nowhere to ask the channel about.
        endpoint="" if reason is Reason.NO_ADDRESS else f"{send.sink}:{case.channel.endpoint(to)}",
        template=template,
        group=json.dumps([rule.name, send.template], ensure_ascii=False) if rule.group and people and sent else None,
        once=token if send.once and sent else None,
        state="pending" if sent else "skipped",
        # What expires before its due time is looked at when it does, so that it does not hold its lane until then.
        due=(due if expires is None else min(due, expires)) if sent else None,
        expires=expires,
        held=held if sent else None,
        reason=reason,
        created_at=now,
        finished_at=None if sent else now,
    )


def _put_off(case: _Case) -> tuple[Reason | None, int]:
    """Why it waits from the beginning, and how many ms. `delay` comes first: what is still so after it is grouped.

    Messages to people are grouped; a webhook carries one event, and each for itself.
    """
    if case.rule.delay:
        return Reason.DELAYED, case.rule.delay
    if case.rule.group and case.channel.people:
        return Reason.GROUPED, case.rule.group
    return None, 0


def _against(case: _Case, to: str | None, told: bool) -> Reason | None:
    """Why this one is not sent; None: it is."""
    event, when, people = case.event, case.rule.when, case.channel.people
    if to is None and (case.send.to is not None or people):
        return Reason.NO_ADDRESS
    if people and event.inferred and True not in when.inferred:
        return Reason.INFERRED
    if people and event.late and True not in when.late:
        return Reason.LATE
    if told:
        return Reason.ALREADY_TOLD
    return None


def _token(case: _Case, to: str | None, template: str | None) -> str:
    """What `once` remembers: short, and without a name or address in it. The event's performer as of the event."""
    who: list[str | None] = []
    if case.send.once == "performer":
        snapshot = case.event.snapshot
        who = _identity(snapshot.performer if snapshot else None)
    said = json.dumps([case.rule.name, case.send.sink, to, template, case.send.once, who], ensure_ascii=False)
    return b64encode(blake2b(said.encode(), digest_size=12).digest()).decode()


def _identity(performer: Performer | None) -> list[str | None]:
    """Who drives. Not the phone: its dial pauses vary for one and the same driver."""
    if performer is None:
        return []
    vehicle = performer.vehicle
    return [performer.name, vehicle.plate if vehicle else None, vehicle.model if vehicle else None]
