"""Watches, states, events and deliveries to store."""

import msgspec

from notifier import codec
from notifier.backends.base import Change
from notifier.envelope import seal
from notifier.model import CloudEvent, Command, Delivery, Event, EventType, Phase, Recipient, Snapshot, State, Watch

T = 1_795_258_800_000  # 2026-11-21T11:00:00Z
KEYS = tuple(f"trips/{number:02}" for number in range(12))


def a_watch(key: str = KEYS[0], at: int = T, **fields: object) -> Watch:
    values = {
        "key": key,
        "source": key.partition("/")[0],
        "ids": {"order_id": key.rpartition("/")[2], "client_id": "a2d"},
        "recipients": (Recipient(email="a@example.org"),),
        "labels": {"team": "sales"},
        "created_at": at,
        "updated_at": at,
    }
    return Watch(**{**values, **fields})  # type: ignore[arg-type]


def a_put(key: str = KEYS[0], at: int = T, **fields: object) -> Command:
    return Command(kind="put", key=key, watch=a_watch(key, at, **fields), at=at)


def a_state(key: str = KEYS[0], sequence: int = 1, **fields: object) -> State:
    values = {
        "key": key,
        "life": T,
        "sequence": sequence,
        "snapshot": Snapshot(status="driving"),
        "phase": Phase.ASSIGNED,
        "certain": True,
        "tracked": True,
        "digest": b"0123456789abcdef",
    }
    return State(**{**values, **fields})  # type: ignore[arg-type]


def an_event(key: str = KEYS[0], sequence: int = 1, life: int = T, observed_at: int | None = None) -> CloudEvent:
    event = Event(
        key=key,
        life=life,
        sequence=sequence,
        type=EventType.STATUS_CHANGED,
        before={"status": "search"},
        after={"status": "driving"},
        status="driving",
        phase=Phase.ASSIGNED,
        certain=True,
        at=None,
        not_before=T - 5_000,
        not_after=T,
        observed_at=T + sequence if observed_at is None else observed_at,
    )
    return seal(event, a_watch(key), personal_data=False)


def a_delivery(key: str = KEYS[0], sequence: int = 1, **fields: object) -> Delivery:
    values = {
        "id": f"{key}-{sequence}",
        "key": key,
        "event": an_event(key, sequence),
        "rule": "everything",
        "sink": "hook",
        "endpoint": "https://example.org/hook",
        "due": T,
        "created_at": T + sequence,
    }
    return Delivery(**{**values, **fields})  # type: ignore[arg-type]


def a_step(key: str = KEYS[0], sequence: int = 1, done: tuple[Command, ...] = (), **fields: object) -> Change:
    """A look that found one change: state, event, delivery."""
    return Change(
        key=key,
        state=codec.pack_state(a_state(key, sequence, **fields)),
        events=(an_event(key, sequence),),
        deliveries=(a_delivery(key, sequence),),
        done=done,
    )


def delivered(change: Change) -> Change:
    """The same, all of it sent."""
    sent = (msgspec.structs.replace(each, state="delivered", due=None, finished_at=T) for each in change.deliveries)
    return msgspec.structs.replace(change, deliveries=tuple(sent))
