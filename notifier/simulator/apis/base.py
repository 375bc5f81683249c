"""What the five native renderings have in common. They are pure: no HTTP objects, no clock."""

from collections.abc import Callable, Collection, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any, NamedTuple

from notifier.simulator.lives.model import Life, Moment

MOSCOW = timezone(timedelta(hours=3))


class Ask(NamedTuple):
    """One request. `path`, `query` and `headers` (names in lower case) as received, decoded."""

    path: Mapping[str, str]
    query: Mapping[str, str]
    headers: Mapping[str, str]
    now: int = 0
    zone: tzinfo = UTC  # of times that come without an offset
    clients: Collection[str] | None = None  # whose data the token may see; None: anyone's


class Refusal(NamedTuple):
    """An answer that is no order. `code` is the API's own word for it, where it has one."""

    status: int
    code: str
    message: str


class Api(NamedTuple):
    """One order API: where it is, how it is asked, how it writes."""

    name: str
    path: str  # aiohttp route
    scheme: str  # the documented authorization scheme; "" is the bare token
    order_id: Callable[[Ask], str]
    refuse: Callable[[Ask], Refusal | None]
    render: Callable[[Life, Moment, Ask], dict[str, Any]]
    error: Callable[[Refusal], object]


def moment_of(ms: int, zone: tzinfo = UTC) -> datetime:
    """`ms` since the epoch in `zone`, exact."""
    seconds, rest = divmod(ms, 1_000)
    return datetime.fromtimestamp(seconds, zone).replace(microsecond=rest * 1_000)


def compact(ms: int, zone: tzinfo = MOSCOW) -> str:
    """`YYYY-MM-DDThh:mm:ss±hhmm`, the format of the field tables of taxi v1 and business v2."""
    return moment_of(ms, zone).strftime("%Y-%m-%dT%H:%M:%S%z")


def order_of_path(ask: Ask) -> str:
    """The order id, where it is a segment of the path."""
    return ask.path["order"]


def client_of_path(ask: Ask) -> Refusal | None:
    """403 as progress and taxi v1 document it: 'the client doesn't have sufficient rights'."""
    if ask.clients is not None and ask.path["client"] not in ask.clients:
        return Refusal(403, "FORBIDDEN", "The client doesn't have sufficient rights to execute this request")
    return None


def plain_error(refusal: Refusal) -> object:
    """Progress and taxi v1 document no error body; this is the shape of their sibling business v2."""
    return {"code": refusal.code, "message": refusal.message}
