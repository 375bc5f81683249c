"""Order keys in paths. Either form is taken: `trips/a2d/7` also finds `trips/7`, where that order's account is a2d."""

from notifier.api.answers import find
from notifier.api.desk import Desk
from notifier.backends.base import Order, OrderQuery
from notifier.sources.ids import account_of


async def order_of(desk: Desk, segments: list[str]) -> Order | None:
    """The order whose key these are, as they stand."""
    page = await find(desk, OrderQuery(key="/".join(segments), limit=1))
    return page.items[0] if page.items else None


async def order_of_account(desk: Desk, segments: list[str]) -> Order | None:
    """The order with the short key that the longer form `<source>/<account>/<order id>` means."""
    if len(segments) != 3:
        return None
    source, account, order_id = segments
    found = await order_of(desk, [source, order_id])
    return found if found is not None and account_of(found.watch.ids) == account else None


async def key_of(desk: Desk, segments: list[str]) -> str:
    """The key under which it is kept; the segments as they stand where there is no such order."""
    if len(segments) == 3 and await order_of(desk, segments) is None:
        found = await order_of_account(desk, segments)
        if found is not None:
            return found.watch.key
    return "/".join(segments)
