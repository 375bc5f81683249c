"""The other side of the webhook sink: a receiver on loopback that verifies, and tells repeats and gaps."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson
from aiohttp import web

from notifier.clock import Clock
from notifier.errors import Refused
from notifier.sinks.signing import ID, Key, NotVerified, verify

MAX_BODY = 1024 * 1024
"""Bytes of a request; Standard Webhooks asks senders to stay below 20 kB."""

REMEMBERED = 100_000
"""Ids, and orders, that repeats and gaps are told by."""


class Received(NamedTuple):
    """One request. `refused` says why it did not verify; nothing else of it is told then.

    `attempt` counts how often its id came. `missing` sequence numbers of its order were left out just before it;
    `behind`: it is older than one that came earlier. A body of another shape than ours has no `data`.
    """

    id: str
    body: bytes
    status: int
    refused: str = ""
    type: str | None = None
    data: Mapping[str, Any] | None = None
    attempt: int = 1
    missing: int = 0
    behind: bool = False


class Counts(NamedTuple):
    events: int = 0  # different ids
    repeats: int = 0
    missing: int = 0
    refused: int = 0


Answer = Callable[[Mapping[str, str], bytes], Awaitable[int]]
"""The status for a verified request, by its headers and body."""


async def accept(_headers: Mapping[str, str], _body: bytes) -> int:
    return 200


class Receiver:
    """Takes POST requests at any path. `keys` are asked for at each request, so that they may change."""

    def __init__(
        self,
        keys: Callable[[], Sequence[Key]],
        on_event: Callable[[Received], None],
        clock: Clock,
        answer: Answer = accept,
    ) -> None:
        self._keys = keys
        self._on_event = on_event
        self._clock = clock
        self._answer = answer
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self._newest: OrderedDict[tuple[str, int], int] = OrderedDict()
        self._runner: web.AppRunner | None = None
        self.counts = Counts()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def start(self, port: int = 0) -> None:
        """Listens on loopback; 0 is any free port. Refused when it is taken."""
        app = web.Application(client_max_size=MAX_BODY)
        app.router.add_post("/{path:.*}", self._take)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        try:
            await web.TCPSite(self._runner, "127.0.0.1", port).start()
        except OSError as error:
            await self.close()
            raise Refused(f"cannot listen on port {port}: {error.strerror}. Choose another one.") from error
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _take(self, request: web.Request) -> web.Response:
        body = await request.read()
        id = request.headers.get(ID, "")
        try:
            verify(request.headers, body, self._keys(), self._clock.now())
        except NotVerified as error:
            self.counts = self.counts._replace(refused=self.counts.refused + 1)
            self._on_event(Received(id, body, 401, refused=str(error)))
            return web.Response(status=401, text=f"{error}\n")
        received = self._place(id, body)
        status = await self._answer(request.headers, body)
        self._on_event(received._replace(status=status))
        return web.Response(status=status)

    def _place(self, id: str, body: bytes) -> Received:
        """Where it stands among those that came before."""
        attempt = _remember(self._attempts, id, self._attempts.get(id, 0) + 1)
        type, data = _parse(body)
        received = Received(id, body, 200, type=type, data=data, attempt=attempt)
        if attempt > 1:
            self.counts = self.counts._replace(repeats=self.counts.repeats + 1)
            return received
        self.counts = self.counts._replace(events=self.counts.events + 1)
        if data is None:
            return received
        order, sequence = (data["order"]["key"], data["order"]["life"]), data["sequence"]
        newest = self._newest.get(order)
        _remember(self._newest, order, max(sequence, newest or 0))
        if newest is None:
            return received  # what came before this receiver was started is not missing
        missing = max(sequence - newest - 1, 0)
        self.counts = self.counts._replace(missing=self.counts.missing + missing)
        return received._replace(missing=missing, behind=sequence < newest)


def _remember(known: "OrderedDict[Any, int]", name: object, value: int) -> int:
    known[name] = value
    known.move_to_end(name)
    if len(known) > REMEMBERED:
        known.popitem(last=False)
    return value


def _parse(body: bytes) -> tuple[str | None, Mapping[str, Any] | None]:
    """Type and data of the standard payload; None for what has another shape."""
    try:
        told = orjson.loads(body)
        type, data = told["type"], told["data"]
        usable = isinstance(data["order"]["key"], str) and isinstance(data["order"]["life"] + data["sequence"], int)
    except (ValueError, KeyError, TypeError, IndexError):
        return None, None
    return (str(type), data) if usable else (None, None)
