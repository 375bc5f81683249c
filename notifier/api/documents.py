"""What describes the API and the events: made when somebody asks, since few do, and it takes longer than a start."""

import asyncio
from collections.abc import Mapping
from functools import cache
from typing import Any

from aiohttp import web

from notifier.api.answers import json_answer
from notifier.api.problems import not_found


async def openapi(_: web.Request) -> web.Response:
    return json_answer(await asyncio.to_thread(_openapi))


async def schemas(_: web.Request) -> web.Response:
    items = [{"name": name, "url": f"/schemas/{name}"} for name in await asyncio.to_thread(_schemas)]
    return json_answer({"items": items, "next": None})


async def schema(request: web.Request) -> web.Response:
    found = (await asyncio.to_thread(_schemas)).get(request.match_info["name"])
    if found is None:
        raise not_found("There is no schema of this name; /schemas/ lists them.")
    answer = json_answer(found)
    answer.content_type = "application/schema+json"
    return answer


@cache
def _openapi() -> Mapping[str, Any]:
    from notifier.api.openapi import document

    return document()


def _schemas() -> Mapping[str, Mapping[str, Any]]:
    from notifier.schemas import event_schemas

    return event_schemas()
