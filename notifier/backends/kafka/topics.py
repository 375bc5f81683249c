"""The topics: their names, what each must be like, and their partitions."""

from collections.abc import Mapping
from typing import NamedTuple

from aiokafka import TopicPartition

LARGEST_RECORD = 1_048_588
"""Bytes of `max.message.bytes` that a topic must allow; Kafka's own default."""

DAY = 86_400_000


class Topic(NamedTuple):
    """`needed`: what data would be lost, or never written, without. `tuning`: what only keeps restores short, or
    tells more."""

    name: str
    partitions: int
    needed: Mapping[str, str]
    tuning: Mapping[str, str] = {}

    @property
    def configs(self) -> dict[str, str]:
        return {**self.needed, **self.tuning}


class Topics:
    """Names by their prefix. All but `facts` have the same number of partitions, one for each shard."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.watches = f"{prefix}.watches"
        self.commands = f"{prefix}.commands"
        self.shards = f"{prefix}.shards"
        self.deliveries = f"{prefix}.deliveries"
        self.events = f"{prefix}.events"
        self.dead_letters = f"{prefix}.dead-letters"
        self.facts = f"{prefix}.facts"

    def wanted(self, partitions: int, replication: int, retention: int) -> tuple[Topic, ...]:
        """`retention` in ms: how long events must be kept."""
        durable = {
            "min.insync.replicas": "2" if replication > 2 else "1",
            "max.message.bytes": str(LARGEST_RECORD),
        }
        compact = {**durable, "cleanup.policy": "compact"}
        # Restores read these from the beginning: what newer records replaced has to go soon.
        soon = {"segment.bytes": str(64 << 20), "segment.ms": "600000", "min.cleanable.dirty.ratio": "0.1"}
        hourly = {**soon, "max.compaction.lag.ms": "3600000"}
        # Long enough that an owner that was away finds each record that lies between (a tombstone and a new watch).
        daily = {**soon, "min.compaction.lag.ms": str(DAY), "max.compaction.lag.ms": str(2 * DAY)}
        appended = {"message.timestamp.type": "LogAppendTime"}
        kept = {**durable, "cleanup.policy": "delete", "retention.ms": str(retention)}
        week = {**durable, "cleanup.policy": "delete", "retention.ms": str(7 * DAY)}
        return (
            Topic(self.watches, partitions, {**compact, **appended}, daily),
            Topic(self.commands, partitions, week),
            Topic(self.shards, partitions, compact, hourly),
            Topic(self.deliveries, partitions, compact, hourly),
            Topic(self.events, partitions, kept),
            Topic(self.dead_letters, partitions, kept),
            # Its append times tell how far a replica's clock is off.
            Topic(self.facts, 1, compact, {**hourly, **appended}),
        )


class Places:
    """The partitions that a view is read from: one of `facts`, and of the others one for each shard."""

    def __init__(self, topics: Topics, shards: int) -> None:
        self.topics = topics
        self._shards = shards
        self.facts = (TopicPartition(topics.facts, 0),)
        self.shards = self.of(topics.shards)
        # The orders first: then a watch is what its owner made of it, and what is asked for most is there.
        self.orders = (*self.shards, *self.of(topics.watches))
        self.history = (*self.of(topics.deliveries), *self.of(topics.events))
        self.every = (*self.facts, *self.orders, *self.history)

    def of(self, topic: str) -> tuple[TopicPartition, ...]:
        return tuple(TopicPartition(topic, shard) for shard in range(self._shards))
