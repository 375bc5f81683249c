"""One endpoint that hangs: how long the others' messages take is not touched by it, to the millisecond."""

import asyncio
import hashlib
from collections import Counter
from pathlib import Path

import orjson
import pytest

from notifier.app import App
from notifier.config.load import load
from notifier.errors import Reason
from notifier.instants import from_text
from notifier.model import Instant
from notifier.net.fetch import Request, Response
from notifier.sinks.base import Address, Message, Outcome
from notifier.testing.backend import MemoryBackend
from notifier.testing.fetch import FakeFetch, reply
from notifier.testing.sink import FakeSink
from notifier.testing.virtual import VirtualClock, run
from tests.service.build import program

ORDERS = 300
HOOKS, SERVERS, GATEWAYS = 100, 4, 3
BUSY = "https://p.example.org/0"  # is told of every third order
TIMEOUT = 15.0

CONFIG = """
sources:
  shop: {type: json, base_url: "http://127.0.0.1:1", url: "/o/{order_id}", token: t, status: status,
         phases: {new: created, ready: ready}, poll: {default: 8s},
         budget: {requests_per_second: 10000, concurrency: 100}}
sinks:
  hook: {type: webhook, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", breaker: BREAKER}
"""
PEOPLE = {
    "mail": '{type: email, host: "HOST.example.org", sender: "a@example.org", breaker: BREAKER}',
    "text": '{type: sms, gateway: http, base_url: "https://HOST.example.org", url: "/{to}", json: {text: "{text}"},'
    " breaker: BREAKER}",
}


class Sink(FakeSink):
    """Answers after 20 to 300 ms, always the same for the same message; one that hangs only at the time-out."""

    def __init__(self, name: str, hung: str, people: bool, at_most_once: bool, address: Address) -> None:
        super().__init__(people=people, at_most_once=at_most_once, address=address)
        self._name = name
        self._hung = hung
        self.took: Counter[int] = Counter()  # ms from the look that saw it to the answer, but for the busy one
        self.hanging = 0

    def endpoint(self, to: str | None) -> str:
        return (to or "") if self._name == "hook" else self._name

    async def send(self, message: Message, now: Instant) -> Outcome:
        if self.endpoint(message.to) == self._hung:
            self.hanging += 1
            await asyncio.sleep(TIMEOUT)
            reason = Reason.OUTCOME_UNKNOWN if self.at_most_once else Reason.TIMEOUT
            return Outcome("dead" if self.at_most_once else "again", reason=reason, detail="no answer in time")
        chance = hashlib.blake2b(message.id.encode(), digest_size=2).digest()
        ms = 20 + int.from_bytes(chance) % 281
        await asyncio.sleep(ms / 1000)
        if message.to != BUSY:
            seen = from_text(orjson.loads(message.event.data)["observed_at"])
            self.took[now - seen + ms] += 1
        return Outcome("delivered", "200")


def sinks(hung: str) -> dict[str, Sink]:
    return {
        "hook": Sink("hook", hung, False, False, "webhook"),
        **{f"mail{n}": Sink(f"mail{n}", hung, True, False, "email") for n in range(SERVERS)},
        **{f"text{n}": Sink(f"text{n}", hung, True, True, "phone") for n in range(GATEWAYS)},
    }


def config(folder: Path, breaker: int) -> Path:
    people = [f"mail{n}" for n in range(SERVERS)] + [f"text{n}" for n in range(GATEWAYS)]
    lines = [f"  {name}: {PEOPLE[name[:4]].replace('HOST', name)}" for name in people]
    rules = ['  - {name: hooks, when: {type: "STATUS"}, send: [{sink: hook, to: recipients}]}']
    for name in people:  # an order's label says which of them tells its people
        when = f'{{type: "STATUS", labels: {{{name[:4]}: "{name}"}}}}'
        rules.append(f"  - {{name: {name}, when: {when}, send: [{{sink: {name}, to: recipients}}]}}")
    caps = "caps: {recipient: 1000/h, all: 100000/h}"
    text = "\n".join([CONFIG.strip(), *lines, "rules:", *rules, caps])
    file = folder / "notifier.yaml"
    file.write_text(text.replace("BREAKER", str(breaker)).replace('"STATUS"', "[tracked, status_changed]"))
    return file


async def took(folder: Path, hung: str, breaker: int) -> tuple[dict[str, Counter[int]], int]:
    """By sink, without what goes to the one that hangs; and how many attempts hung."""
    clock, ways = VirtualClock(), sinks(hung)
    ready: set[str] = set()

    async def answer(request: Request) -> Response:
        await asyncio.sleep(0.01)
        order = request.url.rpartition("/")[2]
        return reply(200, orjson.dumps({"status": "ready" if order in ready else "new"}))

    app = App(
        load(config(folder, breaker)),
        clock=clock,
        backend=MemoryBackend(shards=3, clock=clock),
        fetches={"shop": FakeFetch(always=answer)},
        sinks=ways,
    )
    await app.start()
    for number in range(ORDERS):
        who = {"email": f"a{number}@example.org", "phone": f"+7912{number:07d}"}
        people = [who | {"webhook": f"https://p.example.org/{number % HOOKS}"}]
        people += [{"webhook": BUSY}] if number % 3 == 0 and number % HOOKS else []
        labels = {"mail": f"mail{number % SERVERS}", "text": f"text{number % GATEWAYS}"}
        watch = {"source": "shop", "ids": {"order_id": f"o{number}"}, "labels": labels, "recipients": people}
        await app.desk.put(watch)
        await asyncio.sleep(0.02)
        ready.add(f"o{number - 50}")
    await asyncio.sleep(20)
    await app.stop(5)
    return {name: way.took for name, way in ways.items()}, sum(way.hanging for way in ways.values())


def percentile(counts: Counter[int], share: float) -> int:
    rest = sum(counts.values()) * share
    for ms in sorted(counts):
        rest -= counts[ms]
        if rest <= 0:
            return ms
    raise AssertionError("nothing was sent")


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Counter[int]]:
    """Where nothing hangs."""
    told, hanging = run(lambda: took(tmp_path_factory.mktemp("calm"), "", 10))
    assert hanging == 0
    return told


@pytest.mark.parametrize(("hung", "breaker"), [(BUSY, 10), (BUSY, 0), ("mail0", 0), ("text0", 0)])
def test_the_others_are_told_as_soon_as_ever(
    hung: str, breaker: int, calm: dict[str, Counter[int]], tmp_path: Path
) -> None:
    stormy, hanging = run(lambda: took(tmp_path, hung, breaker))
    assert hanging >= (4 if hung == "mail0" else 32)  # it had all its slots full
    for name in set(calm) - {hung}:
        assert sum(stormy[name].values()) == sum(calm[name].values()) >= 100
        for share in (0.5, 0.99, 1):
            assert percentile(stormy[name], share) <= 1.1 * percentile(calm[name], share), (name, share)


class Slow(FakeSink):
    """Takes 3 s for each message."""

    def __init__(self) -> None:
        super().__init__(people=True, address="email")
        self.under_way = self.most = 0

    def endpoint(self, _to: str | None) -> str:
        return "smtp.example.org:587"

    async def send(self, message: Message, now: Instant) -> Outcome:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        await asyncio.sleep(3)
        self.under_way -= 1
        return await super().send(message, now)


def test_what_would_wait_within_a_slow_sink_is_not_begun(tmp_path: Path) -> None:
    """It would have waited there longer than its time-out, and be sent although it had expired meanwhile."""

    async def main() -> None:
        mail = '  hook: {type: email, host: "smtp.example.org", sender: "a@example.org", connections: 2}'
        rules = "  - {name: first, when: {type: tracked}, send: [{sink: hook, to: recipients, expires: 20s}]}"
        slow = Slow()
        async with program(tmp_path, sink=mail, rules=rules, hook=slow) as it:
            for number in range(40):
                await it.put(f"{number}", recipients=[{"email": f"a{number}@example.org"}])
            await asyncio.sleep(60)
            states = Counter((each.state, each.reason, len(each.attempts)) for each in await it.deliveries())
        assert slow.most == 2
        assert set(states) == {("delivered", None, 1), ("expired", "expired", 0)}
        assert 12 <= states["delivered", None, 1] <= 14

    run(main)
