"""Answers in JSON, and what every handler finds with its request."""

from typing import Any

import orjson
from aiohttp import web

from notifier.api.desk import Desk
from notifier.backends.base import CursorGone, Page, Query, T
from notifier.errors import InputError, Problem

DESK: web.AppKey[Desk] = web.AppKey("desk", Desk)


def desk_of(request: web.Request) -> Desk:
    return request.app[DESK]


def json_answer(value: Any, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(value), content_type="application/json")


async def find(desk: Desk, query: Query[T]) -> Page[T]:
    """A page of the view; a cursor that is none of its own is the caller's mistake."""
    try:
        return await desk.view.find(query)
    except (CursorGone, OverflowError):  # the numbers in a forged cursor may be larger than any storage takes
        raise InputError([Problem("cursor", "must be the `next` of a former page of the same list")]) from None
