"""The disk is full, or writing fails: the process stays up, says so, tells nobody, and goes on by itself."""

import asyncio
import os
import resource
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.outside.bodies import Body, business
from tests.outside.configs import config
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.program import Program
from tests.outside.receiver import Receiver
from tests.outside.telling import check_chain, lines
from tests.outside.waiting import never, until


def ride(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


async def suffer(
    api: OrderApi, hook: Receiver, program: Program, fill: Callable[[], None], free: Callable[[], None]
) -> None:
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    await until(lambda: len(hook.accepted()) == 1)
    fill()
    refused = []
    for number in range(3000):  # until what room there was is used up
        answer = await program.ask("POST", "/v1/watches", watch(f"f{number}"))
        assert answer.status in (201, 503), answer
        if answer.status == 503:
            refused.append(answer)
            break
    assert refused
    assert refused[0].headers["Content-Type"].startswith("application/problem+json")

    async def unready() -> bool:
        return (await program.get("/readyz")).status == 503

    await until(unready)
    reason = (await program.get("/readyz")).body.decode()
    assert len(reason) > 10
    assert (await program.get("/healthz")).status == 200
    assert (await program.get("/v1/orders/trips/o")).status in (200, 503)
    told = len(hook.received)
    api.show("o", ride("waiting"))
    await never(lambda: len(hook.received) > told, 1.0, "sent although nothing can be kept")
    assert (await program.ask("POST", "/v1/watches", watch("during"))).status == 503
    assert await unready()
    free()

    async def ready() -> bool:
        return (await program.get("/readyz")).status == 200

    await until(ready)
    await api.seen("o")
    assert lines(await program.events("trips/o"))[:3] == [
        "tracked driving/assigned",
        "status driving>waiting",
        "phase assigned>arrived",
    ]
    await until(lambda: len(hook.of("trips/o")) == 3)
    again = await program.ask("POST", "/v1/watches", watch("during"))
    assert again.status in (200, 201)
    await program.kill()
    await program.start()
    await api.play("o", ride("transporting"))
    events = await program.events("trips/o")
    assert lines(events)[3:] == ["status waiting>transporting", "phase arrived>in_progress"]
    check_chain(events, "trips/o")


def watch(name: str) -> object:
    return {
        "source": "trips",
        "ids": {"order_id": name},
        "labels": {f"l{at}": os.urandom(500).hex() for at in range(6)},
    }


async def test_writing_fails_for_a_while(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """A limit on the size of files, set on the running process: write() fails with EFBIG."""
    program = programs(config(api, hook, log={"level": "error"}))
    await program.start()
    assert program.process is not None
    pid = program.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)

    def fill() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (1, hard))  # its logs cannot be written either

    def free() -> None:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))

    await suffer(api, hook, program, fill, free)


async def test_the_disk_is_full_for_a_while(api: OrderApi, hook: Receiver, programs: Start, tmp_path: Path) -> None:
    """A small file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = await asyncio.to_thread(
        subprocess.run, ["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("a full disk needs the right to mount a small one: " + mounted.stderr.decode().strip())
    program = None
    try:
        program = programs(config(api, hook, backend={"type": "sqlite", "path": str(disk / "notifier.db")}))
        await program.start()
        filler = disk / "filler"

        def fill() -> None:
            room = os.statvfs(disk)
            filler.write_bytes(b"x" * (room.f_bavail * room.f_bsize - 16384))

        await suffer(api, hook, program, fill, filler.unlink)
    finally:
        if program is not None:
            await program.close()
        await asyncio.to_thread(subprocess.run, ["umount", "-l", str(disk)], check=True)
