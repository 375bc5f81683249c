"""/v1/events/stream: published events as server-sent events (HTML standard, 9.2)."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from typing import NamedTuple

import structlog
from aiohttp import web

from notifier.api.answers import desk_of
from notifier.api.asking import Parameters
from notifier.api.problems import ApiError
from notifier.backends.base import CursorGone
from notifier.envelope import structured
from notifier.errors import BackendError
from notifier.model import CloudEvent

_log = structlog.get_logger()

SETTLE = 1.0  # seconds in which the view finds out that a cursor is gone, before the answer's head leaves
STUCK = 30.0  # seconds until a client that takes nothing is let go

CLOSING = web.AppKey("closing", asyncio.Event)
HEARTBEAT = web.AppKey("heartbeat", float)  # seconds between comments, at most; proxies cut what is silent


class Wanted(NamedTuple):
    source: str | None
    key: str | None

    def __call__(self, event: CloudEvent) -> bool:
        if self.key is not None and event.key != self.key:
            return False
        return self.source is None or event.key.partition("/")[0] == self.source


async def stream(request: web.Request) -> web.StreamResponse:
    """Events after `Last-Event-ID`, else since `since`, else from now on; 410 when that cursor is no longer kept."""
    asked = Parameters(request)
    since, wanted = asked.instant("since"), Wanted(asked.text("source"), asked.text("key"))
    asked.check()
    after = request.headers.get("Last-Event-ID") or None
    events = desk_of(request).view.follow(after, since=None if after else since)
    async with Feed(events, request.app[CLOSING]) as feed:
        if after is not None:
            await feed.settle()
        out = web.StreamResponse(
            headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        await out.prepare(request)
        if request.method != "HEAD":
            await _serve(request, out, feed, wanted)
    return out


async def _serve(request: web.Request, out: web.StreamResponse, feed: "Feed", wanted: Wanted) -> None:
    """Until the client leaves or the service stops. One event is held ahead: a slow client makes the view wait."""
    now, heartbeat = asyncio.get_running_loop().time, request.app[HEARTBEAT]
    try:
        await _write(out, b"retry: 2000\n: connected\n\n")
        written = now()
        while True:
            item = await feed.next(max(0.0, written + heartbeat - now()))
            if item is not None and wanted(item[1]):
                await _write(out, _message(*item))
            elif now() - written >= heartbeat:
                await _write(out, b":\n\n")
            else:
                continue
            written = now()
    except Ended:
        return
    except TimeoutError:
        _log.info("stream_client_stuck")
        if request.transport is not None:
            request.transport.abort()
    except ConnectionError:
        return  # the client has left
    except (BackendError, CursorGone) as error:
        # The head has left, so the stream can only end; the client comes again with its cursor and is told then.
        _log.info("stream_broken_off", error=type(error).__name__)


async def _write(out: web.StreamResponse, data: bytes) -> None:
    async with asyncio.timeout(STUCK):
        await out.write(data)


def _message(cursor: str, event: CloudEvent) -> bytes:
    return b"event: %b\nid: %b\ndata: %b\n\n" % (
        event.attributes["type"].encode(),
        cursor.encode(),
        structured(event),
    )


class Ended(Exception):
    """No more events: the service stops."""


class Feed:
    """The view's events one at a time, waited for no longer than one wants; ends with the service."""

    def __init__(self, events: AsyncIterator[tuple[str, CloudEvent]], closing: asyncio.Event) -> None:
        self._events = events
        self._closing = closing

    async def __aenter__(self) -> "Feed":
        self._stop = asyncio.create_task(self._closing.wait())
        self._next = asyncio.create_task(self._take())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._stop.cancel()
        self._next.cancel()
        await asyncio.gather(self._stop, self._next, return_exceptions=True)
        if isinstance(self._events, AsyncGenerator):
            await self._events.aclose()

    async def settle(self) -> None:
        """Gives the view time to say that a cursor is not to be had."""
        await asyncio.wait({self._next}, timeout=SETTLE)
        if not self._next.done():
            return
        error = self._next.exception()
        if isinstance(error, CursorGone):
            raise ApiError(410, "Events that old are no longer kept: begin without Last-Event-ID, or with ?since=.")
        if error is not None:
            raise error

    async def next(self, within: float) -> tuple[str, CloudEvent] | None:
        """None when nothing came in so many seconds. Ended; CursorGone and BackendError of the view."""
        await asyncio.wait({self._next, self._stop}, timeout=within, return_when=asyncio.FIRST_COMPLETED)
        if self._stop.done():
            raise Ended
        if not self._next.done():
            return None
        item = self._next.result()
        if item is None:
            raise Ended
        self._next = asyncio.create_task(self._take())
        return item

    async def _take(self) -> tuple[str, CloudEvent] | None:
        return await anext(self._events, None)
