"""Deliveries of track & trace: status, status_log and history beside each other (track & trace, tables of `Order`,
`OrderHistoryItem` and `StatusLog`).
"""

import random
from typing import Literal

from notifier.simulator.lives.cast import near
from notifier.simulator.lives.draft import Draft
from notifier.simulator.lives.draw import generator
from notifier.simulator.lives.model import Comment, Cost, HistoryEntry, Kind, LogEntry, Place, Schedule
from notifier.simulator.lives.words import ACTIONS, Script, Word

IntervalForm = Literal["window_iso", "window_js", "interval_iso", "clock"]

TOLD: frozenset[Kind] = frozenset(
    {"status", "history", "status_log", "cost", "schedule", "confirmed_at", "delivered_at", "comment", "fault"}
)
_WITH_POSITION = frozenset({"ARRIVAL", "ORDER_VISIT", "DEPARTURE"})
_INITIATORS = {"finished": "app", "partially_finished": "app", "postponed": "app", "confirmed": "yandex"}
_COMMENTS = {
    "postponed": "Nobody answered the phone",
    "cancelled": "Клиент отказался",
    "partially_finished": "Two of three",
}
_ROUTE = {
    "START": (300, 1_800), "ORDER_BECAME_NEXT": (180, 1_200), "ARRIVAL": (30, 240), "ORDER_VISIT": (60, 420),
}  # fmt: skip


def interval_form(share: float) -> IntervalForm:
    """How an order tells its time window, by its `share("interval")`; `clock` has no date, so it is no schedule."""
    if share < 0.4:
        return "window_iso"
    return "window_js" if share < 0.65 else "interval_iso" if share < 0.85 else "clock"


def script(draw: random.Random) -> Script:
    """A delivery as it may go: postponed, cancelled, partial or reopened now and then, its entries sometimes late."""
    words = [_word(draw, "new", 60, 1_200)]
    if draw.random() < 0.1:
        words += [_word(draw, "postponed", 120, 1_200), _word(draw, "new", 60, 300)]
    words.append(_word(draw, "confirmed", 300, 1_800))
    if draw.random() < 0.3:
        words.append(_word(draw, "INTERVAL_UPDATE", 60, 300))
    words += [_word(draw, event, *span) for event, span in _ROUTE.items()]
    if draw.random() < 0.06:
        del words[draw.randint(1, len(words)) :]
        return Script((*words, Word("cancelled")))
    late = draw.random() < 0.12
    if late:  # the courier's phone had no signal: the arrival is told only after the visit
        *before, arrival, visit = words
        ahead = before.pop()
        ahead = ahead._replace(dwell=ahead.dwell + arrival.dwell)
        words = [*before, ahead, Word("ORDER_VISIT", 10_000), Word("ARRIVAL", visit.dwell, arrival.dwell + 10_000)]
    words.append(_word(draw, "partially_finished" if draw.random() < 0.06 else "finished", 20, 120))
    words.append(_word(draw, "DEPARTURE", 60, 300))
    if draw.random() < 0.03:
        words += [_word(draw, "confirmed", 60, 300), Word("finished")]
    fate = draw.random()
    if fate < 0.1:
        return Script(tuple(words), (("nolog", 0),))
    return Script(tuple(words), (("lag", draw.randint(2_000, 20_000)),) if fate < 0.25 else ())


def _word(draw: random.Random, text: str, least: float, most: float) -> Word:
    return Word(text, int(draw.uniform(least, most) * 1_000))


def tell(draft: Draft) -> frozenset[Kind]:
    """Write the delivery into `draft`; the kinds that the API lets anyone see."""
    draw = generator(draft.seed, draft.api, draft.order_id, "positions")
    begun = False
    for word in draft.play():
        if not begun:
            draft.tell("cost", _amount(draft))
            _schedule(draft, moved=0)
        if word.text in ACTIONS:
            _act(draft, word.text)
        elif word.text.isupper():
            if not begun:
                draft.tell("status", "new")
            _enter(draft, word, near(draft.route[1], draw, 0.001))
        else:
            _status(draft, word, near(draft.route[1], draw, 0.05), first=not begun)
        begun = True
    return TOLD - {"schedule"} if interval_form(draft.share("interval")) == "clock" else TOLD


def _enter(draft: Draft, word: Word, position: Place) -> None:
    at = draft.wall(draft.elapsed - word.late)
    placed = word.text in _WITH_POSITION
    if word.text == "INTERVAL_UPDATE":
        _schedule(draft, moved=3_600_000)
    initiator = "user_api" if word.text == "STATUS_UPDATE" else None
    entry = HistoryEntry(word.text, at, initiator, position if placed else None, 500.0 if placed else None)
    draft.tell("history", entry)


def _status(draft: Draft, word: Word, point: Place, first: bool) -> None:
    """The status, its log entry and its history item; the item names no status, the log entry of its time does."""
    status, now, lag = word.text, draft.wall(draft.elapsed - word.late), draft.habits.get("lag", 0)
    draft.tell("status", status)
    if "nolog" not in draft.habits:
        draft.tell("status_log", LogEntry(status, now, point), lag)
    if first and status == "new":
        draft.tell("history", HistoryEntry("ORDER_CREATED", now), lag)
    else:
        draft.tell("history", HistoryEntry("STATUS_UPDATE", now, _INITIATORS.get(status, "user_api")), lag)
    if status == "confirmed":
        draft.tell("confirmed_at", now)
    elif status in ("finished", "partially_finished"):
        draft.tell("delivered_at", now)
    if status in _COMMENTS:
        nth = sum(change.kind == "comment" for change in draft.changes)
        draft.tell("comment", Comment(nth + 1, status, _COMMENTS[status]))


def _act(draft: Draft, action: str) -> None:
    if action == "recost":
        draft.tell("cost", _amount(draft))
    elif action == "reschedule":
        _schedule(draft, moved=900_000)


def _amount(draft: Draft) -> Cost:
    told = sum(change.kind == "cost" for change in draft.changes)
    return Cost(round(100 + draft.share(f"amount {told}") * 4_900, 2), None)


def _schedule(draft: Draft, moved: int) -> None:
    """A window of an hour round the planned visit, in whole seconds, as the JavaScript texts can tell it."""
    visit = draft.script.offset("ARRIVAL", "finished") or 1_800_000
    start = draft.wall(max(0, visit - 1_800_000) + moved) // 1_000 * 1_000
    end = draft.wall(max(0, visit - 1_800_000) + 3_600_000 + moved) // 1_000 * 1_000
    if draft.latest("schedule") != Schedule(start, end):
        draft.tell("schedule", Schedule(start, end))
