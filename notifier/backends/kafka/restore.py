"""From a fenced shard to its lease: what its records tell, and what was asked of it meanwhile."""

import asyncio
from typing import NamedTuple

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition

from notifier.backends.kafka.fetching import Fetcher, decode
from notifier.backends.kafka.image import Image
from notifier.backends.kafka.inputs import Parse
from notifier.backends.kafka.intake import Followed, Intake
from notifier.backends.kafka.reading import beginning_of, end_of, read_up_to
from notifier.backends.kafka.records import Record
from notifier.backends.kafka.topics import Topics
from notifier.clock import Clock
from notifier.codec import unpack_watch
from notifier.errors import Refused, Unavailable
from notifier.net.kafka.client import Clients
from notifier.net.kafka.ending import end

log = structlog.get_logger()

STABLE = 10.0  # seconds in which all that was written must be committed or aborted
RECENT = 12 * 3_600_000  # ms; removals stay in `watches` for a day, so that a shard written so lately missed none
SLICE = 1_000  # records between two looks at what else there is to do


class Restored(NamedTuple):
    """`consumer` stands where the tail of the inputs begins."""

    image: Image
    intake: Intake
    consumer: AIOKafkaConsumer


async def restore(clients: Clients, topics: Topics, shard: int, shards: int, parse: Parse, clock: Clock) -> Restored:
    """Its former owner is fenced. Unavailable; Refused with what to do."""
    consumer = await clients.consumer()
    try:
        image = await _image(clients, consumer, TopicPartition(topics.shards, shard))
        intake = Intake(topics, shard, shards, parse, image.cursors)
        await _asked(consumer, topics, shard, image, intake, clock)
        intake.up_to_date()
    except BaseException:
        await end(consumer, 1.0)
        raise
    return Restored(image, intake, consumer)


async def _image(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> Image:
    image = Image()
    stable = await _stable_end(clients, consumer, place)
    begin = await beginning_of(consumer, place)
    async with Fetcher.of(clients, [place.topic]) as fetcher:
        async for answer in fetcher.read(place, begin, stable):
            for records in decode(answer):
                image.apply(records)
                await asyncio.sleep(0)
    await image.settle()
    return image


async def _stable_end(clients: Clients, consumer: AIOKafkaConsumer, place: TopicPartition) -> int:
    """After the fence nobody has a transaction open here, so everything must be committed or aborted soon."""
    other = await clients.consumer(isolation_level="read_uncommitted")
    try:
        high = await end_of(other, place)
    finally:
        await end(other, 1.0)
    try:
        async with asyncio.timeout(STABLE):
            while (stable := await end_of(consumer, place)) < high:
                await asyncio.sleep(0.1)
    except TimeoutError:
        raise Unavailable(
            f"{place.topic} {place.partition} is not committed beyond offset {stable} of {high}: a transaction that is "
            "none of ours is open there; see kafka-transactions.sh find-hanging"
        ) from None
    return stable


async def _asked(
    consumer: AIOKafkaConsumer, topics: Topics, shard: int, image: Image, intake: Intake, clock: Clock
) -> None:
    """Both inputs up to now; the consumer stays with them."""
    watches, commands = TopicPartition(topics.watches, shard), TopicPartition(topics.commands, shard)
    consumer.assign([watches, commands])
    begins = {each: await beginning_of(consumer, each) for each in (watches, commands)}
    ends = {each: await end_of(consumer, each) for each in (watches, commands)}
    _check_whole(image, ends[watches], watches)
    whole = image.cursors.gone > 0 or clock.now() - image.written > RECENT
    consumer.seek(watches, begins[watches] if whole else max(begins[watches], image.cursors.watches))
    consumer.seek(commands, max(begins[commands], image.cursors.commands))
    seen: set[str] = set()
    async for records in read_up_to(consumer, watches, ends[watches]):
        for number, record in enumerate(records):
            key = (record.key or b"").decode(errors="replace")
            if whole:
                seen.add(key)
            intake.watch(record, _known(image, key, record))
            if number % SLICE == 0:
                await asyncio.sleep(0)
    async for records in read_up_to(consumer, commands, ends[commands]):
        for record in records:
            intake.command(record)
    if whole:
        for key, kept in image.kept.items():
            if kept.removed_at is None and key not in seen:
                intake.gone(key, kept, clock.now())


def _known(image: Image, key: str, record: Record) -> Followed | None:
    if record.offset < image.cursors.watches:
        return None  # done with: only that it is there counts
    kept = image.kept.get(key)
    return None if kept is None else Followed(unpack_watch(kept.watch), kept.removed_at is None, kept.offset)


def _check_whole(image: Image, end: int, place: TopicPartition) -> None:
    """Watches that vanished with their topic were not removed: following none of them would be the wrong end."""
    followed = max((kept.offset for kept in image.kept.values()), default=-1)
    if end < max(followed + 1, image.cursors.watches):
        raise Refused(
            f"{place.topic} {place.partition} ends at offset {end}, but {followed} was read of it: the topic was made "
            "anew, or lost its end. Choose another topic_prefix and put the watches in again"
        )
