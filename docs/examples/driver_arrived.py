"""Sends 'the driver has arrived' on to another service: one POST for each such event.

    python driver_arrived.py --servers kafka:9092 --topic notifier.events --url http://localhost:9000/arrived

At least once: the offset is committed after the POST was answered, so a crash in between repeats it. The event's id
goes along as `Idempotency-Key`, by which the receiver knows a repeat. Needs aiokafka and aiohttp.
"""

import argparse
import asyncio
import json
import signal

import aiohttp
from aiokafka import AIOKafkaConsumer, ConsumerRecord

TYPE = b"notifier.order.phase_changed.v1"
PAUSES = (0.2, 1, 5, 30)  # seconds between tries; then again with the longest


def arrived(record: ConsumerRecord) -> dict | None:
    """The event, if it says that a driver has arrived. The headers tell its type: most are put aside unread."""
    if dict(record.headers).get("ce_type") != TYPE:
        return None
    event = json.loads(record.value)
    return event if event["after"]["phase"] == "arrived" and not event["inferred"] and not event["late"] else None


async def send(session: aiohttp.ClientSession, url: str, event: dict) -> None:
    """Until it was taken: the events behind it wait, in their order."""
    body = {"order": event["order"]["key"], "arrived": event["occurred"]["at"] or event["observed_at"]}
    tries = 0
    while True:
        try:
            async with session.post(url, json=body, headers={"Idempotency-Key": event["id"]}) as answer:
                if answer.status < 500 and answer.status != 429:
                    return
        except aiohttp.ClientError as error:
            print(f"not taken yet: {error}", flush=True)
        await asyncio.sleep(PAUSES[min(tries, len(PAUSES) - 1)])
        tries += 1


async def run(servers: str, topic: str, group: str, url: str) -> None:
    consumer = AIOKafkaConsumer(
        topic,
        bootstrap_servers=servers,
        group_id=group,
        isolation_level="read_committed",
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    task = asyncio.current_task()
    assert task is not None
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    await consumer.start()
    try:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=15)) as session:
            while True:
                for partition, records in (await consumer.getmany(timeout_ms=1000)).items():
                    for record in records:
                        if event := arrived(record):
                            await send(session, url, event)
                            print(f"sent on: {event['order']['key']}", flush=True)
                            await consumer.commit({partition: record.offset + 1})
                    await consumer.commit({partition: records[-1].offset + 1})
    except asyncio.CancelledError:
        print("stopped", flush=True)
    finally:
        await consumer.stop()


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--servers", default="localhost:9092")
    options.add_argument("--topic", default="notifier.events")
    options.add_argument("--group", default="driver-arrived")
    options.add_argument("--url", required=True)
    given = options.parse_args()
    asyncio.run(run(given.servers, given.topic, given.group, given.url))


if __name__ == "__main__":
    main()
