"""The tables of PHASES: native status and history entry -> phase, and the legal steps, for the documented sources.

Statuses and entries are those of the API documents: progress, 'Response' (`status`); taxi v1, field table
(`status.full`); track & trace, `Order.status`, `OrderHistoryItem.event`; restaurant, `status`. A value of None is
documented but carries no phase.
"""

from collections.abc import Iterable, Mapping

from notifier.model import Phase
from notifier.tracking.lifecycle import Lifecycle


def _steps(
    statuses: Mapping[str, Phase | None], forward: Mapping[str, Iterable[str]], fallbacks: Iterable[tuple[str, str]]
) -> dict[str, frozenset[str]]:
    """Every status with the statuses that may follow it, fall-backs included."""
    steps = {status: set(forward.get(status, ())) for status in statuses}
    for start, end in fallbacks:
        steps[start].add(end)
    return {status: frozenset(ends) for status, ends in steps.items()}


_TAXI_STATUSES: dict[str, Phase | None] = {
    "scheduling": Phase.CREATED,
    "scheduled": Phase.SCHEDULED,
    "search": Phase.SEARCHING,
    "driving": Phase.ASSIGNED,
    "waiting": Phase.ARRIVED,
    "transporting": Phase.IN_PROGRESS,
    "complete": Phase.COMPLETED,
    "finished": Phase.COMPLETED,
    "cancelled": Phase.CANCELLED,
    "failed": Phase.FAILED,
    "expired": None,  # 'the status of the order is unknown', not 'over'
}
_TAXI_OFF = ("cancelled", "failed", "expired")
_TAXI_FALLBACKS = frozenset((status, "search") for status in ("scheduled", "driving", "waiting"))  # the driver gave up

TAXI = Lifecycle(
    statuses=_TAXI_STATUSES,
    steps=_steps(
        _TAXI_STATUSES,
        {
            "scheduling": ("scheduled", "search", *_TAXI_OFF),
            "scheduled": ("driving", *_TAXI_OFF),
            "search": ("driving", *_TAXI_OFF),
            "driving": ("waiting", *_TAXI_OFF),
            "waiting": ("transporting", *_TAXI_OFF),
            "transporting": ("complete", "finished", *_TAXI_OFF),
            # Two words for one thing: the field tables say `complete`, both examples of 1.0 say `finished`.
            "complete": ("finished",),
            "finished": ("complete",),
            "expired": (status for status in _TAXI_STATUSES if status != "expired"),
        },
        _TAXI_FALLBACKS,
    ),
    fallbacks=_TAXI_FALLBACKS,
)
"""progress, taxi_v1, business_v2."""


_TRACK_STATUSES: dict[str, Phase | None] = {
    "new": Phase.CREATED,
    "confirmed": Phase.ACCEPTED,
    "finished": Phase.COMPLETED,
    "partially_finished": Phase.PARTIALLY_COMPLETED,
    "postponed": Phase.POSTPONED,
    "cancelled": Phase.CANCELLED,
}
# A finished order may be reopened. Alone it is legal, but no path that was not seen leads through it.
_TRACK_REOPENED = frozenset(
    (end, status) for end in ("finished", "partially_finished") for status in ("new", "confirmed", "postponed")
)

TRACK_TRACE = Lifecycle(
    statuses=_TRACK_STATUSES,
    entries={
        "ORDER_CREATED": Phase.CREATED,
        "START": None,
        "ORDER_BECAME_NEXT": Phase.ASSIGNED,
        "STATUS_UPDATE": None,
        "INTERVAL_UPDATE": None,
        "ARRIVAL": Phase.ARRIVED,
        "ORDER_VISIT": None,
        "DEPARTURE": None,
    },
    steps=_steps(
        _TRACK_STATUSES,
        {
            "new": ("confirmed", "postponed", "cancelled"),
            "confirmed": ("finished", "partially_finished", "postponed", "cancelled"),
            "postponed": ("new", "confirmed", "cancelled"),
            "finished": ("cancelled",),
            "partially_finished": ("cancelled",),
        },
        _TRACK_REOPENED,
    ),
    fallbacks=_TRACK_REOPENED,
    timeline=True,
    status_entry="STATUS_UPDATE",
)


_RESTAURANT_STATUSES: dict[str, Phase | None] = {
    "NEW": Phase.CREATED,
    "ACCEPTED_BY_RESTAURANT": Phase.ACCEPTED,
    "COOKING": Phase.PREPARING,
    "READY": Phase.READY,
    "TAKEN_BY_COURIER": Phase.IN_PROGRESS,
    "DELIVERED": Phase.COMPLETED,
    "CANCELLED": Phase.CANCELLED,
}

RESTAURANT = Lifecycle(
    statuses=_RESTAURANT_STATUSES,
    steps=_steps(
        _RESTAURANT_STATUSES,
        {
            "NEW": ("ACCEPTED_BY_RESTAURANT", "CANCELLED"),
            "ACCEPTED_BY_RESTAURANT": ("COOKING", "CANCELLED"),
            "COOKING": ("READY", "CANCELLED"),
            "READY": ("TAKEN_BY_COURIER", "CANCELLED"),
            "TAKEN_BY_COURIER": ("DELIVERED", "CANCELLED"),
        },
        (),
    ),
)
