"""/v1/orders: what is known of orders, their events, and why somebody was told or not."""

from aiohttp import web

from notifier.api import shapes
from notifier.api.answers import desk_of, find, json_answer
from notifier.api.asking import Parameters, path_segments
from notifier.api.desk import Desk
from notifier.api.keys import order_of, order_of_account
from notifier.api.problems import not_found
from notifier.api.why import why
from notifier.backends.base import EventQuery, Order, OrderQuery
from notifier.model import Phase

PREFIX = "/v1/orders/"
_PHASES = tuple(phase.value for phase in Phase)
_VIEWS = frozenset({"events", "why"})


async def listed(request: web.Request) -> web.Response:
    asked = Parameters(request)
    query = OrderQuery(
        limit=asked.limit(),
        cursor=asked.text("cursor"),
        key=asked.text("key"),
        source=asked.text("source"),
        phase=asked.one_of("phase", _PHASES),
    )
    asked.check()
    desk = desk_of(request)
    page = await find(desk, query)
    return json_answer(shapes.page((_shape(desk, order) for order in page.items), page.next))


async def below(request: web.Request) -> web.Response:
    """An order, its events, or its why.

    `trips/7/why` is the why of trips/7, unless it is itself an order's key: order `why` of the account `7`.
    """
    desk = desk_of(request)
    segments = path_segments(request, PREFIX)
    if len(segments) in (2, 3) and (found := await order_of(desk, segments)):
        return json_answer(_shape(desk, found))
    match segments:
        case [*key, view] if view in _VIEWS and len(key) in (2, 3):
            found = await order_of(desk, key) or await order_of_account(desk, key)
            if found is not None:
                return await (_events(request, found) if view == "events" else _why(desk, found))
    if found := await order_of_account(desk, segments):
        return json_answer(_shape(desk, found))
    raise not_found("There is no order of this key.")


def _shape(desk: Desk, order: Order) -> shapes.Json:
    watch = order.watch
    return shapes.order(order, desk.live(watch.key), watch.source in desk.config.sources, desk.view.as_of())


async def _events(request: web.Request, order: Order) -> web.Response:
    asked = Parameters(request)
    query = EventQuery(key=order.watch.key, limit=asked.limit(), cursor=asked.text("cursor"))
    asked.check()
    page = await find(desk_of(request), query)
    return json_answer(shapes.page(map(shapes.event, page.items), page.next))


async def _why(desk: Desk, order: Order) -> web.Response:
    return json_answer({**_shape(desk, order), **await why(desk, order)})
