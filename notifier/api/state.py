"""What is told without a token: is it alive, is it ready, its metrics, its schemas."""

from aiohttp import web

from notifier.api.answers import desk_of, json_answer
from notifier.api.problems import not_found
from notifier.schemas import event_schemas


async def alive(request: web.Request) -> web.Response:
    """The loops' heartbeat: the event loop answers, and what is due is polled and told."""
    if stalled := desk_of(request).stalled():
        return json_answer({"status": f"stalled: {', '.join(stalled)}"}, status=503)
    return json_answer({"status": "ok"})


async def ready(request: web.Request) -> web.Response:
    """Whether the state is open and the loops run; order APIs and sinks do not matter."""
    reasons = desk_of(request).trouble()
    return json_answer({"ready": not reasons, "reasons": list(reasons)}, status=503 if reasons else 200)


async def metrics(request: web.Request) -> web.Response:
    text, content_type = desk_of(request).metrics.render()
    return web.Response(body=text, headers={"Content-Type": content_type})


async def schemas(_: web.Request) -> web.Response:
    items = [{"name": name, "url": f"/schemas/{name}"} for name in event_schemas()]
    return json_answer({"items": items, "next": None})


async def schema(request: web.Request) -> web.Response:
    found = event_schemas().get(request.match_info["name"])
    if found is None:
        raise not_found("There is no schema of this name; /schemas/ lists them.")
    answer = json_answer(found)
    answer.content_type = "application/schema+json"
    return answer
