"""The five APIs without a socket: for tests on virtual time, where a real connection would wait for ever.

Truth, faults and counts are those of the server; only how bytes travel is left out (no compression, no drip).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

from notifier.simulator.answering import reply
from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Api, Ask
from notifier.simulator.sending import headers_of
from notifier.simulator.world import World

_ROUTES = {
    name: re.compile(
        re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", re.escape(api.path).replace(r"\{", "{").replace(r"\}", "}"))
    )
    for name, api in APIS.items()
}


class Direct(NamedTuple):
    """A whole answer; header names as the server writes them."""

    status: int
    headers: Mapping[str, str]
    body: bytes


async def ask(world: World, url: str, headers: Mapping[str, str]) -> Direct:
    """The answer to GET `url` (any host), after the delay that faults give it, waited for with `world.sleep`.

    Raises ConnectionResetError where the connection would end early, LookupError for a path that no API has.
    """
    parts = urlsplit(url)
    api, path = _routed(parts.path)
    now = world.clock()
    lower = {name.lower(): value for name, value in headers.items()}
    asked = Ask(path, dict(parse_qsl(parts.query, keep_blank_values=True)), lower, now, world.zone, world.clients)
    world.ledger.asked(api.name, now)
    http_status: int | None = None
    try:
        answer = reply(world, api, asked, lower.get("authorization"))
        if answer.treatment.delay:
            await world.sleep(answer.treatment.delay)
        if answer.treatment.mode in ("drop", "cut"):
            raise ConnectionResetError("the connection ended early")
        http_status = answer.status
        return Direct(answer.status, headers_of(answer, now), answer.body)
    finally:
        world.ledger.answered(api.name, http_status)


def _routed(path: str) -> tuple[Api, dict[str, str]]:
    for name, route in _ROUTES.items():
        if match := route.fullmatch(path):
            return APIS[name], {key: unquote(value) for key, value in match.groupdict().items()}
    raise LookupError(f"no order API has {path}")
