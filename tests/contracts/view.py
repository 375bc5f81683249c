"""What the read side of every backend keeps to: lists, pages, counts, and the stream of events."""

import asyncio

import msgspec
import pytest

from notifier.backends.base import (
    Backlog,
    Change,
    CursorGone,
    DeliveryQuery,
    EventQuery,
    Order,
    OrderQuery,
    Query,
    View,
    WatchQuery,
)
from notifier.model import Attempt, CloudEvent, Command, Delivery, Phase, Watch
from tests.contracts.backend import Bench, Item, taken
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_step, an_event, delivered

KEY = KEYS[0]


async def every(view: View, query: Query[Item], limit: int) -> list[Item]:
    """All pages, each as long as asked for."""
    found: list[Item] = []
    cursor = None
    while True:
        page = await view.find(msgspec.structs.replace(query, limit=limit, cursor=cursor))
        found += page.items
        if page.next is None:
            return found
        assert len(page.items) == limit
        cursor = page.next


def keys_of(items: list[Watch] | list[Order]) -> list[str]:
    return [item.key if isinstance(item, Watch) else item.watch.key for item in items]


class ViewContract:
    """Subclasses provide the fixture `bench`."""

    # --- lists -------------------------------------------------------------------------------------------------------

    @pytest.mark.parametrize("limit", [1, 5, 12, 100])
    async def test_watches_and_orders_by_key_page_by_page(self, bench: Bench, limit: int) -> None:
        for key in reversed(KEYS):
            await bench.backend.submit(a_put(key))
        assert keys_of(await every(bench.backend.view, WatchQuery(), limit)) == list(KEYS)
        assert keys_of(await every(bench.backend.view, OrderQuery(), limit)) == list(KEYS)

    async def test_a_source_is_not_the_one_that_begins_like_it(self, bench: Bench) -> None:
        for key in ("trips/1", "trips/a2d/1", "trips2/1", "tri/1", "trips-/1"):
            await bench.backend.submit(a_put(key))
        assert keys_of(await every(bench.backend.view, WatchQuery(source="trips"), 1)) == ["trips/1", "trips/a2d/1"]
        assert keys_of(await every(bench.backend.view, OrderQuery(source="tri"), 9)) == ["tri/1"]
        assert keys_of(await every(bench.backend.view, OrderQuery(source="none"), 9)) == []
        assert keys_of(await every(bench.backend.view, WatchQuery(key="trips2/1"), 9)) == ["trips2/1"]

    async def test_orders_by_phase(self, bench: Bench) -> None:
        phases = [Phase.ARRIVED, Phase.ASSIGNED, Phase.ARRIVED, Phase.COMPLETED]
        for key, phase in zip(KEYS, phases, strict=False):
            await bench.backend.submit(a_put(key))
            await (await bench.lease(key)).commit([a_step(key, phase=phase)])
        await bench.backend.submit(a_put(KEYS[7]))
        view = bench.backend.view
        assert keys_of(await every(view, OrderQuery(phase="arrived"), 1)) == [KEYS[0], KEYS[2]]
        assert keys_of(await every(view, OrderQuery(phase="arrived", source="trips"), 1)) == [KEYS[0], KEYS[2]]
        assert keys_of(await every(view, OrderQuery(phase="arrived", source="other"), 1)) == []
        assert keys_of(await every(view, OrderQuery(phase="unknown"), 5)) == [KEYS[7]]
        await (await bench.lease(KEYS[0])).commit([a_step(KEYS[0], 2, phase=Phase.CANCELLED)])
        assert keys_of(await every(view, OrderQuery(phase="arrived"), 1)) == [KEYS[2]]

    async def test_events_by_life_and_sequence(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        events = [an_event(sequence=sequence) for sequence in range(1, 12)]
        later = [an_event(sequence=sequence, life=T + 1) for sequence in range(1, 4)]
        for event in events + later:
            await lease.commit([Change(key=KEY, events=(event,))])
        assert await every(bench.backend.view, EventQuery(key=KEY), 4) == events + later
        assert await every(bench.backend.view, EventQuery(key="trips/nobody"), 4) == []

    async def test_deliveries_newest_first_by_every_filter(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        await bench.backend.submit(a_put(KEYS[1]))
        mine = [
            a_delivery(sequence=1, state="delivered", to="a@example.org", sink="mail", finished_at=T + 50),
            a_delivery(sequence=2, state="dead", to="a@example.org", sink="text", reason="refused"),
            a_delivery(sequence=3, state="pending"),
            a_delivery(sequence=4, state="dead", to="b@example.org", sink="mail", created_at=T + 3),
        ]
        other = a_delivery(KEYS[1], sequence=5, state="dead")
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=tuple(mine))])
        await (await bench.lease(KEYS[1])).commit([Change(key=KEYS[1], deliveries=(other,))])
        one, two, three, four = mine

        async def found(**query: object) -> list[Delivery]:
            wide = await every(bench.backend.view, DeliveryQuery(**query), 100)  # type: ignore[arg-type]
            assert await every(bench.backend.view, DeliveryQuery(**query), 1) == wide  # type: ignore[arg-type]
            return wide

        assert await found() == [other, four, three, two, one]
        assert await found(id=two.id) == [two]
        assert await found(id="nothing") == []
        assert await found(state="dead") == [other, four, two]
        assert await found(state="skipped") == []
        assert await found(key=KEY) == [four, three, two, one]
        assert await found(key=KEY, state="dead") == [four, two]
        assert await found(sink="mail") == [four, one]
        assert await found(to="a@example.org") == [two, one]
        assert await found(to="a@example.org", state="dead", sink="text") == [two]
        assert await found(since=T + 3) == [other, four, three]
        assert await found(until=T + 3) == [two, one]
        assert await found(since=T + 2, until=T + 4, state="dead") == [four, two]

    async def test_rows_that_come_and_go_shift_no_page(self, bench: Bench) -> None:
        for key in KEYS[1:8:2]:
            await bench.backend.submit(a_put(key))
        page = await bench.backend.view.find(WatchQuery(limit=2))
        await bench.backend.submit(a_put(KEYS[0]))
        await bench.backend.submit(Command(kind="remove", key=KEYS[3]))
        await bench.backend.submit(a_put(KEYS[6]))
        rest = await bench.backend.view.find(WatchQuery(limit=9, cursor=page.next))
        assert keys_of([*page.items, *rest.items]) == [KEYS[1], KEYS[3], KEYS[5], KEYS[6], KEYS[7]]

    async def test_limits_are_kept(self, bench: Bench) -> None:
        for key in KEYS:
            await bench.backend.submit(a_put(key))
        assert len((await bench.backend.view.find(WatchQuery(limit=0))).items) == 1
        assert len((await bench.backend.view.find(WatchQuery(limit=10**9))).items) == len(KEYS)

    @pytest.mark.parametrize("cursor", ["", "nonsense", "ä", "AAAA", "kaF4", "kwECAw", "' OR 1=1 --"])
    async def test_a_forged_cursor_is_refused(self, bench: Bench, cursor: str) -> None:
        for query in (WatchQuery(cursor=cursor), EventQuery(key=KEY, cursor=cursor), DeliveryQuery(cursor=cursor)):
            if isinstance(query, WatchQuery) and cursor == "kaF4":
                continue  # ['x'], a real one
            with pytest.raises(CursorGone):
                await bench.backend.view.find(query)

    # --- counts ------------------------------------------------------------------------------------------------------

    async def test_what_was_sent_is_counted_for_caps(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        sent = [
            ("a@example.org", "mail", 10),
            ("a@example.org", "text", 20),
            ("b@example.org", "mail", 30),
            (None, "hook", 40),
        ]
        deliveries = [
            a_delivery(sequence=number, state="delivered", to=to, sink=sink, finished_at=T + at)
            for number, (to, sink, at) in enumerate(sent, 1)
        ]
        deliveries.append(a_delivery(sequence=9, state="dead", to="a@example.org", sink="mail", finished_at=T + 50))
        deliveries.append(a_delivery(sequence=10, state="pending", to="a@example.org", sink="mail"))
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=tuple(deliveries))])
        view = bench.backend.view
        assert await view.count_sent("a@example.org", T) == 2
        assert await view.count_sent("a@example.org", T + 20) == 1
        assert await view.count_sent("a@example.org", T + 21) == 0
        assert await view.count_sent("c@example.org", T) == 0
        assert await view.count_sent(None, T) == 3
        assert await view.count_sent(None, T, sinks=("mail",)) == 2
        assert await view.count_sent("a@example.org", T, sinks=("text", "hook")) == 1

    async def test_several_deliveries_of_one_message_count_once(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        deliveries = tuple(
            a_delivery(sequence=number, state="delivered", to=to, sink="mail", finished_at=T + at, message=message)
            for number, (to, at, message) in enumerate(
                [("a", 5, "m"), ("a", 5, "m"), ("a", 5, None), ("a", 6, "n"), ("b", 5, "o"), ("b", 5, "o")], 1
            )
        )
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=deliveries)])
        assert await bench.backend.view.count_sent("a", T) == 3
        assert await bench.backend.view.count_sent("a", T + 6) == 1
        assert await bench.backend.view.count_sent(None, T) == 4

    async def test_what_was_sent_or_may_have_been_is_told_with_its_units(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())

        def tried(*units: int) -> tuple[Attempt, ...]:
            return tuple(Attempt(at=T, outcome="again", units=each) for each in units)

        deliveries = (
            a_delivery(
                sequence=1, state="delivered", to="a", sink="text", finished_at=T + 5, message="m", attempts=tried(2)
            ),
            a_delivery(
                sequence=2, state="delivered", to="a", sink="text", finished_at=T + 5, message="m", attempts=tried(2)
            ),
            a_delivery(sequence=3, state="delivered", to="b", sink="text", finished_at=T + 6, attempts=tried(0, 3)),
            a_delivery(sequence=4, state="dead", to="b", sink="text", finished_at=T + 7, attempts=tried(1)),
            a_delivery(sequence=5, state="delivered", to="b", sink="mail", finished_at=T + 8, attempts=tried(1)),
            a_delivery(sequence=6, state="pending", to="b", sink="text", attempts=tried(0)),
        )
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=deliveries)])
        spent = await bench.backend.view.spent("text", T - 1_000)
        assert sorted((each.to, each.at - T, each.units) for each in spent) == [("a", 5, 2), ("b", 6, 3), ("b", 7, 1)]
        assert len({each.id for each in spent}) == 3
        assert [each.at - T for each in await bench.backend.view.spent("text", T + 6) if each.to == "b"][:1] == [6]
        assert await bench.backend.view.spent("text", T + 8) == []

    async def test_the_first_of_each_lane_of_some_orders(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        states = ("pending", "dead", "sending", "delivered", "pending")
        deliveries = tuple(a_delivery(sequence=number, state=state) for number, state in enumerate(states, 1))
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=deliveries)])
        other = tuple(a_delivery(sequence=number, sink="mail", to="a@example.org") for number in range(6, 100))
        await (await bench.lease(KEY)).commit([Change(key=KEY, deliveries=other)])
        found = await bench.backend.view.waiting([KEY, "trips/none"])
        assert tuple(each for each in found if each.sink == "hook") == tuple(each for each in deliveries if each.open)
        mails = [each for each in found if each.sink == "mail"]
        assert mails == list(other[: len(mails)])
        assert 2 <= len(mails) < len(other)
        assert await bench.backend.view.waiting(["trips/none"]) == ()
        assert await bench.backend.view.waiting([]) == ()

    async def test_the_backlog_by_sink(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        assert await bench.backend.view.backlog() == ()
        states = [("hook", "pending", 5), ("hook", "sending", 3), ("mail", "pending", 7), ("mail", "dead", 1)]
        deliveries = tuple(
            a_delivery(sequence=number, sink=sink, state=state, created_at=T + at)
            for number, (sink, state, at) in enumerate(states, 1)
        )
        await lease.commit([Change(key=KEY, deliveries=deliveries)])
        assert set(await bench.backend.view.backlog()) == {Backlog("hook", 2, T + 3), Backlog("mail", 1, T + 7)}

    # --- the stream --------------------------------------------------------------------------------------------------

    async def test_stored_events_then_live_ones_each_once(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        events = [an_event(sequence=sequence) for sequence in range(1, 400)]
        await lease.commit([Change(key=KEY, events=tuple(events[:150]))])

        async def live() -> None:
            for event in events[150:]:
                await lease.commit([Change(key=KEY, events=(event,))])

        stream = bench.backend.view.follow(None, since=0)
        writing = asyncio.create_task(live())
        seen = await taken(stream, len(events))
        await writing
        assert [event for _, event in seen] == events
        assert len({cursor for cursor, _ in seen}) == len(events)
        resumed = await taken(bench.backend.view.follow(seen[99][0]), 299)
        assert resumed == seen[100:]

    async def test_live_events_alone_from_the_moment_of_the_call(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        await lease.commit([Change(key=KEY, events=(an_event(sequence=1),))])
        stream = bench.backend.view.follow(None)
        await lease.commit([Change(key=KEY, events=(an_event(sequence=2),))])
        [(_, event)] = await taken(stream, 1)
        assert event.sequence == 2

    async def test_events_observed_since_a_time(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        times = [10, 30, 20, 40]  # an answer that was committed late
        events = [an_event(sequence=number, observed_at=T + at) for number, at in enumerate(times, 1)]
        lease = await bench.lease(KEY)
        await lease.commit([Change(key=KEY, events=tuple(events))])
        seen = await taken(bench.backend.view.follow(None, since=T + 30), 2)
        assert [event.sequence for _, event in seen] == [2, 4]
        stream = bench.backend.view.follow(None, since=T + 99)
        late = an_event(sequence=5, observed_at=T + 100)
        waiting = asyncio.create_task(taken(stream, 1))
        await lease.commit([Change(key=KEY, events=(an_event(sequence=6, observed_at=T + 98), late))])
        assert [event for _, event in await waiting] == [late]

    async def test_a_cursor_holds_over_a_restart(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        await (await bench.lease(KEY)).commit([Change(key=KEY, events=(an_event(sequence=1), an_event(sequence=2)))])
        [(cursor, _), _] = await taken(bench.backend.view.follow(None, since=0), 2)
        await bench.restart()
        [(_, event)] = await taken(bench.backend.view.follow(cursor), 1)
        assert event == an_event(sequence=2)

    @pytest.mark.parametrize("cursor", ["", "nonsense", "1-2-3", "ffffffffffff-1", "-", "zz-1"])
    async def test_a_stream_of_a_foreign_cursor_is_gone(self, bench: Bench, cursor: str) -> None:
        with pytest.raises(CursorGone):
            await taken(bench.backend.view.follow(cursor), 1)

    async def test_a_cursor_before_forgotten_events_is_gone(self, bench: Bench) -> None:
        view = bench.backend.view
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        [command] = await taken(lease.commands(), 1)
        ended = delivered(a_step(retired_at=T, retirement="terminal", done=(command,)))
        await lease.commit([ended, Change(key=KEY, events=(an_event(sequence=2),))])
        [(first, _), (second, _)] = await taken(view.follow(None, since=0), 2)
        slow = view.follow(first)
        assert await lease.forget(T + 1) == 1
        for stream in (slow, view.follow(first)):
            with pytest.raises(CursorGone):
                await taken(stream, 1)
        await bench.backend.submit(a_put(at=T + 5))
        new = an_event(sequence=1, life=T + 5)
        await lease.commit([Change(key=KEY, events=(new,))])
        assert [event for _, event in await taken(view.follow(second), 1)] == [new], (
            "nothing was missed after the second"
        )

    async def test_a_follower_too_slow_for_retention_is_told(self, bench: Bench) -> None:
        view = bench.backend.view
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        [command] = await taken(lease.commands(), 1)
        events = tuple(an_event(sequence=sequence) for sequence in range(1, 251))
        ended = delivered(a_step(retired_at=T, retirement="terminal", done=(command,)))
        await lease.commit([ended, Change(key=KEY, events=events)])
        stream = view.follow(None, since=0)
        seen: list[CloudEvent] = [event for _, event in await taken(stream, 10)]
        await lease.forget(T + 1)
        gone = False
        while not gone:
            try:
                seen += [event for _, event in await taken(stream, 1)]
            except CursorGone:
                gone = True
        assert [event.sequence for event in seen] == list(range(1, len(seen) + 1)), "no gap before it was told"

    async def test_as_of_is_now(self, bench: Bench) -> None:
        first = bench.backend.view.as_of()
        assert first > T - 10**12
        assert bench.backend.view.as_of() >= first
