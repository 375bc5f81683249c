"""Reads the topic of events exactly once, and proves it: every order's events one after the other, none left out.

    python follow_events.py --servers kafka:9092 --topic notifier.events --ledger orders.db

What an event changes and how far the topic was read are written in ONE transaction of the reader's own database. So a
crash at any moment repeats nothing and leaves nothing out, and Kafka's own committed offsets are not needed. Several
readers may share the ledger: each has its own partitions. Needs aiokafka alone.
"""

import argparse
import asyncio
import json
import signal
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.abc import ConsumerRebalanceListener

SCHEMA = """
CREATE TABLE IF NOT EXISTS progress (topic TEXT, partition INTEGER, next INTEGER, PRIMARY KEY (topic, partition));
CREATE TABLE IF NOT EXISTS orders (key TEXT PRIMARY KEY, life INTEGER, sequence INTEGER, status TEXT, phase TEXT);
"""


class Ledger:
    """What was read. Here it is the latest status of each order; in your service it is whatever you make of events."""

    def __init__(self, path: str) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=30)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.executescript(SCHEMA)
        self.seen: Counter[str] = Counter()

    def next(self, partition: TopicPartition) -> int:
        row = self._db.execute("SELECT next FROM progress WHERE topic = ? AND partition = ?", partition).fetchone()
        return int(row[0]) if row else 0

    def apply(self, partition: TopicPartition, records: Sequence[ConsumerRecord]) -> None:
        """All of them and how far that is, or nothing."""
        self._db.execute("BEGIN IMMEDIATE")
        try:
            for record in records:
                self._event(json.loads(record.value))
            self._db.execute("REPLACE INTO progress VALUES (?, ?, ?)", (*partition, records[-1].offset + 1))
        except BaseException:
            self._db.execute("ROLLBACK")
            raise
        self._db.execute("COMMIT")

    def _event(self, event: dict) -> None:
        order = event["order"]
        known = self._db.execute("SELECT life, sequence FROM orders WHERE key = ?", (order["key"],)).fetchone()
        life, sequence = known or (0, 0)
        if order["life"] > life:
            sequence = 0  # a new life of the order counts from 1 again
        if event["sequence"] <= sequence or order["life"] < life:
            self.seen["repeated"] += 1  # never so far: then somebody else writes into the topic
            return
        self.seen["missing"] += event["sequence"] - sequence - 1
        self.seen["events"] += 1
        self._db.execute(
            "REPLACE INTO orders VALUES (?, ?, ?, ?, ?)",
            (order["key"], order["life"], event["sequence"], event["status"], event["phase"]),
        )

    def proof(self) -> dict[str, int]:
        (orders,) = self._db.execute("SELECT count(*) FROM orders").fetchone()
        return {name: self.seen[name] for name in ("events", "missing", "repeated")} | {"orders": orders}


class Resume(ConsumerRebalanceListener):
    """New partitions are read on from where the ledger is."""

    def __init__(self, consumer: AIOKafkaConsumer, ledger: Ledger) -> None:
        self._consumer = consumer
        self._ledger = ledger

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Nothing to do: what was applied is written."""

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        for partition in assigned:
            self._consumer.seek(partition, self._ledger.next(partition))


async def follow(servers: str, topic: str, group: str, ledger: Ledger, idle: float | None) -> None:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=servers,
        group_id=group,
        isolation_level="read_committed",  # an event counts when the change behind it is durable
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    consumer.subscribe([topic], listener=Resume(consumer, ledger))
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await consumer.start()
    try:
        quiet = 0.0
        while not stop.is_set() and (idle is None or quiet < idle):
            batches = await consumer.getmany(timeout_ms=500)
            for partition, records in batches.items():
                ledger.apply(partition, records)
            quiet = 0.0 if batches else quiet + 0.5
    finally:
        await consumer.stop()


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--servers", default="localhost:9092")
    options.add_argument("--topic", default="notifier.events")
    options.add_argument("--group", default="follow-events")
    options.add_argument("--ledger", default="orders.db")
    options.add_argument("--idle", type=float, help="end when nothing new came for so many seconds")
    given = options.parse_args()
    ledger = Ledger(given.ledger)
    asyncio.run(follow(given.servers, given.topic, given.group, ledger, given.idle))
    proof = ledger.proof()
    print(json.dumps(proof))
    return 1 if proof["missing"] or proof["repeated"] else 0


if __name__ == "__main__":
    sys.exit(main())
