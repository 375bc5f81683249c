"""Faults on demand: what they are, whom they hit, and what becomes of an answer that several of them hit.

A fault hits the answers of the whole server, of one API (`oauth` is the token endpoint) or of one order: each of them,
each with a `probability`, only the next `count`, only for `seconds`. Chance is drawn from seed, fault, order and the
number of the order's request, so a run repeats exactly whatever the interleaving of orders.
"""

from itertools import count as counting
from typing import Annotated, Literal

import msgspec

from notifier.simulator.lives.draw import fraction

Mode = Literal["truncated", "cut", "empty", "html", "drop", "no_status", "wrong_types"]
FaultKind = Literal[
    "400", "401", "403", "404", "420", "422", "429", "500", "502", "503", "504",
    "truncated", "cut", "empty", "html", "drop", "no_status", "wrong_types",
    "latency", "drip", "stale", "skip", "skew", "expire",
]  # fmt: skip
NotNegative = Annotated[float, msgspec.Meta(ge=0)]


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One fault. All durations are seconds of real time.

    - a status: that answer, in the API's own error format; 420, 429 and 503 with `retry_after` (None: without) as
      seconds or as an HTTP date, 420 with `X-RateLimit-Resource-*` too, as a sibling service has it. 401 leaves the
      token good; `expire` revokes all tokens seen, once for each hit.
    - truncated: half the JSON, with its right length; cut: the connection ends in the middle of the announced length;
      drop: it ends before any answer (some clients, aiohttp's among them, then ask once more by themselves); empty;
      html: a page, with status 200 or that of a fault beside it; no_status; wrong_types: status is a number.
    - latency: `delay` before the answer; drip: `delay` after each byte (0.2 s if none is given).
    - stale: the order as it was `behind` seconds ago; skip: each step is never told, with `probability`;
      skew: the other side's clock is `skew` seconds ahead, in bodies and in `Date`.
    """

    kind: FaultKind
    api: str | None = None
    order: str | None = None
    probability: Annotated[float, msgspec.Meta(ge=0, le=1)] = 1.0
    count: Annotated[int, msgspec.Meta(ge=1)] | None = None
    seconds: NotNegative | None = None
    delay: NotNegative = 0.0
    behind: NotNegative = 5.0
    skew: float = 0.0
    retry_after: NotNegative | None = 1.0
    retry_after_form: Literal["seconds", "date"] = "seconds"


def read_faults(data: bytes) -> list[Fault]:
    """One fault or a list of them, as JSON. Raises ValueError, saying which field is wrong."""
    try:
        faults = msgspec.json.decode(data, type=Fault | list[Fault])
    except msgspec.DecodeError as error:
        raise ValueError(f"not a fault: {error}") from error
    return faults if isinstance(faults, list) else [faults]


class Treatment(msgspec.Struct):
    """What becomes of one answer. Of several statuses, and of several modes, the first one counts."""

    status: int | None = None
    retry_after: float | None = None
    retry_after_form: str = "seconds"
    mode: Mode | None = None
    delay: float = 0.0
    drip: float | None = None
    behind: float = 0.0
    skew: float = 0.0
    skip: float = 0.0
    expire: bool = False
    kinds: tuple[str, ...] = ()

    def suffer(self, fault: Fault) -> None:
        """Let `fault` hit."""
        self.kinds = (*self.kinds, fault.kind)
        match fault.kind:
            case "latency":
                self.delay += fault.delay
            case "drip":
                self.drip = fault.delay or 0.2
            case "stale":
                self.behind = max(self.behind, fault.behind)
            case "skip":
                self.skip = max(self.skip, fault.probability)
            case "skew":
                self.skew += fault.skew
            case "expire":
                self.expire = True
            case "truncated" | "cut" | "empty" | "html" | "drop" | "no_status" | "wrong_types":
                self.mode = self.mode or fault.kind
            case status if self.status is None:
                self.status = int(status)
                if status in ("420", "429", "503"):
                    self.retry_after, self.retry_after_form = fault.retry_after, fault.retry_after_form


class Standing(msgspec.Struct):
    """A fault that was added, as the admin endpoint shows it."""

    id: int
    fault: Fault
    since: int
    hits: int = 0

    def stands(self, now: int) -> bool:
        """Whether it may still hit at `now` (ms)."""
        fault = self.fault
        spent = fault.count is not None and self.hits >= fault.count
        over = fault.seconds is not None and now >= self.since + fault.seconds * 1_000
        return not (spent or over)


class Faults:
    """The faults of one server. Adding and removing is safe from another thread."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._ids = counting(1)
        self._standing: tuple[Standing, ...] = ()

    def add(self, fault: Fault, now: int) -> int:
        """Let `fault` stand from `now` (ms) on; its id."""
        standing = Standing(next(self._ids), fault, now)
        self._standing = (*self._standing, standing)
        return standing.id

    def remove(self, fault_id: int) -> bool:
        """False if there is none of that id."""
        left = tuple(standing for standing in self._standing if standing.id != fault_id)
        found = len(left) < len(self._standing)
        self._standing = left
        return found

    def clear(self) -> None:
        """Let everything be well again."""
        self._standing = ()

    def standing(self, now: int) -> tuple[Standing, ...]:
        """Those that may still hit; the others are forgotten."""
        self._standing = tuple(standing for standing in self._standing if standing.stands(now))
        return self._standing

    def treat(self, api: str, order: str, nth: int, now: int) -> Treatment:
        """What becomes of the `nth` answer about `order`."""
        treatment = Treatment()
        if not self._standing:
            return treatment
        for standing in self.standing(now):
            fault = standing.fault
            if fault.api not in (None, api) or fault.order not in (None, order):
                continue
            # A skipped step is drawn for the step, not for the answer: it must not come back with the next one.
            if fault.kind == "skip" or fraction(self._seed, standing.id, api, order, nth) < fault.probability:
                standing.hits += 1
                treatment.suffer(fault)
        return treatment


def habits(treatment: Treatment, spelled: dict[str, int], nth: int, speed: float) -> None:
    """Let the habits that an order's id spells (see `lives.words`) hit its `nth` answer, counted from 0."""
    third = nth % 3 == 2
    if third and "stale" in spelled:
        treatment.suffer(Fault(kind="stale", behind=spelled["stale"] / 1_000 / speed))
    if third and "flaky" in spelled:
        treatment.suffer(Fault(kind="500"))
    if "slow" in spelled:
        treatment.suffer(Fault(kind="latency", delay=spelled["slow"] / 1_000))
    if "drip" in spelled:
        treatment.suffer(Fault(kind="drip", delay=spelled["drip"] / 1_000))
