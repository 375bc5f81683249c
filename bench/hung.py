"""One endpoint that hangs, all its slots full: how long the others' messages take, against the same while none does.

Calm and stormy rounds alternate in one run of the whole program; the receivers are in another process. Measured from
the look that saw the event to the accepted message: that is commit, decision, rendering, and the send. What else the
machine does is in these times, on both sides alike. The CPU that the program took for a message is told beside them; a
slower round commits more at once, and takes less.
"""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import orjson
import uvloop

from notifier.app import App
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.config.model import SINKS
from notifier.instants import from_text
from notifier.model import Instant
from notifier.sinks.base import Message, Outcome, Sink

RATE = 100  # messages a second
ROUND = 0.6  # seconds; short, so that what else the machine does hits calm and stormy ones alike
PAIRS = 20
SETTLE = 1.0  # seconds before each round, in which what came before it comes to its end
FILLING = 40  # messages for the one that hangs, before a stormy round: more than it has slots
HOOKS, SERVERS, GATEWAYS = 100, 5, 5

CONFIG = """
backend: {{type: sqlite, path: {folder}/bench.db}}
sources:
  trips: {{type: business_v2, base_url: "http://127.0.0.1:{api}", token: bench, poll: {{default: 1h}},
           budget: {{requests_per_second: 10000, concurrency: 100}}}}
sinks:
{sinks}
rules:
{rules}
"""
SETTINGS = {
    "hook": '{{type: webhook, secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", '
    'allow_networks: ["127.0.0.0/8"], {more}}}',
    "mail": "{{type: email, host: 127.0.0.1, port: {mail}, sender: a@example.org, {more}}}",
    "text": '{{type: sms, gateway: http, url: "http://127.0.0.1:{http}/{name}", '
    'json: {{to: "{{to}}", text: "{{text}}"}}, {more}}}',
}
MORE = "timeout: 60s, breaker: 0, retries: [100ms, 200ms, 400ms, 1s, 1s, 1s]"


class Case(NamedTuple):
    """`hung` is what the receivers know it by."""

    what: str
    sinks: tuple[str, ...]
    hung: str


CASES = (
    Case(f"1 of {HOOKS} webhooks", ("hook",), "/0"),
    Case(f"1 of {SERVERS} mail servers", tuple(f"mail{n}" for n in range(SERVERS)), "mail0"),
    Case(f"1 of {GATEWAYS} SMS gateways", tuple(f"text{n}" for n in range(GATEWAYS)), "/text0"),
)


class Timed:
    """A real sink; ms until each message was accepted go into `took`, those of what hangs apart."""

    def __init__(self, inner: Sink, hung: str, took: list[float]) -> None:
        self.people, self.at_most_once, self.address = inner.people, inner.at_most_once, inner.address
        self._inner = inner
        self._hung = hung
        self._took = took

    def endpoint(self, to: str | None, /) -> str:
        return self._inner.endpoint(to)

    async def send(self, message: Message, now: Instant, /) -> Outcome:
        outcome = await self._inner.send(message, now)
        if outcome.kind == "delivered" and not (message.to or "").endswith(self._hung):
            seen = from_text(orjson.loads(message.event.data)["observed_at"])
            self._took.append(time.time() * 1000 - seen)
        return outcome

    async def close(self) -> None:
        await self._inner.close()


class Round(NamedTuple):
    """ms of each message of the others; ms of CPU that the program took meanwhile, for each of them."""

    took: list[float]
    cpu: float


class Result(NamedTuple):
    what: str
    calm: list[Round]
    stormy: list[Round]


class Run:
    def __init__(self, app: App, case: Case, receivers: "subprocess.Popen[str]", http: int) -> None:
        self._app = app
        self._case = case
        self._receivers = receivers
        self._http = http
        self._count = 0

    async def put(self, way: int) -> None:
        """A new order; whoever is told of it is told over this way of the case."""
        self._count += 1
        hooks = self._case.sinks == ("hook",)
        who = {"webhook": f"http://127.0.0.1:{self._http}/{way}"} if hooks else {
            "email": f"a{self._count}@example.org", "phone": f"+7912{self._count:07d}",
        }  # fmt: skip
        labels = {"way": self._case.sinks[0] if hooks else self._case.sinks[way]}
        ids = {"order_id": f"{self._case.sinks[0]}-{self._count}"}
        await self._app.desk.put({"source": "trips", "ids": ids, "labels": labels, "recipients": [who]})

    async def round(self, hung: str, took: list[float]) -> Round:
        ways = HOOKS if self._case.sinks == ("hook",) else len(self._case.sinks)
        self._hang(hung)
        if hung:
            # All of it hangs or waits before the round begins. A calm one has none of it: sent at once before, these
            # would still be felt in it (with mails its median was twice that of a stormy one).
            await asyncio.gather(*(self.put(0) for _ in range(FILLING)))
            await self._hanging()
        await asyncio.sleep(SETTLE)
        took.clear()
        begin, cpu = time.perf_counter(), time.process_time()
        for number in range(round(RATE * ROUND)):
            await asyncio.sleep(begin + number / RATE - time.perf_counter())
            await self.put(1 + number % (ways - 1))
        await asyncio.sleep(0.3)
        result = Round(list(took), (time.process_time() - cpu) * 1000 / len(took))
        self._hang("")
        await self._done()
        return result

    async def _done(self) -> None:
        while any(True for _ in self._app.deliverer.pending()):
            await asyncio.sleep(0.05)

    async def _hanging(self) -> None:
        while sum(1 for _ in self._app.deliverer.pending()) < FILLING:
            await asyncio.sleep(0.05)

    def _hang(self, name: str) -> None:
        assert self._receivers.stdin is not None
        self._receivers.stdin.write(f"{name}\n")
        self._receivers.stdin.flush()


def config(folder: str, case: Case, api: int, ports: list[int]) -> Path:
    sinks, rules = [], []
    for number, name in enumerate(case.sinks):
        mail = ports[1 + number] if name.startswith("mail") else 0
        settings = SETTINGS[name[:4]].format(more=MORE, mail=mail, http=ports[0], name=name)
        sinks.append(f"  {name}: {settings}")
        when = f"{{type: tracked, labels: {{way: {name}}}}}"
        rules.append(f"  - {{name: {name}, when: {when}, send: [{{sink: {name}, to: recipients}}]}}")
    file = Path(folder) / "bench.yaml"
    file.write_text(CONFIG.format(folder=folder, api=api, sinks="\n".join(sinks), rules="\n".join(rules)))
    return file


async def measure(case: Case) -> Result:
    start = [sys.executable, "-m"]
    with (
        subprocess.Popen(
            [*start, "bench.server", "0"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as api,
        subprocess.Popen(
            [*start, "bench.receivers", str(SERVERS)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as receivers,
        tempfile.TemporaryDirectory() as folder,
    ):
        assert api.stdout is not None
        assert receivers.stdout is not None
        ports = list(map(int, receivers.stdout.readline().split()))
        configured = load(config(folder, case, int(api.stdout.readline()), ports))
        took: list[float] = []
        clock = SystemClock()
        sinks = {
            name: Timed(
                SINKS[settings.type].build(name, settings, clock), case.hung if case.hung == "/0" else "\0", took
            )
            for name, settings in configured.sinks.items()
        }
        app = App(configured, sinks=sinks)
        await app.start()
        result = Result(case.what, [], [])
        try:
            run = Run(app, case, receivers, ports[0])
            await run.round("", took)  # warm-up, not counted
            for number in range(PAIRS):
                for stormy in (False, True) if number % 2 else (True, False):  # the machine's own drift hits both
                    rounds, hung = (result.stormy, case.hung) if stormy else (result.calm, "")
                    rounds.append(await run.round(hung, took))
        finally:
            await app.stop(5)
            api.terminate()
            receivers.terminate()
        return result


def report(result: Result) -> str:
    stormy, calm = (
        percentiles([*chain.from_iterable(each.took for each in rounds)]) for rounds in (result.stormy, result.calm)
    )
    both = list(zip(result.stormy, result.calm, strict=True))
    pairs = [percentiles(here.took)[98] / percentiles(there.took)[98] for here, there in both]
    cpu = statistics.median(here.cpu / there.cpu for here, there in both)
    return (
        f"{result.what} hangs: the others' median {stormy[49]:.1f} ms, 99% within {stormy[98]:.1f} ms"
        f" · none does: {calm[49]:.1f} ms, {calm[98]:.1f} ms"
        f" · ratio of the 99% {stormy[98] / calm[98]:.2f}, pair by pair median {statistics.median(pairs):.2f}"
        f" (min {min(pairs):.2f}, max {max(pairs):.2f}); of the medians {stormy[49] / calm[49]:.2f}"
        f"; CPU of a message, pair by pair median {cpu:.2f}"
    )


def percentiles(took: list[float]) -> list[float]:
    return statistics.quantiles(took, n=100)


def main() -> None:
    print(f"Telling: {PAIRS} pairs of rounds of {ROUND:g} s, {RATE} messages a second to the others")
    for case in CASES:
        print(report(uvloop.run(measure(case))), flush=True)
