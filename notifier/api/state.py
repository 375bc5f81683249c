"""What is told without a token: is it alive, is it ready, its metrics."""

from aiohttp import web

from notifier.api.answers import desk_of, json_answer


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
