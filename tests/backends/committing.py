"""A process that commits to a file until it is killed, and says what was acknowledged: `python -m … PATH FIRST`."""

import asyncio
import sys

from notifier.backends.base import Change
from notifier.backends.sqlite import SqliteBackend
from notifier.clock import SystemClock
from tests.contracts.records import a_put, a_step

ORDERS = 20
KEYS = tuple(f"trips/k{number}" for number in range(ORDERS))


async def main(path: str, first: int) -> None:
    backend = SqliteBackend(path, SystemClock())
    await backend.open()
    for key in KEYS:
        await backend.submit(a_put(key))
    lease = await anext(backend.leases())
    print("open", flush=True)
    sequence = first
    while True:
        changes: list[Change] = [a_step(key, sequence) for key in KEYS]
        await lease.commit(changes)
        print(sequence, flush=True)
        sequence += 1


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
