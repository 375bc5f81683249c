"""The facts of one event as what a template may see: cleaned, shortened, in the reader's zone. Pure."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from notifier import instants
from notifier.model import CancelRules, Cost, Performer, Place, Schedule, Snapshot, Vehicle
from notifier.rendering import clean
from notifier.rendering.shapes import DriverView, EventView, Labels, OldView, OrderView, RecipientView, View
from notifier.rendering.speech import Speech
from notifier.routing.facts import Facts

LONGEST_COMMENT = 500
MOST = 20  # entries of one list


def view(facts: Facts, kind: str, speech: Speech) -> View:
    """Everything of one event; `kind` is what the source's orders are."""
    snapshot = facts.snapshot
    before, after = facts.before or {}, facts.after or {}
    locale = speech.locale
    return View(
        recipient=RecipientView(
            locale=str(locale).replace("_", "-"),
            language=locale.language,
            timezone=speech.timezone,
            own_zone=speech.told,
        ),
        event=_event(facts, after, speech),
        order=_order(facts, after, kind, speech),
        driver=_driver(snapshot.performer if snapshot and snapshot.performer else _performer(facts, after)),
        old=OldView(
            status=_text(facts.old_status),
            phase=_text(facts.old_phase),
            driver=_driver(_performer(facts, before)),
            start=_at(before.get("start"), speech),
            end=_at(before.get("end"), speech),
            amount=_number(before.get("amount")),
            with_vat=_number(before.get("with_vat")),
        ),
    )


def _event(facts: Facts, after: Mapping[str, Any], speech: Speech) -> EventView:
    return EventView(
        type=facts.type,
        time=speech.local(facts.observed_at if facts.at is None else facts.at),
        exact=facts.at is not None,
        since=None if facts.not_before is None else speech.local(facts.not_before),
        inferred=facts.inferred,
        late=facts.late,
        entry=_text(after.get("event")),
        initiator=_text(after.get("initiator")),
        kind=_text(after.get("kind")),
        value=_text(after.get("value")),
    )


def _order(facts: Facts, after: Mapping[str, Any], kind: str, speech: Speech) -> OrderView:
    told = facts.snapshot or Snapshot(status=facts.status or "")
    schedule = told.schedule or Schedule(start=_instant(after.get("start")), end=_instant(after.get("end")))
    cost = told.cost or Cost(amount=_number(after.get("amount")), with_vat=_number(after.get("with_vat")))
    rules = told.cancel_rules or CancelRules(can_cancel=after.get("can_cancel"), state=after.get("state"))
    place = told.location or Place(lat=_number(after.get("lat")), lon=_number(after.get("lon")))
    stops = tuple(clean.value(stop.address) for stop in told.route[:MOST] if _text(stop.address))
    id = clean.value(facts.key.rpartition("/")[2])
    number = _text(told.number)
    return OrderView(
        key=clean.value(facts.key),
        id=id,
        number=number,
        name=number or (id if len(id) <= SHORT_ID else id[:8]),
        source=clean.value(facts.source),
        kind=kind,
        phase=facts.phase.value,
        status=_text(facts.status),
        certain=facts.certain,
        tariff=_text(told.tariff),
        person=_text(told.person.name) if told.person else None,
        person_phone=_text(told.person.phone) if told.person else None,
        start=_local(schedule.start, speech),
        end=_local(schedule.end, speech),
        finished=_local(told.finished_at, speech),
        amount=_number(cost.amount),
        with_vat=_number(cost.with_vat),
        can_cancel=rules.can_cancel,
        cancel_state=_text(rules.state),
        cancel_title=_text(rules.title),
        cancel_message=clean.value(rules.message, LONGEST_COMMENT) or None,
        origin=stops[0] if stops else None,
        destination=stops[-1] if len(stops) > 1 else None,
        stops=stops,
        lat=_number(place.lat),
        lon=_number(place.lon),
        labels=Labels((clean.value(name), clean.value(label)) for name, label in facts.labels.items()),
        comments=_comments(told),
    )


SHORT_ID = 12
"""An id as long as this is a name that a reader can compare; of a longer one sentences say the first eight."""


def _comments(snapshot: Snapshot) -> tuple[str, ...]:
    said = [snapshot.comment, *(comment.text for comment in snapshot.comments[:MOST])]
    return tuple(text for each in said if (text := clean.value(each, LONGEST_COMMENT)))


def _performer(facts: Facts, told: Mapping[str, Any]) -> Performer | None:
    """From the event itself, where it is one about the performer."""
    if facts.type != "performer_changed" or not told:
        return None
    parts = told.get("vehicle")
    vehicle = None
    if isinstance(parts, Mapping):
        vehicle = Vehicle(model=parts.get("model"), color=parts.get("color"), plate=parts.get("plate"))
    return Performer(name=told.get("name"), phone=told.get("phone"), vehicle=vehicle)


def _driver(performer: Performer | None) -> DriverView:
    if performer is None:
        return DriverView()
    vehicle = performer.vehicle or Vehicle()
    model, color, plate = _text(vehicle.model), _text(vehicle.color), _text(vehicle.plate)
    look = " ".join(part for part in (color, model) if part)
    phone = _text(performer.phone)
    return DriverView(
        name=_text(performer.name),
        phone=phone,
        dial=_dial(phone),
        # A colour alone is no car that anybody could look for.
        car=", ".join(part for part in (look, plate) if part) if model or plate else None,
        model=model,
        color=color,
        plate=plate,
    )


def _dial(phone: str | None) -> str | None:
    """'+7 (912) 099-55-13,,95576' -> '+79120995513,,95576'; None where it is no number (RFC 3966 takes no words)."""
    dialled = "".join(character for character in phone or "" if character not in " ()-.\u00a0")
    digits = dialled.removeprefix("+").replace(",", "").replace(";", "")
    return dialled if digits.isascii() and digits.isdigit() and len(digits) <= 32 else None


def _text(text: object) -> str | None:
    """Only what is there: an empty text says nothing."""
    return clean.value(text) or None


def _number(number: object) -> float | None:
    if not isinstance(number, int | float) or isinstance(number, bool) or not math.isfinite(number):
        return None
    return number if abs(number) < 1e15 else None


def _instant(text: object) -> int | None:
    try:
        return instants.from_text(text) if isinstance(text, str) else None
    except ValueError:
        return None


def _local(at: int | None, speech: Speech) -> datetime | None:
    return None if at is None else speech.local(at)


def _at(text: object, speech: Speech) -> datetime | None:
    return _local(_instant(text), speech)
