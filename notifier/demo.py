"""What the demo plays: five simulated order APIs, people who order, and what they are told."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import count
from typing import Any, NamedTuple

SPEED = 20.0  # the simulator's orders live this much faster, so that a minute shows a whole ride
NEW_EVERY = 2.5  # seconds between new orders
BEGIN_WITH = 25
OLDEST = 30.0  # seconds for which an order to begin with has been under way at most

RUSSIAN = frozenset({"Boris", "Dina", "Georgy"})
PEOPLE = ("Anna", "Boris", "Chen", "Dina", "Emil", "Fatima", "Georgy", "Hanna")
APIS: Mapping[str, str] = {
    "taxi": "business_v2",
    "taxi-old": "taxi_v1",
    "cars": "progress",
    "parcels": "track_trace",
    "kitchen": "restaurant",
}
SOURCES = tuple(APIS)
SECRET = "whsec_b3JkZXItbm90aWZpZXItZGVtby1zZWNyZXQtMDAx"

CONFIG = """\
# The demo's configuration. With your own addresses and tokens, yours may look the same.
backend: {backend}
api: {{host: 127.0.0.1, port: {port}}}
events: {{personal_data: true}}          # so that the car has a plate in what is told here
sources:
  taxi:     {{type: business_v2, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  taxi-old: {{type: taxi_v1, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  cars:     {{type: progress, base_url: "{url}", token: demo, account: {{client_id: demo}}, poll: {{default: 1s}}}}
  parcels:  {{type: track_trace, base_url: "{url}", token: demo, account: {{company_id: "1"}}, poll: {{default: 1s}}}}
  kitchen:  {{type: restaurant, base_url: "{url}", token: demo, poll: {{default: 1s}}}}
sinks:
  people: {{type: webhook, secret_file: "{folder}/secret", allow_networks: ["127.0.0.0/8"]}}
  mail:   {{type: email, host: 127.0.0.1, port: {smtp}, sender: "Rides <rides@example.org>"}}
  desk:   {{type: webhook, url: "{receiver}desk", secret_file: "{folder}/secret", allow_networks: ["127.0.0.0/8"]}}
rules:
  - name: everything
    when: {{}}
    send: [{{sink: desk}}]
  - name: driver-arrived
    when: {{type: [phase_changed, tracked], phase: arrived}}
    send:
      - {{sink: people, to: recipients, once: performer}}
      - {{sink: mail, to: recipients, template: driver_arrived, once: performer}}
  - name: how-it-went
    when: {{phase: [ready, completed, partially_completed, cancelled, failed]}}
    send: [{{sink: people, to: recipients}}, {{sink: mail, to: recipients}}]
"""

SQLITE = '{{type: sqlite, path: "{folder}/notifier.db"}}'
KAFKA = "{{type: kafka, bootstrap_servers: [{servers}], topic_prefix: {prefix}, partitions: 12, replication_factor: 1}}"

SENTENCES: Mapping[str, str] = {
    "ready": "your meal is ready, the courier is coming",
    "completed": "your order is finished",
    "partially_completed": "a part of your order was delivered",
    "cancelled": "your order was cancelled",
    "failed": "your ride fell through",
}


def address(receiver: str, person: str) -> str:
    """A person's own webhook."""
    return f"{receiver}{person.lower()}"


def recipient(receiver: str, person: str) -> dict[str, str]:
    """Told twice: by a webhook, and by a mail in a language of his own."""
    told = {"webhook": address(receiver, person), "email": f"{person.lower()}@example.org"}
    return told | ({"locale": "ru", "timezone": "Europe/Moscow"} if person in RUSSIAN else {})


def watches(receiver: str) -> Iterator[dict[str, Any]]:
    """Bodies of POST /v1/watches without end: five APIs in turn, each order for somebody with a webhook."""
    for number in count():
        source, person = SOURCES[number % len(SOURCES)], PEOPLE[number % len(PEOPLE)]
        yield {
            "source": source,
            "ids": {"order_id": str(41_000 + number) if source == "parcels" else f"{source}-{number:03d}"},
            "recipients": [recipient(receiver, person)],
            "labels": {"person": person},
        }


class Told(NamedTuple):
    """One message that a person got. `number` counts them."""

    number: int
    at: str
    person: str
    order: str
    text: str
    arrived: bool


class Story:
    """What has been received so far, in words."""

    def __init__(self) -> None:
        self.mails = ""  # where they can be read
        self.told: deque[Told] = deque(maxlen=200)
        self.people = 0
        self.arrived = 0
        self.types: Counter[str] = Counter()
        self._cars: dict[str, str] = {}

    @property
    def events(self) -> int:
        return self.types.total()

    def hear(self, event: Mapping[str, Any], type: str) -> None:
        """An event of any order, as the sink `desk` gets them all: who drives is remembered."""
        self.types[type] += 1
        vehicle = (event["after"] or {}).get("vehicle") or {}
        if car := " ".join(filter(None, (vehicle.get("color"), vehicle.get("model"), vehicle.get("plate")))):
            self._cars[event["order"]["key"]] = car

    def tell(self, event: Mapping[str, Any]) -> Told:
        """A message to a person, from the sink `people`."""
        order, phase = event["order"], event["phase"]
        self.people += 1
        arrived = phase == "arrived"
        told = Told(
            self.people,
            event["observed_at"][11:19],
            order["labels"].get("person", "somebody"),
            order["key"],
            self._arrival(order) if arrived else SENTENCES.get(phase, phase),
            arrived,
        )
        self.arrived += arrived
        self.told.append(told)
        return told

    def _arrival(self, order: Mapping[str, Any]) -> str:
        if order["source"] == "parcels":
            return "your courier has arrived"
        car = self._cars.get(order["key"])
        return f"your driver has arrived: {car}" if car else "your driver has arrived"
