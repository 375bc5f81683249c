"""The simulator's own endpoints under `/sim`, no authorization: what is true, what is counted, what goes wrong.

- GET, POST, DELETE `/sim/faults` (`?id=` for one): POST takes one fault or a list of them, fields as `faults.Fault`.
- GET `/sim/timeline/{api}/{order}` the true native timeline so far, `?whole=1` in full.
- GET `/sim/answers/{api}/{order}` the newest answers about it · GET `/sim/stats`.
- GET `/sim/orders` the first 1000 orders, `?limit=` for more.
- POST `/sim/orders/{api}/{order}` lets an order be born now, or at `{"born": ms}` · POST `/sim/tokens/expire`.

Errors are 400 (not JSON, or a wrong field), 404 (no such API, order or fault), each `{"error": text}`.
"""

from collections.abc import Awaitable, Callable
from itertools import islice
from typing import Any

import msgspec
import orjson
from aiohttp import web

from notifier.simulator.apis.track_trace import iso
from notifier.simulator.faults import Standing, read_faults
from notifier.simulator.lives import API_NAMES
from notifier.simulator.lives.model import Change
from notifier.simulator.world import World


class Admin:
    """The handlers of one world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> list[web.RouteDef]:
        """To be added to the server's application."""
        return [
            web.get("/sim/faults", _errors_told(self._faults)),
            web.post("/sim/faults", _errors_told(self._add_faults)),
            web.delete("/sim/faults", _errors_told(self._remove_faults)),
            web.get("/sim/timeline/{api}/{order}", _errors_told(self._timeline)),
            web.get("/sim/answers/{api}/{order}", _errors_told(self._answers)),
            web.get("/sim/orders", _errors_told(self._orders)),
            web.post("/sim/orders/{api}/{order}", _errors_told(self._begin)),
            web.get("/sim/stats", _errors_told(self._stats)),
            web.post("/sim/tokens/expire", _errors_told(self._expire)),
        ]

    async def _faults(self, _request: web.Request) -> web.Response:
        standing = self._world.faults.standing(self._world.clock())
        return _json({"faults": [_fault(one) for one in standing]})

    async def _add_faults(self, request: web.Request) -> web.Response:
        faults = read_faults(await request.read())
        return _json({"ids": [self._world.add_fault(fault) for fault in faults]}, status=201)

    async def _remove_faults(self, request: web.Request) -> web.Response:
        fault_id = request.query.get("id")
        if fault_id is None:
            self._world.faults.clear()
        elif not (fault_id.isdecimal() and self._world.faults.remove(int(fault_id))):
            raise LookupError(f"there is no fault {fault_id}")
        return web.Response(status=204)

    async def _timeline(self, request: web.Request) -> web.Response:
        api, order = _named(request)
        life = self._world.life(api, order)
        now = self._world.clock()
        whole = request.query.get("whole", "0") not in ("", "0", "false")
        return _json(
            {
                "api": api,
                "order": order,
                "born": life.born,
                "speed": life.speed,
                "now": now,
                "ended": life.ends <= now,
                "timeline": [_change(change) for change in life.timeline(None if whole else now)],
            }
        )

    async def _answers(self, request: web.Request) -> web.Response:
        return _json({"answers": [_plain(answer) for answer in self._world.answers(*_named(request))]})

    async def _orders(self, request: web.Request) -> web.Response:
        now, limit = self._world.clock(), int(request.query.get("limit", "1000"))
        return _json(
            {
                "orders": [
                    {
                        "api": api,
                        "order": order,
                        "born": record.born,
                        "requests": record.requests,
                        "status": self._world.life(api, order).moment(now).status,
                    }
                    for (api, order), record in islice(self._world.ledger.orders.items(), limit)
                ]
            }
        )

    async def _begin(self, request: web.Request) -> web.Response:
        body = await request.read()
        born = msgspec.json.decode(body or b"{}", type=dict[str, int]).get("born")
        return _json({"born": self._world.begin(*_named(request), born)}, status=201)

    async def _stats(self, _request: web.Request) -> web.Response:
        return _json(self._world.stats())

    async def _expire(self, _request: web.Request) -> web.Response:
        self._world.expire_tokens()
        return web.Response(status=204)


def _errors_told(
    handler: Callable[[web.Request], Awaitable[web.Response]],
) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def told(request: web.Request) -> web.Response:
        try:
            return await handler(request)
        except LookupError as error:
            return _json({"error": str(error.args[0])}, status=404)
        except (ValueError, msgspec.DecodeError) as error:
            return _json({"error": str(error)}, status=400)

    return told


def _named(request: web.Request) -> tuple[str, str]:
    api, order = request.match_info["api"], request.match_info["order"]
    if api not in API_NAMES:
        raise LookupError(f"{api!r} is no order API; there are {', '.join(API_NAMES)}")
    return api, order


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=orjson.dumps(body), content_type="application/json")


def _change(change: Change) -> dict[str, Any]:
    return {"time": iso(change.time_ms), **_plain(change)}


def _plain(value: Any) -> Any:
    """NamedTuples as objects, down to the innermost: orjson does not write them."""
    if hasattr(value, "_asdict"):
        return {name: _plain(inner) for name, inner in value._asdict().items()}
    return value


def _fault(standing: Standing) -> Any:
    return {**msgspec.to_builtins(standing.fault), "id": standing.id, "since": standing.since, "hits": standing.hits}
