"""What every backend keeps to: leases, commits, commands, facts. A suite gives a `Bench` around one that is open."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol, TypeVar

import msgspec
import pytest

from notifier import codec
from notifier.backends.base import Backend, Change, DeliveryQuery, EventQuery, Lease, OrderQuery, Stored, WatchQuery
from notifier.errors import LeaseLost
from notifier.model import Command, Delivery, Fact, Phase, Recipient
from tests.contracts.records import KEYS, T, a_delivery, a_put, a_state, a_step, a_watch, an_event, delivered

Item = TypeVar("Item")

KEY, OTHER = KEYS[0], KEYS[1]


class Bench(Protocol):
    backend: Backend

    async def lease(self, key: str) -> Lease:
        """The lease of the key's shard: the one that is held, else the next one offered."""
        ...

    async def lose(self, key: str) -> None:
        """The shard changes hands: its lease ends, another one will be offered."""
        ...

    async def restart(self) -> None:
        """Another process over the same storage: `backend` is a new one."""
        ...


PATIENCE = 30.0
"""Seconds for what surely comes; hundreds of single commits on a broker of a busy machine are among it."""


async def taken(items: AsyncIterator[Item], count: int) -> list[Item]:
    """The first so many, within `PATIENCE`."""
    async with asyncio.timeout(PATIENCE):
        return [await anext(items) for _ in range(count)]


async def restored(lease: Lease) -> tuple[list[Stored], list[Delivery]]:
    orders: list[Stored] = []
    deliveries: list[Delivery] = []
    async for item in lease.restore():
        if isinstance(item, Stored):
            assert not deliveries, "orders come before deliveries"
            orders.append(item)
        else:
            deliveries.append(item)
    return orders, deliveries


class BackendContract:
    """Subclasses provide the fixture `bench`."""

    # --- watches -----------------------------------------------------------------------------------------------------

    async def test_a_watch_is_new_once(self, bench: Bench) -> None:
        assert await bench.backend.submit(a_put()) is True
        assert await bench.backend.submit(a_put(at=T + 1)) is False
        assert await bench.backend.submit(Command(kind="remove", key=KEY, at=T + 2)) is True
        assert await bench.backend.submit(Command(kind="remove", key=KEY, at=T + 3)) is False
        assert await bench.backend.submit(a_put(at=T + 4)) is True
        assert await bench.backend.submit(Command(kind="remove", key="trips/nobody")) is False

    async def test_adding_again_replaces_recipients_and_labels_and_keeps_the_account(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        again = a_put(
            at=T + 9, ids={"order_id": "00", "client_id": "another"}, recipients=(Recipient(phone="+79001"),), labels={}
        )
        await bench.backend.submit(again)
        kept = a_watch(updated_at=T + 9, recipients=(Recipient(phone="+79001"),), labels={})
        [watch] = (await bench.backend.view.find(WatchQuery())).items
        assert watch == kept
        lease = await bench.lease(KEY)
        first, second = await taken(lease.commands(), 2)
        assert (first.watch, second.watch) == (a_watch(), kept)
        stored = await lease.load(KEY)
        assert stored is not None
        assert codec.unpack_watch(stored.watch) == kept

    async def test_who_submits_sees_it_at_once(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        [order] = (await bench.backend.view.find(OrderQuery(key=KEY))).items
        assert (order.watch, order.state, order.removed) == (a_watch(), None, False)
        await bench.backend.submit(Command(kind="remove", key=KEY))
        [order] = (await bench.backend.view.find(OrderQuery(key=KEY))).items
        assert order.removed, "a removed order stays readable"
        assert (await bench.backend.view.find(WatchQuery())).items == ()

    # --- commands ----------------------------------------------------------------------------------------------------

    async def test_commands_come_in_order_then_as_they_are_given(self, bench: Bench) -> None:
        for at in range(3):
            await bench.backend.submit(a_put(at=T + at))
        lease = await bench.lease(KEY)
        commands = lease.commands()
        first = await taken(commands, 3)
        assert [command.at for command in first] == [T, T + 1, T + 2]
        assert [command.number for command in first] == sorted({command.number for command in first})
        waiting = asyncio.create_task(taken(commands, 1))
        await asyncio.sleep(0)
        await bench.backend.submit(Command(kind="remove", key=KEY, at=T + 5))
        [live] = await waiting
        assert (live.kind, live.key, live.at) == ("remove", KEY, T + 5)

    async def test_commands_come_again_until_a_commit_was_done_with_them(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        await bench.backend.submit(a_put(at=T + 1))
        first, second = await taken((await bench.lease(KEY)).commands(), 2)
        await bench.lose(KEY)
        lease = await bench.lease(KEY)
        assert await taken(lease.commands(), 2) == [first, second]
        await lease.commit([Change(key=KEY, done=(first,))])
        await bench.restart()
        assert await taken((await bench.lease(KEY)).commands(), 1) == [second]

    async def test_a_retry_reaches_the_owner(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        commands = lease.commands()
        await taken(commands, 1)
        await lease.commit([a_step()])
        dead = a_delivery(state="dead", reason="retries_exhausted", due=None, facts=b"what the message needs")
        await lease.commit([Change(key=KEY, deliveries=(dead,))])
        assert await bench.backend.submit(Command(kind="retry", key=KEY, delivery=dead.id, at=T)) is True
        [command] = await taken(commands, 1)
        assert (command.kind, command.delivery) == ("retry", dead.id)
        assert await lease.delivery(KEY, dead.id) == dead
        assert await lease.delivery(KEY, "nothing") is None
        assert await bench.backend.submit(Command(kind="retry", key=KEY, delivery="nothing")) is False

    # --- commits -----------------------------------------------------------------------------------------------------

    async def test_a_commit_is_there_for_everybody_on_return(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        await lease.commit([a_step()])
        view = bench.backend.view
        [order] = (await view.find(OrderQuery(key=KEY))).items
        assert order.state == a_state()
        assert (await view.find(EventQuery(key=KEY))).items == (an_event(),)
        assert (await view.find(DeliveryQuery(key=KEY))).items == (a_delivery(),)
        assert await lease.load(KEY) == Stored(KEY, codec.pack_watch(a_watch()), codec.pack_state(a_state()))

    async def test_many_orders_in_one_commit_and_several_changes_of_one(self, bench: Bench) -> None:
        keys = [key for key in KEYS if await self._is_with(bench, key, KEY)]
        for key in keys:
            await bench.backend.submit(a_put(key))
        lease = await bench.lease(KEY)
        await lease.commit([a_step(key, sequence) for sequence in (1, 2) for key in keys])
        for key in keys:
            events = (await bench.backend.view.find(EventQuery(key=key))).items
            assert [event.sequence for event in events] == [1, 2]
            stored = await lease.load(key)
            assert stored is not None
            assert stored.state is not None
            assert codec.unpack_state(stored.state).sequence == 2

    async def _is_with(self, bench: Bench, key: str, other: str) -> bool:
        """Of the same shard."""
        return (await bench.lease(key)).shard == (await bench.lease(other)).shard

    async def test_all_or_nothing(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        broken = Change(key=KEY, state=b"no state at all")
        with pytest.raises(LeaseLost):
            await lease.commit([a_step(), broken])
        assert lease.ended.is_set()
        [order] = (await bench.backend.view.find(OrderQuery(key=KEY))).items
        assert order.state is None
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == ()
        await (await bench.lease(KEY)).commit([a_step()])
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == (an_event(),)

    async def test_an_event_that_is_stored_stays_as_it_is(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        await lease.commit([a_step()])
        await lease.commit([a_step()])
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == (an_event(),)

    async def test_a_delivery_goes_through_its_states_with_its_event(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        pending = a_delivery(to="a@example.org", facts=b"personal")
        await lease.commit([Change(key=KEY, events=(an_event(),), deliveries=(pending,))])
        assert await lease.delivery(KEY, pending.id) == pending
        sending = msgspec.structs.replace(pending, state="sending")
        await lease.commit([Change(key=KEY, deliveries=(sending,))])
        assert await lease.delivery(KEY, pending.id) == sending
        delivered = msgspec.structs.replace(pending, state="delivered", finished_at=T + 9, due=None)
        await lease.commit([Change(key=KEY, deliveries=(delivered,))])
        assert await lease.delivery(KEY, pending.id) == msgspec.structs.replace(delivered, facts=None)

    async def test_a_delivery_of_an_event_of_its_own_keeps_it(self, bench: Bench) -> None:
        """A digest, say: its event was never published."""
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        delivery = a_delivery(sequence=77)
        await lease.commit([Change(key=KEY, deliveries=(delivery,))])
        assert await lease.delivery(KEY, delivery.id) == delivery
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == ()

    # --- restore -----------------------------------------------------------------------------------------------------

    async def test_a_restore_gives_live_orders_then_open_deliveries(self, bench: Bench) -> None:
        keys = [key for key in KEYS if await self._is_with(bench, key, KEY)][:4]
        for key in keys:
            await bench.backend.submit(a_put(key))
        live, retired, removed, *fresh = keys
        lease = await bench.lease(KEY)
        done = a_delivery(live, 2, state="delivered", finished_at=T)
        await lease.commit(
            [
                a_step(live),
                Change(key=live, events=(an_event(live, 2),), deliveries=(done,)),
                Change(key=live, events=(an_event(live, 3),), deliveries=(a_delivery(live, 3, state="sending"),)),
                a_step(retired, retired_at=T + 5, retirement="terminal"),
                a_step(removed),
            ]
        )
        await bench.backend.submit(Command(kind="remove", key=removed))
        await bench.restart()
        orders, deliveries = await restored(await bench.lease(KEY))
        assert {stored.key for stored in orders} == {live, *fresh}
        assert [codec.unpack_state(stored.state) for stored in orders if stored.state] == [a_state(live)]
        assert {delivery.id for delivery in deliveries} == {f"{live}-1", f"{live}-3", f"{retired}-1", f"{removed}-1"}
        assert [it.id for it in deliveries if it.key == live] == [f"{live}-1", f"{live}-3"], "in the order of the lane"
        assert next(it for it in deliveries if it.key == live) == a_delivery(live)

    async def test_a_restore_of_many(self, bench: Bench) -> None:
        keys = [f"trips/many-{number}" for number in range(1_300)]
        await asyncio.gather(*(bench.backend.submit(a_put(key)) for key in keys))
        shards = {(await bench.lease(key)).shard: key for key in keys}
        seen: list[str] = []
        for key in shards.values():
            orders, _ = await restored(await bench.lease(key))
            seen += [stored.key for stored in orders]
        assert sorted(seen) == sorted(keys), "each order in one shard, once"

    async def test_a_retired_order_is_loaded_and_goes_on(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        await lease.commit([a_step(retired_at=T + 5, retirement="terminal")])
        assert await lease.load("trips/nobody") is None
        assert await bench.backend.submit(a_put(at=T + 9)) is False, "retired is not removed"
        stored = await lease.load(KEY)
        assert stored is not None
        assert codec.unpack_watch(stored.watch).created_at == T
        assert stored.state is not None
        assert codec.unpack_state(stored.state).retired_at == T + 5
        await lease.commit([a_step(sequence=2)])
        await bench.restart()
        orders, _ = await restored(await bench.lease(KEY))
        assert [stored.key for stored in orders] == [KEY]

    # --- leases ------------------------------------------------------------------------------------------------------

    async def test_a_lease_that_ended_writes_nothing(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        former = await bench.lease(KEY)
        await bench.lose(KEY)
        assert former.ended.is_set()
        with pytest.raises(LeaseLost):
            await former.commit([a_step()])
        lease = await bench.lease(KEY)
        assert lease is not former
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == ()
        await lease.commit([a_step()])
        with pytest.raises(LeaseLost):
            await former.commit([a_step(sequence=2)])
        assert (await bench.backend.view.find(EventQuery(key=KEY))).items == (an_event(),)

    async def test_a_cancelled_commit_is_a_lease_lost_and_the_next_restore_knows_its_outcome(
        self, bench: Bench
    ) -> None:
        await bench.backend.submit(a_put())
        for turns in range(6):
            lease = await bench.lease(KEY)
            commit = asyncio.create_task(lease.commit([a_step(sequence=turns + 1)]))
            for _ in range(turns):
                await asyncio.sleep(0)
            if not commit.cancel():
                await commit
                continue
            with pytest.raises(asyncio.CancelledError):
                await commit
            if turns == 0:
                continue  # it never began
            assert lease.ended.is_set()
            await bench.lose(KEY)
            fresh = await bench.lease(KEY)
            [stored], _ = await restored(fresh)
            again = await fresh.load(KEY)
            assert again == stored, "what was restored is final"

    # --- retention ---------------------------------------------------------------------------------------------------

    async def test_what_is_past_retention_goes_with_all_that_is_its(self, bench: Bench) -> None:
        keys = [key for key in KEYS if await self._is_with(bench, key, KEY)][:4]
        gone, kept, live, removed = keys
        for key in keys:
            await bench.backend.submit(a_put(key))
        lease = await bench.lease(KEY)
        done = tuple(await taken(lease.commands(), 4))
        steps = [
            a_step(gone, retired_at=T + 10, retirement="terminal", done=tuple(it for it in done if it.key == gone)),
            a_step(kept, retired_at=T + 20, retirement="terminal", done=tuple(it for it in done if it.key == kept)),
            a_step(live, done=tuple(it for it in done if it.key == live)),
            a_step(removed, done=tuple(it for it in done if it.key == removed)),
        ]
        await lease.commit([delivered(step) for step in steps])
        await bench.backend.submit(Command(kind="remove", key=removed, at=T + 10))
        assert await lease.forget(T + 10) == 0, "not before, but at that time"
        assert await lease.forget(T + 15) == 1, "the removed one has a command that is not done"
        [removal] = await taken(lease.commands(), 1)
        await lease.commit([Change(key=removed, done=(removal,))])
        assert await lease.forget(T + 15) == 1
        view = bench.backend.view
        for key in (gone, removed):
            assert (await view.find(OrderQuery(key=key))).items == ()
            assert (await view.find(EventQuery(key=key))).items == ()
            assert (await view.find(DeliveryQuery(key=key))).items == ()
            assert await lease.load(key) is None
        assert [order.watch.key for order in (await view.find(OrderQuery())).items] == sorted([kept, live])
        assert await bench.backend.submit(a_put(gone, at=T + 99)) is True
        [order] = (await view.find(OrderQuery(key=gone))).items
        assert (order.watch.created_at, order.state) == (T + 99, None), "a new life"

    async def test_an_order_added_again_a_moment_ago_is_not_forgotten(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        [command] = await taken(lease.commands(), 1)
        await lease.commit([delivered(a_step(retired_at=T + 1, retirement="terminal", done=(command,)))])
        await bench.backend.submit(a_put(at=T + 100))
        assert await lease.forget(T + 50) == 0
        assert await lease.load(KEY) is not None

    async def test_what_is_still_to_be_sent_keeps_its_order(self, bench: Bench) -> None:
        await bench.backend.submit(a_put())
        lease = await bench.lease(KEY)
        [command] = await taken(lease.commands(), 1)
        step = a_step(retired_at=T + 1, retirement="terminal", done=(command,))
        await lease.commit([step])
        assert await lease.forget(T + 50) == 0
        await lease.commit([Change(key=KEY, deliveries=delivered(step).deliveries)])
        assert await lease.forget(T + 50) == 1

    # --- facts -------------------------------------------------------------------------------------------------------

    async def test_the_newest_fact_of_a_subject_counts(self, bench: Bench) -> None:
        backend = bench.backend
        await backend.tell(Fact(subject="endpoint:hook:https://a", disabled=True, at=T))
        await backend.tell(Fact(subject="credential:trips", held_until=T + 60_000, at=T))
        await backend.tell(Fact(subject="endpoint:hook:https://a", held_until=T + 5, at=T - 1))
        facts = backend.facts()
        known = await taken(facts, 2)
        assert known == [
            Fact(subject="endpoint:hook:https://a", disabled=True, at=T),
            Fact(subject="credential:trips", held_until=T + 60_000, at=T),
        ]
        assert list(await backend.known_facts()) == known
        waiting = asyncio.create_task(taken(facts, 1))
        await asyncio.sleep(0)
        enabled = Fact(subject="endpoint:hook:https://a", at=T + 1)
        await backend.tell(enabled)
        assert await waiting == [enabled]
        await bench.restart()
        assert {(it.subject, it.disabled) for it in await bench.backend.known_facts()} == {
            ("endpoint:hook:https://a", False),
            ("credential:trips", False),
        }

    # --- closing -----------------------------------------------------------------------------------------------------

    async def test_closing_ends_what_waits(self, bench: Bench) -> None:
        lease = await bench.lease(KEY)
        backend = bench.backend

        async def drain(items: AsyncIterator[object]) -> int:
            return len([item async for item in items])

        waiting = [
            asyncio.create_task(drain(it)) for it in (lease.commands(), backend.facts(), backend.view.follow(None))
        ]
        await asyncio.sleep(0.01)
        await backend.close(5)
        async with asyncio.timeout(5):
            assert await asyncio.gather(*waiting) == [0, 0, 0]
        assert lease.ended.is_set()
        await bench.restart()

    async def test_nothing_is_wrong_with_it(self, bench: Bench) -> None:
        await bench.backend.submit(a_put(OTHER))
        assert bench.backend.trouble() is None
        assert (await bench.backend.view.find(OrderQuery(phase=Phase.UNKNOWN.value))).items != ()
