"""What was published, against what was true: the simulator's own timelines."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition

from notifier.backends.audit import Audit
from notifier.instants import from_text
from notifier.simulator.world import World

SURELY_SEEN = 25_000
"""ms: a status that lasts so long is polled, whatever happens meanwhile (take-over, a broker away, the interval)."""


async def read_all(servers: Sequence[str], topic: str, partitions: int) -> list[ConsumerRecord]:
    """Every committed record, as a consumer with isolation.level=read_committed gets them."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=",".join(servers), isolation_level="read_committed", enable_auto_commit=False
    )
    await consumer.start()
    try:
        all_of_it = [TopicPartition(topic, number) for number in range(partitions)]
        consumer.assign(all_of_it)
        await consumer.seek_to_beginning(*all_of_it)
        ends = await consumer.end_offsets(all_of_it)
        records: list[ConsumerRecord] = []
        async with asyncio.timeout(120):
            while any([await consumer.position(each) < ends[each] for each in all_of_it]):
                for batch in (await consumer.getmany(timeout_ms=500)).values():
                    records += batch
        return records
    finally:
        await consumer.stop()


def audited(records: Sequence[ConsumerRecord], partitions: int) -> Audit:
    audit = Audit(partitions=partitions)
    for record in records:
        headers = dict(record.headers)
        audit.event(record.partition, record.offset, record.key.decode(), headers["ce_type"].decode(), record.value)
    audit.finish()
    return audit


def by_order(records: Sequence[ConsumerRecord]) -> dict[str, list[dict[str, Any]]]:
    told: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in records:
        event = orjson.loads(record.value)
        name = dict(record.headers)["ce_type"].decode().removeprefix("notifier.order.").removesuffix(".v1")
        told[event["order"]["key"]].append(event | {"type": name})
    return told


def differences(
    told: Mapping[str, list[dict[str, Any]]], orders: Mapping[str, tuple[str, str]], simulated: World
) -> list[str]:
    """What is missing, too much or out of order, by order; none: all is as it was."""
    found = [f"{key}: not an order that was followed" for key in told.keys() - orders.keys()]
    for key, (api, order) in orders.items():
        found += [f"{key}: {problem}" for problem in _differences(told.get(key, []), simulated, api, order)]
    return found


def _differences(events: list[dict[str, Any]], simulated: World, api: str, order: str) -> list[str]:
    if not events:
        return ["no event at all"]
    chain = [event["after"]["status"] for event in events if event["type"] in ("tracked", "status_changed")]
    truth = [(change.time_ms, change.value) for change in simulated.timeline(api, order) if change.kind == "status"]
    statuses = [status for _, status in truth]
    rest = iter(statuses)
    if not all(status in rest for status in chain):
        return [f"told {chain}, true {statuses}"]
    if not simulated.life(api, order).ends <= simulated.clock():
        return [f"is not over yet: told {chain}, true {statuses}"]
    found = [] if chain[-1] == statuses[-1] else [f"ends with {chain[-1]}, in truth with {statuses[-1]}"]
    begin = statuses.index(chain[0])
    logged = api == "track_trace" and simulated.life(api, order).habit("nolog") is None
    found += _entries(events, simulated, order) if api == "track_trace" else []
    if logged:  # its log tells every status, however short it was
        return found + ([] if chain == statuses[begin:] else [f"told {chain}, true {statuses[begin:]}"])
    lasting = [
        status
        for (at, status), (end, _) in zip(truth[begin:], [*truth[begin + 1 :], (1 << 60, "")], strict=True)
        if end - at > SURELY_SEEN
    ]
    # Where a short one in between was not seen, the same before and behind it are one.
    wanted = [status for status, _ in groupby(lasting)]
    rest = iter(chain)
    return found + [f"{status} was not told: {chain} of {statuses}" for status in wanted if status not in rest]


def _entries(events: list[dict[str, Any]], simulated: World, order: str) -> list[str]:
    """Track & trace tells its history: every entry after the first look is an event, once, whatever happened."""
    changes = simulated.timeline("track_trace", order)
    first = next(event for event in events if event["type"] == "tracked")
    told = Counter(event["after"]["event"] for event in events if event["type"] == "history_added")
    true = Counter(change.value.event for change in changes if change.kind == "history")
    seen = first["observed_at"]
    later = Counter(
        change.value.event for change in changes if change.kind == "history" and change.time_ms > from_text(seen)
    )
    found = [f"{name} was told {told[name]} times, true {true[name]}" for name in told if told[name] > true[name]]
    found += [f"{name} was told {told[name]} times of {later[name]}" for name in later if told[name] < later[name]]
    return found
