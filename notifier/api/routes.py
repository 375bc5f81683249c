"""Every address of the API, in one list."""

from aiohttp import web

from notifier.api import deliveries, documents, orders, state, stream, watches
from notifier.api.dashboard import page

PUBLIC = frozenset(
    {"/", "/healthz", "/readyz", "/metrics", "/openapi.json", "/schemas", "/schemas/", "/schemas/{name}"}
)


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
    web.get("/openapi.json", documents.openapi),
    web.get("/schemas", documents.schemas),
    web.get("/schemas/", documents.schemas),
    web.get("/schemas/{name}", documents.schema),
    web.get("/", page),
)
