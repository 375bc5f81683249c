"""What the demo plays: five simulated order APIs, people who order, and how they are told."""

from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

import orjson

SPEED = 20.0  # the simulator's orders live this much faster, so that a minute shows a whole ride
LIVE_ORDERS = 45
NEW_EVERY = 2.5  # seconds

PEOPLE = ("Anna", "Boris", "Chen", "Dina", "Emil", "Fatima", "Georgy", "Hanna")

SOURCES: Mapping[str, str] = {
    "taxi": "business_v2",
    "taxi-old": "taxi_v1",
    "cars": "progress",
    "parcels": "track_trace",
    "kitchen": "restaurant",
}

CONFIG = """\
# The demo's configuration: with your own addresses and tokens this is how yours may look.
backend: {{type: sqlite, path: "{folder}/notifier.db"}}
api: {{host: 127.0.0.1, port: {port}}}
log: {{level: error, format: console}}
events: {{personal_data: true}}          # so that alerts can name the car
sources:
  taxi:     {{type: business_v2, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  taxi-old: {{type: taxi_v1, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  cars:     {{type: progress, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  parcels:  {{type: track_trace, base_url: "{url}", token: demo, account: {{company_id: "1"}}, poll: {{default: 1s}}}}
  kitchen:  {{type: restaurant, base_url: "{url}", token: demo, poll: {{default: 1s}}}}
sinks:
  people: {{type: webhook, secret_file: "{folder}/secret", allow_networks: ["127.0.0.0/8"]}}
rules:
  - name: driver-arrived
    when: {{type: [phase_changed, tracked], phase: arrived}}
    send: [{{sink: people, to: recipients, once: performer}}]
  - name: how-it-went
    when: {{phase: [completed, partially_completed, cancelled, failed, ready]}}
    send: [{{sink: people, to: recipients}}]
"""


class Told(NamedTuple):
    """One message that a person got."""

    person: str
    order: str
    text: str
    arrived: bool


def watches(receiver: str) -> Iterator[dict[str, Any]]:
    """Bodies of POST /v1/watches without end: five APIs in turn, each order for somebody with a webhook."""
    names = tuple(SOURCES)
    for number in count():
        source = names[number % len(names)]
        person = PEOPLE[number % len(PEOPLE)]
        order = str(41_000 + number) if source == "parcels" else f"demo-{source}-{number:03d}"
        yield {
            "source": source,
            "ids": {"order_id": order},
            "recipients": [{"webhook": f"{receiver}/{person.lower()}"}],
            "labels": {"person": person},
        }


def told(body: bytes) -> Told:
    """What a webhook's body says, as a person would put it."""
    event = orjson.loads(body)["data"]
    order = event["order"]
    phase = event["phase"]
    arrived = phase == "arrived"
    text = SENTENCES.get(phase, "is now {phase}").format(phase=phase.replace("_", " "))
    if arrived and order["source"] in ("parcels",):
        text = "the courier is at the door"
    return Told(order["labels"].get("person", "somebody"), order["key"], text, arrived)


SENTENCES: Mapping[str, str] = {
    "arrived": "your driver has arrived",
    "completed": "is finished",
    "partially_completed": "was delivered in part",
    "cancelled": "was cancelled",
    "failed": "fell through: the taxi company could not come",
    "ready": "is ready, the courier is on the way",
}
