"""/v1/deliveries: who was told, who was not and why; and another try."""

import asyncio
from typing import Annotated, Any, Literal, get_args

import msgspec
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictStr, ValidationError

from notifier.api import shapes
from notifier.api.answers import desk_of, find, json_answer
from notifier.api.asking import Parameters, json_body
from notifier.api.desk import Desk
from notifier.api.problems import ApiError, not_found
from notifier.api.waits import waits
from notifier.backends.base import DeliveryQuery
from notifier.errors import InputError, Problem
from notifier.instants import from_text
from notifier.model import Delivery, DeliveryState

_STATES: tuple[str, ...] = get_args(DeliveryState)
_FINISHED_BADLY = ("dead", "expired")
_SLICE = 200  # retried at once: enough for the backend to commit many together


def _instant(text: str) -> str:
    try:
        from_text(text)
    except (ValueError, OverflowError):
        raise ValueError("must be a time with its zone, as in 2026-11-21T10:00:00Z") from None
    return text


Moment = Annotated[StrictStr, AfterValidator(_instant), Field(json_schema_extra={"format": "date-time"})]


class RetryBody(BaseModel):
    """Which deliveries to try again: those of one sink that ended so, created from `since` until `until`."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    sink: StrictStr
    to: StrictStr | None = Field(default=None, description="Only to this address, written in full.")
    state: Literal["dead", "expired"]
    since: Moment | None = None
    until: Moment | None = None


async def listed(request: web.Request) -> web.Response:
    asked = Parameters(request)
    query = DeliveryQuery(
        limit=asked.limit(),
        cursor=asked.text("cursor"),
        state=asked.one_of("state", _STATES),
        key=asked.text("key"),
        sink=asked.text("sink"),
        to=asked.text("to"),
        since=asked.instant("since"),
        until=asked.instant("until"),
    )
    asked.check()
    desk = desk_of(request)
    page = await find(desk, query)
    waiting = await waits(desk, page.items)
    return json_answer(shapes.page((shapes.delivery(each, waiting.get(each.id)) for each in page.items), page.next))


async def one(request: web.Request) -> web.Response:
    delivery = await _named(request)
    waiting = await waits(desk_of(request), [delivery])
    return json_answer(shapes.delivery(delivery, waiting.get(delivery.id)))


async def retry(request: web.Request) -> web.Response:
    delivery = await _named(request)
    if delivery.state not in _FINISHED_BADLY:
        raise ApiError(409, f"It is {delivery.state}: only one that is dead or expired is tried again.")
    await desk_of(request).retry(delivery.key, delivery.id)
    return json_answer({"id": delivery.id}, status=202)


async def retry_many(request: web.Request) -> web.Response:
    body = _retry_body(await json_body(request))
    query = DeliveryQuery(
        limit=_SLICE,
        sink=body.sink,
        to=body.to,
        state=body.state,
        since=None if body.since is None else from_text(body.since),
        until=None if body.until is None else from_text(body.until),
    )
    return json_answer({"count": await _retry_all(desk_of(request), query)}, status=202)


async def _retry_all(desk: Desk, query: DeliveryQuery) -> int:
    """Slice by slice, the oldest first, as a lane would have sent them; broken off by Unavailable, safe to repeat."""
    found: list[tuple[str, str]] = []  # of order and delivery; the list tells the newest first
    while True:
        page = await find(desk, query)
        found += [(delivery.key, delivery.id) for delivery in page.items]
        if page.next is None:
            break
        query = msgspec.structs.replace(query, cursor=page.next)
    found.reverse()
    for first in range(0, len(found), _SLICE):
        await asyncio.gather(*(desk.retry(key, id) for key, id in found[first : first + _SLICE]))
    return len(found)


async def _named(request: web.Request) -> Delivery:
    page = await find(desk_of(request), DeliveryQuery(id=request.match_info["id"], limit=1))
    if not page.items:
        raise not_found("There is no delivery of this id.")
    return page.items[0]


def _retry_body(body: Any) -> RetryBody:
    try:
        return RetryBody.model_validate(body)
    except ValidationError as error:
        problems = [
            Problem(".".join(map(str, found["loc"])), found["msg"].removeprefix("Value error, "))
            for found in error.errors(include_url=False, include_context=False, include_input=False)
        ]
        raise InputError(problems) from None
