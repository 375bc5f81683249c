"""Every address of the API, in one list."""

from aiohttp import web

from notifier.api import deliveries, orders, state, stream, watches
from notifier.api.answers import DOCUMENT, json_answer
from notifier.api.dashboard import page

PUBLIC = frozenset(
    {"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/schemas", "/schemas/", "/schemas/{name}"}
)


async def openapi(request: web.Request) -> web.Response:
    return json_answer(request.app[DOCUMENT])


ROUTES = (
    web.post("/v1/watches", watches.put),
    web.get("/v1/watches", watches.listed),
    web.get("/v1/watches/{key:.+}", watches.one),
    web.delete("/v1/watches/{key:.+}", watches.remove),
    web.get("/v1/orders", orders.listed),
    web.get("/v1/orders/{key:.+}", orders.below),
    web.get("/v1/deliveries", deliveries.listed),
    web.post("/v1/deliveries/retry", deliveries.retry_many),
    web.get("/v1/deliveries/{id:(?!retry$)[^/]+}", deliveries.one),
    web.post("/v1/deliveries/{id}/retry", deliveries.retry),
    web.get("/v1/events/stream", stream.stream),
    web.get("/healthz", state.alive),
    web.get("/readyz", state.ready),
    web.get("/metrics", state.metrics),
    web.get("/openapi.json", openapi),
    web.get("/schemas", state.schemas),
    web.get("/schemas/", state.schemas),
    web.get("/schemas/{name}", state.schema),
    web.get("/", page),
)
