"""How an answer is put on the wire, with its delay, drip, cut or drop."""

import math
from email.utils import formatdate

from aiohttp import web

from notifier.simulator.answering import Reply
from notifier.simulator.world import Sleep

_COMPRESS_ABOVE = 1_024


async def send(request: web.Request, reply: Reply, now: int, sleep: Sleep) -> web.StreamResponse:
    """Send `reply`, begun at `now` (ms); `sleep` takes seconds of real time."""
    treatment = reply.treatment
    if treatment.delay:
        await sleep(treatment.delay)
    if treatment.mode == "drop":
        return _abort(request, web.Response())
    headers = headers_of(reply, now)
    if treatment.mode == "cut":
        response = await _begin(request, reply, headers)
        await response.write(reply.body[: len(reply.body) // 2])
        return _abort(request, response)
    if treatment.drip:
        response = await _begin(request, reply, headers)
        for byte in reply.body:
            await response.write(bytes((byte,)))
            await sleep(treatment.drip)
        return response
    whole = web.Response(status=reply.status, body=reply.body, headers=headers)
    if len(reply.body) > _COMPRESS_ABOVE and "gzip" in request.headers.get("Accept-Encoding", ""):
        whole.enable_compression(web.ContentCoding.gzip)
    return whole


async def _begin(request: web.Request, reply: Reply, headers: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(reply.body)
    await response.prepare(request)
    return response


def _abort(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    """Let the connection end here: the other side sees a reset, or a body shorter than announced."""
    if request.transport is not None:
        request.transport.close()
    return response


def headers_of(reply: Reply, now: int) -> dict[str, str]:
    """Retry-After is rounded up to whole seconds (RFC 9110, 10.2.3); a date counts from the answer's own `Date`."""
    treatment = reply.treatment
    headers = {"Content-Type": reply.content_type}
    date = now / 1_000 + treatment.skew
    wait = treatment.retry_after
    if wait is not None and treatment.retry_after_form == "date":
        headers["Retry-After"] = formatdate(math.floor(date) + math.ceil(wait), usegmt=True)
    elif wait is not None:
        headers["Retry-After"] = str(math.ceil(wait))
    if treatment.status == 420:
        headers |= {"X-RateLimit-Resource-Limit": "60", "X-RateLimit-Resource-Remaining": "0"}
    if treatment.skew or wait is not None:
        headers["Date"] = formatdate(math.floor(date), usegmt=True)
    return headers
