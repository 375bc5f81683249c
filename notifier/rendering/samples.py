"""Made-up facts of every event type: what templates are tried with, and what `notifier render` shows. Pure.

The person, the phone (a range that is never called) and the addresses are invented.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec.structs import replace

from notifier import instants
from notifier.model import (
    CancelRules,
    Comment,
    Cost,
    Entry,
    EventType,
    Instant,
    Performer,
    Person,
    Phase,
    Place,
    Schedule,
    Snapshot,
    Vehicle,
)
from notifier.rendering.render import Origin
from notifier.routing.facts import Facts

SOURCE = "trips"
KEY = f"{SOURCE}/885e440dc70acc3bb6ce0cc5c67d7f2e"
AT: Instant = instants.from_text("2026-11-22T11:05:00+00:00")
ORIGINS: Mapping[str, Origin] = {
    SOURCE: Origin("Europe/Moscow", "ride"),
    "parcels": Origin("Europe/Moscow", "delivery"),
    "bistro": Origin("Europe/Moscow", "food"),
    "other": Origin("UTC", "order"),
}

_WORDS = {
    "en": ("Ivan Petrov", "white", "A123BC777", "Lesnaya St. 5", "Godovikova St. 9", "Anna Novikova"),
    "ru": ("Иван Петров", "белый", "А123ВС777", "ул. Лесная, 5", "ул. Годовикова, 9", "Анна Новикова"),
}


def facts(name: str, locale: str = "en", *, bare: bool = False, at: Instant = AT) -> Facts:
    """Facts for an event type or a template's name; `bare` ones tell only what every event does.

    KeyError for a name that nothing is made up for.
    """
    type, phase, status, change = _CASES[name]
    words = _WORDS["ru" if locale.split("-")[0].lower() == "ru" else "en"]
    before, after = change(words, at)
    if bare:
        before, after = None, ({} if after is not None else None)
    return Facts(
        source=SOURCE,
        type=type,
        key=KEY,
        locale=locale,
        timezone=None if bare else "Europe/Moscow",
        labels={} if bare else {"team": "sales"},
        before=before,
        after=after,
        old_status=(before or {}).get("status"),
        status=status,
        old_phase=(before or {}).get("phase"),
        phase=phase,
        certain=status != "expired",
        at=None if bare else at,
        not_before=None if bare else at - 900_000,
        observed_at=at + 5_120,
        snapshot=None if bare else _snapshot(words, status or "", phase, at),
    )


def names() -> tuple[str, ...]:
    """Every event type, and the built-in templates that are none."""
    return tuple(_CASES)


def errand(source: str, phase: Phase, locale: str = "en") -> Facts:
    """`phase_changed` of an order of one of `ORIGINS`, numbered where such orders have a number."""
    told = facts("phase_changed", locale)
    assert told.snapshot is not None
    number = {"parcels": "4711", "bistro": "42"}.get(source)
    performer = told.snapshot.performer if source == SOURCE else Performer(name=_WORDS[_language(locale)][0])
    snapshot = replace(told.snapshot, number=number, performer=performer)
    return replace(told, source=source, key=f"{source}/{number or '1'}", phase=phase, snapshot=snapshot)


def _language(locale: str) -> str:
    return "ru" if locale.startswith("ru") else "en"


def _snapshot(words: tuple[str, ...], status: str, phase: Phase, at: Instant) -> Snapshot:
    driver, color, plate, origin, destination, person = words
    driven = phase not in (Phase.CREATED, Phase.SEARCHING)
    paid = phase in (Phase.COMPLETED,)
    return Snapshot(
        status=status,
        performer=Performer(
            name=driver,
            phone="+70005550113",
            vehicle=Vehicle(model="Kia Rio", color=color, plate=plate),
        )
        if driven
        else None,
        location=Place(lat=55.751244, lon=37.618423),
        route=(Place(lat=55.77, lon=37.59, address=origin), Place(lat=55.8, lon=37.62, address=destination)),
        schedule=Schedule(start=at + 1_800_000, end=at + 3_600_000),
        finished_at=at if paid else None,
        cost=Cost(amount=350.0, with_vat=420.5) if paid else None,
        cancel_rules=CancelRules(can_cancel=True, state="minimal"),
        entries=(Entry(kind="status", value=status, at=at),),
        person=Person(id="5769a1d0ed084122a5ff50d67941edc8", name=person, phone="+70005550114"),
        tariff="econom",
        comments=(Comment(status=status, text="…"),),
    )


Words = tuple[str, ...]
Change = Callable[[Words, Instant], tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]]


def _fixed(before: Mapping[str, Any] | None, after: Mapping[str, Any] | None) -> Change:
    return lambda _words, _at: (before, after)


def _performer(words: Words, _at: Instant) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    old = {"model": "Lada Vesta", "color": words[1], "plate": "В077ОР97"}
    new = {"model": "Kia Rio", "color": words[1], "plate": words[2]}
    return (
        {"name": words[5], "phone": "+70005550199", "vehicle": old},
        {"name": words[0], "phone": "+70005550113", "vehicle": new},
    )


def _schedule(_words: Words, at: Instant) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    old = {"start": instants.to_text(at + 900_000), "end": instants.to_text(at + 2_700_000)}
    return old, {"start": instants.to_text(at + 1_800_000), "end": instants.to_text(at + 3_600_000)}


def _entry(_words: Words, at: Instant) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    return None, {"event": "ARRIVAL", "at": instants.to_text(at), "initiator": "COURIER", "status": None}


_ARRIVED = (EventType.PHASE_CHANGED, Phase.ARRIVED, "waiting", _fixed({"phase": "assigned"}, {"phase": "arrived"}))
_CASES: Mapping[str, tuple[str, Phase, str | None, Change]] = {
    "tracked": (EventType.TRACKED, Phase.ASSIGNED, "driving", _fixed(None, {"status": "driving", "phase": "assigned"})),
    "status_changed": (
        EventType.STATUS_CHANGED,
        Phase.IN_PROGRESS,
        "transporting",
        _fixed({"status": "waiting"}, {"status": "transporting"}),
    ),
    "phase_changed": (
        EventType.PHASE_CHANGED,
        Phase.ASSIGNED,
        "driving",
        _fixed({"phase": "searching"}, {"phase": "assigned"}),
    ),
    "history_added": (EventType.HISTORY_ADDED, Phase.ARRIVED, "confirmed", _entry),
    "performer_changed": (EventType.PERFORMER_CHANGED, Phase.ASSIGNED, "driving", _performer),
    "schedule_changed": (EventType.SCHEDULE_CHANGED, Phase.SCHEDULED, "scheduled", _schedule),
    "cost_changed": (
        EventType.COST_CHANGED,
        Phase.COMPLETED,
        "complete",
        _fixed({"amount": 310.0, "with_vat": 372.0}, {"amount": 350.0, "with_vat": 420.5}),
    ),
    "cancel_rules_changed": (
        EventType.CANCEL_RULES_CHANGED,
        Phase.ARRIVED,
        "waiting",
        _fixed({"can_cancel": True, "state": "free"}, {"can_cancel": True, "state": "minimal"}),
    ),
    "location_changed": (
        EventType.LOCATION_CHANGED,
        Phase.ASSIGNED,
        "driving",
        _fixed({"lat": 55.75, "lon": 37.61}, {"lat": 55.751244, "lon": 37.618423}),
    ),
    "lost": (EventType.LOST, Phase.ASSIGNED, "driving", _fixed(None, None)),
    "stalled": (EventType.STALLED, Phase.ASSIGNED, "driving", _fixed(None, None)),
    "contract_violated": (
        EventType.CONTRACT_VIOLATED,
        Phase.ASSIGNED,
        "paused",
        _fixed(None, {"kind": "unknown_status", "value": "paused"}),
    ),
    "driver_arrived": _ARRIVED,
    "driver_changed": (EventType.PERFORMER_CHANGED, Phase.ASSIGNED, "driving", _performer),
    "cancelled": (
        EventType.PHASE_CHANGED,
        Phase.CANCELLED,
        "cancelled",
        _fixed({"phase": "assigned"}, {"phase": "cancelled"}),
    ),
    "finished": (
        EventType.PHASE_CHANGED,
        Phase.COMPLETED,
        "complete",
        _fixed({"phase": "in_progress"}, {"phase": "completed"}),
    ),
    "group": _ARRIVED,
    "digest": _ARRIVED,
    "test": (EventType.TRACKED, Phase.CREATED, "test", _fixed(None, {"status": "test", "phase": "created"})),
}
