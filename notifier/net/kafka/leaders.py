"""Batches to the leaders of their partitions, until each is confirmed."""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any

from aiokafka import TopicPartition
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import (
    ConcurrentTransactions,
    DuplicateSequenceNumber,
    KafkaError,
    TopicAuthorizationFailedError,
    UnknownError,
)

from notifier.net.kafka.batches import Batch
from notifier.net.kafka.codes import failure_of
from notifier.net.kafka.coordinator import Pauses, look_anew
from notifier.net.kafka.requests import Topics


class Leaders:
    def __init__(self, client: AIOKafkaClient) -> None:
        self._client = client

    async def send(
        self, left: Mapping[TopicPartition, Batch], request: Callable[[Topics], Any], one_by_one: bool = False
    ) -> None:
        """One batch for each partition: a repeated one is known by its sequence. KafkaError: one cannot be written.

        `one_by_one`: no leader is asked while another has to answer.
        """
        pauses = Pauses()
        while left:
            at: defaultdict[int, dict[TopicPartition, Batch]] = defaultdict(dict)
            for place, batch in left.items():
                at[await self._leader(place)][place] = batch
            if one_by_one or len(at) == 1:
                answers = [await self._produce(node, those, request) for node, those in at.items()]
            else:
                answers = await asyncio.gather(*(self._produce(node, those, request) for node, those in at.items()))
            failed = {place: error for each in answers for place, error in each.items()}
            left = {place: left[place] for place in failed}
            if not left:
                return
            waits = [isinstance(error, ConcurrentTransactions) for error in failed.values()]
            for error, wait in zip(failed.values(), waits, strict=True):
                if not (wait or error.retriable):
                    raise error
            await (pauses.next() if all(waits) else look_anew(self._client))

    async def _produce(
        self, node: int, those: Mapping[TopicPartition, Batch], request: Callable[[Topics], Any]
    ) -> dict[TopicPartition, KafkaError]:
        """What keeps each from being confirmed; of those that were, nothing."""
        topics: defaultdict[str, list[tuple[int, bytearray]]] = defaultdict(list)
        for (topic, partition), batch in those.items():
            topics[topic].append((partition, batch.data))
        try:
            answer = await self._client.send(node, request(list(topics.items())))
        except KafkaError as failed:
            return dict.fromkeys(those, failed)
        left: dict[TopicPartition, KafkaError] = {place: UnknownError("no answer about it") for place in those}
        for topic, partitions, *_ in answer.topics:
            for partition, code, *_ in partitions:
                error = failure_of(code, topic)
                if error is None or isinstance(error, DuplicateSequenceNumber):  # an earlier try was written
                    del left[TopicPartition(topic, partition)]
                else:
                    left[TopicPartition(topic, partition)] = error
        return left

    async def _leader(self, place: TopicPartition) -> int:
        cluster = self._client.cluster
        leader: int | None = cluster.leader_for_partition(place)
        if leader is None:
            await self._client.add_topic(place.topic)
            leader = cluster.leader_for_partition(place)
        while leader is None or leader < 0:
            if place.topic in cluster.unauthorized_topics:
                raise TopicAuthorizationFailedError(place.topic)
            await look_anew(self._client)
            leader = cluster.leader_for_partition(place)
        return leader
