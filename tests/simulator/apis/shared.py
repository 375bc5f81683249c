"""Rendering an order without a server."""

from typing import Any

import orjson

from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Ask
from notifier.simulator.lives import life


def rendered(api: str, order_id: str, at: int = 0, **ask: Any) -> dict[str, Any]:
    """The body of an order born at 0, at `at` ms, as a client reads it."""
    order = life(1, api, order_id, born=0)
    asked = Ask(path={"company": "5", "order": order_id, "client": "c"}, query={}, headers={}, now=at)._replace(**ask)
    body = orjson.loads(orjson.dumps(APIS[api].render(order, order.moment(at), asked)))
    assert isinstance(body, dict)
    return body


def variants(api: str, words: str, at: int = 0, **ask: Any) -> list[dict[str, Any]]:
    """The same life under a hundred ids: what is drawn from the id differs."""
    return [rendered(api, f"{words}.{n}", at, **ask) for n in range(100)]
