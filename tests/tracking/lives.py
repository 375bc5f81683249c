"""Strategies: true lives of orders, and rhythms of polling them."""

from typing import Any

from hypothesis import strategies as st

from notifier.model import Entry, Snapshot
from notifier.sources.lifecycles import RESTAURANT, TAXI, TRACK_TRACE
from notifier.tracking import Lifecycle
from tests.oracle import ALONE, ENTRIES, FORWARD, STATUSES, Life, Poll, Row

LIFECYCLES: dict[str, Lifecycle] = {"taxi": TAXI, "track": TRACK_TRACE, "restaurant": RESTAURANT}
STRANGE = ("paused", "teleporting")
START = 1_000_000
GAP = 1_000  # statuses come this far apart at least, at whole 10 ms; history entries and answers come between those


@st.composite
def statuses(draw: st.DrawFn, api: str, least_legal: float = 0.7, again: bool = True) -> tuple[tuple[int, str], ...]:
    """A walk, most of its steps legal, some of them illegal or to a status that no document knows."""
    followers: dict[str, list[str]] = {status: [] for status in STATUSES[api]}
    for step in (FORWARD[api] + " " + ALONE[api]).split():
        followers[step.split(">")[0]].append(step.split(">")[1])
    everything = [*STATUSES[api], *STRANGE] if least_legal < 1 else list(STATUSES[api])
    first = draw(st.sampled_from(list(STATUSES[api])[:3] if least_legal == 1 else everything))
    walk, time = [(START, first)], START
    for _ in range(draw(st.integers(0, 9))):
        legal = followers.get(walk[-1][1], [])
        choice = legal if legal and draw(st.integers(0, 9)) < least_legal * 10 else everything
        choice = [status for status in choice if again or all(status != old for _, old in walk)]
        if least_legal == 1 and not legal:
            break
        following = draw(st.sampled_from(choice)) if choice else walk[-1][1]
        if following == walk[-1][1]:
            continue
        time += GAP + 10 * draw(st.integers(0, 3 * GAP // 10))
        walk.append((time, following))
    return tuple(walk)


@st.composite
def plain_lives(draw: st.DrawFn) -> Life:
    api = draw(st.sampled_from(["taxi", "restaurant"]))
    return Life(api, draw(statuses(api)))


@st.composite
def track_lives(draw: st.DrawFn) -> Life:
    """With a log that is there at once, that lags, or that never comes; some history entries show up late."""
    log = draw(st.sampled_from(["prompt", "prompt", "lagging", "missing"]))
    # A log that lags does not tell which of two equal statuses was seen: such lives are for the invariants alone.
    walk = draw(statuses("track", 0.8 if log == "prompt" else 1.0, again=log != "lagging"))
    lag = 10 * draw(st.integers(1, 5 * GAP // 10)) if log == "lagging" else 0
    rows = []
    for number, (time, status) in enumerate(walk):
        if log != "missing":
            rows.append(Row("status", status, time, time + lag, number))
        event = "ORDER_CREATED" if number == 0 and status == "new" else "STATUS_UPDATE"
        rows.append(Row("history", event, time, time + lag, -1 - len(rows)))
    taken = {time for time, _ in walk}
    for _ in range(draw(st.integers(0, 6))):
        time = 5 + 10 * draw(st.integers(START // 10, (walk[-1][0] + 3 * GAP) // 10))
        if time in taken:
            continue
        taken.add(time)
        event = draw(st.sampled_from([*sorted(set(ENTRIES) - {"STATUS_UPDATE", "ORDER_CREATED"}), "ABDUCTED"]))
        late = draw(st.sampled_from([0, 0, 0, GAP, 4 * GAP]))
        rows.append(Row("history", event, time, time + late, -1 - len(rows)))
    return Life("track", walk, tuple(rows))


@st.composite
def muddled_lives(draw: st.DrawFn) -> Life:
    """A log that lags in a life that goes to and fro: what was seen of it is not to be told from the answers alone."""
    walk = draw(statuses("track", 0.8))
    lag = 10 * draw(st.integers(1, 5 * GAP // 10))
    log = [Row("status", status, time, time + lag, number) for number, (time, status) in enumerate(walk)]
    return Life("track", walk, tuple(log))


def any_lives() -> st.SearchStrategy[Life]:
    return st.one_of(plain_lives(), track_lives(), muddled_lives())


@st.composite
def polls(draw: st.DrawFn, life: Life, stale: bool = False) -> list[Poll]:
    """From the first status to past the last, in steps of some ms or of half a life. With `stale`, old answers too."""
    end = max([time for time, _ in life.statuses] + [row.shown for row in life.rows]) + GAP
    now, found = START + 10 * draw(st.integers(0, 2 * GAP // 10)), []
    while now < end:
        age = draw(st.sampled_from([0, 0, 0, GAP, 3 * GAP])) if stale else 0
        found.append(Poll(now - 2, now + 2, max(START, now - age)))
        now += draw(st.sampled_from([200, GAP, GAP // 2, 3 * GAP, 10 * GAP]))
    return [*found, Poll(end - 2, end + 2, end), Poll(end + 8, end + 12, end + 10), Poll(end + 18, end + 22, end + 20)]


def answer(life: Life, shows: int) -> Snapshot:
    """What the API tells at that time."""
    status = [value for time, value in life.statuses if time <= shows][-1]
    fields: dict[str, Any] = {}
    if life.api == "restaurant":
        fields["updated_at"] = max(time for time, _ in life.statuses if time <= shows)
    rows = [row for row in life.rows if row.shown <= shows]
    entries = tuple(
        Entry(kind="status" if row.kind == "status" else "history", value=row.value, at=row.at) for row in rows
    )
    return Snapshot(status=status, entries=entries, **fields)
