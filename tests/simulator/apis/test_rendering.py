"""All five renderings, for any order at any time."""

from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Ask
from notifier.simulator.lives import API_NAMES, life

BORN = 1_795_258_800_000


@given(st.sampled_from(API_NAMES), st.integers(0, 10**9).map(str), st.integers(0, 10_000_000))
def test_the_native_status_is_the_timelines(api: str, order_id: str, after: int) -> None:
    order, now = life(7, api, order_id, born=BORN), BORN + after
    ask = Ask({"company": "1", "client": "c", "order": order_id}, {}, {}, now)
    body = orjson.loads(orjson.dumps(APIS[api].render(order, order.moment(now), ask)))
    status = body["status"]["full"] if isinstance(body["status"], dict) else body["status"]
    assert status == order.statuses(now)[-1][1]


@given(st.integers(0, 10**9).map(str), st.integers(0, 10_000_000))
def test_no_entry_of_a_delivery_is_of_the_future(order_id: str, after: int) -> None:
    order, now = life(7, "track_trace", order_id, born=BORN), BORN + after
    body = APIS["track_trace"].render(order, order.moment(now), Ask({"company": "1"}, {}, {}, now))
    stamps = [e["timestamp"] for e in (*body["history"], *body["status_log"]) if "timestamp" in e]
    assert all(BORN <= round(stamp * 1_000) <= now for stamp in stamps)
    updated = [datetime.fromisoformat(body[name]) for name in ("confirmed_at", "delivered_at") if body[name]]
    assert all(time <= datetime.fromtimestamp(now / 1_000, UTC) for time in updated)
