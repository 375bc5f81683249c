"""What must not be begun while a commit does not end, or while it is in doubt whose the shard is."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from notifier.backends.base import Change
from notifier.service.committer import SLOW
from notifier.testing.virtual import run
from tests.service.build import program


def test_no_look_and_no_send_begins_while_a_commit_does_not_end(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            for order in ("1", "2", "3"):
                await it.follow(order)
            (shard,) = it.app.supervisor.shards.values()
            gate, commit = asyncio.Event(), shard.lease.commit

            async def hanging(changes: Sequence[Change], /) -> None:
                await gate.wait()
                await commit(changes)

            shard.lease.commit = hanging  # type: ignore[method-assign]
            it.api.answers["1"] = "cooking"
            await asyncio.sleep(6 + SLOW)
            asked, sent = len(it.api.asked), len(it.sent())
            assert f"{SLOW:g} s" in (shard.committer.blocked or "")
            assert any(f"{SLOW:g} s" in reason for reason in it.app.desk.trouble())
            await asyncio.sleep(60)
            assert len(it.api.asked) == asked
            assert len(it.sent()) == sent
            gate.set()
            await asyncio.sleep(6)
            assert it.app.desk.trouble() == ()
            assert len(it.api.asked) >= asked + 3
            assert it.sent("1") == ["tracked", "status_changed", "phase_changed"]

    run(main)


def test_nothing_begins_from_the_moment_on_in_which_a_lease_is_in_doubt(tmp_path: Path) -> None:
    """Before it has ended: the loop may be busy with what it slept through."""

    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            (shard,) = it.app.supervisor.shards.values()
            shard.lease.held = lambda: "the group has not answered"  # type: ignore[method-assign]
            asked = len(it.api.asked)
            await asyncio.sleep(30)
            assert len(it.api.asked) == asked
            await shard.lease.release()
            await asyncio.sleep(10)
            assert len(it.api.asked) > asked, "under the next lease"

    run(main)
