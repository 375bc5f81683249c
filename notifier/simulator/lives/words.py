"""The language of order ids that spell their own life, and the scripts that drawn lives use too.

    sim-[<habit>[-<duration>]-]…<word>[-<duration>][-<word>[-<duration>]]…[.<suffix>]

`sim-driving-5s-waiting-20s-complete` is driving for 5 s, waiting for 20 s, then complete for ever. A duration is a
number with ms, s, m or h; it is the time that the word before it lasts (several add up, none is 0, after the last word
it means nothing). Before the first word it is the time in which the order is not known yet (404). The `speed` of the
simulator divides it. Everything from the first `.` on only varies the draws (driver, route, variants), so that many
orders can share one life: `sim-driving-5s-waiting.17`.

Words, taken one after the other:
- A **status** as the API writes it, `_` included, legal or not, documented or not: `search`, `partially_finished`,
  `NEW`. taxi: a driver comes with `scheduled`, `driving`, `waiting` and `transporting` and goes with `search`; the next
  one is another. `complete` and `finished` bring cost and finished_date. track & trace: each status writes its
  status_log entry and a STATUS_UPDATE (the first one, if it is `new`: ORDER_CREATED).
- track & trace: a word in capitals is a **history entry**: `ARRIVAL`. If it comes first, the order is silently `new`.
  INTERVAL_UPDATE moves the time window too. `late-30s-ARRIVAL` shows the entry now, with a time 30 s ago (a status:
  its status_log entry and STATUS_UPDATE).
- **Changes without a status**: `redriver` (another driver), `reschedule` (15 min later), `recost` (another cost).
- **Faults**, standing for the whole stage; the order lives on behind them: `401 403 404 420 422 429 500 502 503 504
  html truncated cut empty drop no_status wrong_types` (see `faults`). `sim-404` is never found, `sim-driving-10s-404`
  vanishes after 10 s, `sim-driving-5s-500-5s-waiting` fails for 5 s. 429, 420 and 503 carry `Retry-After: 1`. Before
  its first status an order is not found, so what a fault spoils there is a 404; an id of faults alone begins with
  `search`, `new` or `NEW`.

Habits, for the whole life: `stale` (every third answer is 5 s old, or as old as its duration says) · `slow` (each
answer takes 1 s or so long; real time, whatever the speed) · `drip` (the body comes byte by byte) · `skip` (every
second status is never told, the last one always) · `flaky` (every third answer is a 500) · `lag` (track & trace: log
and STATUS_UPDATE follow 5 s after the status) · `nolog` (track & trace: status_log stays empty) · `latecost` (taxi:
the cost follows 20 s after the end).
"""

import re
from typing import NamedTuple

FAULT_WORDS = frozenset(
    {"401", "403", "404", "420", "422", "429", "500", "502", "503", "504"}
    | {"html", "truncated", "cut", "empty", "drop", "no_status", "wrong_types"}
)
ACTIONS = frozenset({"redriver", "reschedule", "recost"})
HABITS = {"stale": 5_000, "slow": 1_000, "drip": 0, "skip": 0, "flaky": 0, "lag": 5_000, "nolog": 0, "latecost": 20_000}

_PREFIX = "sim-"
_DURATION = re.compile(r"(\d{1,9})(ms|s|m|h)", re.ASCII)
_UNITS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000}


class Word(NamedTuple):
    """`text` lasts for `dwell` ms; an entry's own time is `late` ms before. An empty text: not known yet."""

    text: str
    dwell: int = 0
    late: int = 0


class Script(NamedTuple):
    """A life before it is played: durations still in the order's own time, not divided by the speed."""

    words: tuple[Word, ...]
    habits: tuple[tuple[str, int], ...] = ()

    def offset(self, *texts: str) -> int | None:
        """When the first of `texts` begins, in ms after the birth; None if none of them comes."""
        elapsed = 0
        for word in self.words:
            if word.text in texts:
                return elapsed
            elapsed += word.dwell
        return None


def duration(text: str) -> int | None:
    """`250ms`, `5s`, `2m` or `1h` in ms; None for anything else."""
    match = _DURATION.fullmatch(text)
    return int(match[1]) * _UNITS[match[2]] if match else None


def spelled(order_id: str) -> Script | None:
    """The life that `order_id` spells; None if it spells none, and its life is drawn."""
    if not order_id.startswith(_PREFIX):
        return None
    tokens = [token for token in order_id.split(".", 1)[0][len(_PREFIX) :].split("-") if token]
    habits = _habits(tokens)
    words: list[Word] = []
    while tokens:
        token = tokens.pop(0)
        if token == "late" and len(tokens) >= 2 and (late := duration(tokens[0])) is not None:
            words.append(Word(tokens[1], late=late))
            del tokens[:2]
        elif (dwell := duration(token)) is not None:
            before = words.pop() if words else Word("")
            words.append(before._replace(dwell=before.dwell + dwell))
        else:
            words.append(Word(token))
    return Script(tuple(words), habits) if words else None


def _habits(tokens: list[str]) -> tuple[tuple[str, int], ...]:
    """Take the habits off the front of `tokens`."""
    habits = []
    while tokens and tokens[0] in HABITS:
        name = tokens.pop(0)
        ms = duration(tokens[0]) if tokens else None
        if ms is not None:
            del tokens[0]
        habits.append((name, HABITS[name] if ms is None else ms))
    return tuple(habits)
