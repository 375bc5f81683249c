"""Taxi rides (progress, taxi v1, business v2): how they go, and what each status brings about.

Statuses: progress and taxi v1, field tables; both examples there say `finished`, which the tables lack.
"""

import random

from notifier.simulator.lives.cast import near
from notifier.simulator.lives.draft import Draft
from notifier.simulator.lives.draw import generator
from notifier.simulator.lives.model import CancelRules, Cost, Kind, Schedule
from notifier.simulator.lives.words import Script, Word

TOLD: dict[str, frozenset[Kind]] = {
    "progress": frozenset({"status", "fault"}),
    "taxi_v1": frozenset({"status", "performer", "schedule", "cost", "cancel_rules", "finished_at", "fault"}),
    "business_v2": frozenset({"status", "performer", "schedule", "cost", "cancel_rules", "finished_at", "fault"}),
}
ENDS = frozenset({"complete", "finished", "cancelled", "failed"})
_WITH_DRIVER = ("scheduled", "driving", "waiting", "transporting")
_DWELLS = {
    "scheduling": (60, 1_200), "scheduled": (300, 1_800), "search": (30, 180), "driving": (180, 720),
    "waiting": (60, 360), "transporting": (480, 2_400), "expired": (5, 60),
}  # fmt: skip
_UNLESS_SCRIPTED = 600_000


def script(draw: random.Random) -> Script:
    """A ride as it may go: one in eight is scheduled, one in seven loses a driver, one in ten does not end well."""
    path = ["search"]
    if draw.random() < 0.12:
        path = ["scheduling", "scheduled"] if draw.random() < 0.7 else ["scheduling", "search"]
    path.append("driving")
    for _ in range(2):
        if draw.random() < 0.07:  # the driver gave up, on the way or at the door
            path += ["search", "driving"] if draw.random() < 0.6 else ["waiting", "search", "driving"]
    path += ["waiting", "transporting"]
    if draw.random() < 0.05:  # 'the status of the order is unknown', not an end
        at = draw.randrange(1, len(path) + 1)
        path[at:at] = ["expired", path[at - 1]] if draw.random() < 0.5 else ["expired"]
    fate = draw.random()
    if fate < 0.10:
        del path[draw.randint(1, len(path)) :]
    ending = "cancelled" if fate < 0.07 else "failed" if fate < 0.10 else draw.choice(("complete", "finished"))
    words = [Word(status, int(draw.uniform(*_DWELLS[status]) * 1_000)) for status in path]
    if "scheduled" in path and draw.random() < 0.3:  # 'an order with this status can be changed'
        at = path.index("scheduled") + 1
        words.insert(at, Word("reschedule", draw.randint(60_000, 300_000)))
    words.append(Word(ending, draw.randint(20_000, 90_000)))
    if ending in ("complete", "finished") and draw.random() < 0.1:
        words.append(Word("recost"))
    return Script(tuple(words), (("latecost", draw.randint(5_000, 90_000)),) if draw.random() < 0.25 else ())


def tell(draft: Draft) -> frozenset[Kind]:
    """Write the ride into `draft`; the kinds that its API lets anyone see."""
    source, destination = draft.route
    _schedule(draft, moved=0)
    for word in draft.play():
        match word.text:
            case "redriver":
                draft.driver()
            case "reschedule":
                _schedule(draft, moved=900_000)
            case "recost":
                _cost(draft, after=0)
            case status:
                draft.tell("status", status)
                _bring(draft, status)
        dwell = word.dwell or _UNLESS_SCRIPTED
        away = near(source, generator(draft.seed, draft.api, draft.order_id, "away", draft.drivers))
        match word.text:
            case "scheduled":
                draft.drive(away, away, dwell)
            case "driving":
                draft.drive(away, source, dwell)
            case "waiting":
                draft.drive(source, source, dwell)
            case "transporting":
                draft.drive(source, destination, dwell)
            case "complete" | "finished":
                draft.drive(destination, destination, dwell)
    return TOLD[draft.api]


def _bring(draft: Draft, status: str) -> None:
    """What comes and goes with a status: driver, cancel rules, cost, end (business v2, both response examples)."""
    if status in _WITH_DRIVER and draft.latest("performer") is None:
        draft.driver()
    match status:
        case "search" | "scheduling":
            if draft.latest("performer") is not None:
                draft.tell("performer", None)
            _rules(draft, CancelRules(True, "free"))
        case "scheduled" | "driving":
            _rules(draft, CancelRules(True, "free"))
        case "waiting":
            _rules(draft, CancelRules(True, "minimal"))
        case "transporting":
            _rules(draft, CancelRules(False, "paid"))
        case _ if status in ENDS:
            _rules(draft, None)
    if status in ("complete", "finished"):
        # taxi v1 shows whole seconds, business v2 fractions of them.
        finished = draft.now // 1_000 * 1_000 if draft.api == "taxi_v1" else draft.now
        draft.tell("finished_at", finished)
        _cost(draft, after=draft.habits.get("latecost", 0))


def _rules(draft: Draft, rules: CancelRules | None) -> None:
    if draft.latest("cancel_rules") != rules:
        draft.tell("cancel_rules", rules)


def _cost(draft: Draft, after: int) -> None:
    told = sum(change.kind == "cost" for change in draft.changes)
    amount = 150 + int(draft.share(f"cost {told}") * 2_850)
    draft.tell("cost", Cost(amount, round(amount * 1.2, 2)), after)


def _schedule(draft: Draft, moved: int) -> None:
    """`due_date`, told in whole seconds: the end of the ride in taxi v1, its start in business v2."""
    begins = draft.script.offset("waiting", "transporting") or _UNLESS_SCRIPTED
    if draft.api == "business_v2":
        draft.tell("schedule", Schedule(draft.wall(begins + moved) // 1_000 * 1_000, None))
    else:
        ends = draft.script.offset("complete", "finished") or begins + 2 * _UNLESS_SCRIPTED
        draft.tell("schedule", Schedule(None, draft.wall(ends + moved) // 1_000 * 1_000))
