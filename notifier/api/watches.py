"""/v1/watches: which orders are followed, and for whom."""

from aiohttp import web

from notifier.api import shapes
from notifier.api.answers import desk_of, find, json_answer
from notifier.api.asking import Parameters, json_body, path_segments
from notifier.api.keys import key_of
from notifier.api.problems import not_found
from notifier.backends.base import WatchQuery

PREFIX = "/v1/watches/"


async def put(request: web.Request) -> web.Response:
    desk = desk_of(request)
    watch, new = await desk.put(await json_body(request))
    if not new:  # what is kept has its first time, and the account that it was first resolved to
        kept = await find(desk, WatchQuery(key=watch.key, limit=1))
        watch = kept.items[0] if kept.items else watch
    return json_answer(shapes.watch(watch), status=201 if new else 200)


async def listed(request: web.Request) -> web.Response:
    asked = Parameters(request)
    query = WatchQuery(
        limit=asked.limit(), cursor=asked.text("cursor"), key=asked.text("key"), source=asked.text("source")
    )
    asked.check()
    page = await find(desk_of(request), query)
    return json_answer(shapes.page(map(shapes.watch, page.items), page.next))


async def one(request: web.Request) -> web.Response:
    page = await find(desk_of(request), WatchQuery(key=await _key(request), limit=1))
    if not page.items:
        raise not_found("There is no watch of this key.")
    return json_answer(shapes.watch(page.items[0]))


async def remove(request: web.Request) -> web.Response:
    if not await desk_of(request).remove(await _key(request)):
        raise not_found("There is no watch of this key.")
    return web.Response(status=204)


async def _key(request: web.Request) -> str:
    segments = path_segments(request, PREFIX)
    if len(segments) not in (2, 3):
        raise not_found("A key is <source>/<order id> or <source>/<account>/<order id>.")
    return await key_of(desk_of(request), segments)
