"""An order API whose answers say when they were given: `python -m bench.kafka_upstream HOW`, its port is printed.

HOW is `stamped` (every answer tells a new cost: the wall clock, in units of 0.1 ms) or `same` (no answer changes).
"""

import asyncio
import sys
import time

import uvloop

from bench.server import BODY, HEAD, Answering, End


class Stamping(Answering):
    """The cost is when the answer was given: what the event tells of it is how long ago that was."""

    @classmethod
    def answer(cls, order: bytes) -> bytes:
        cost = time.time_ns() // 100_000
        body = BODY % (order, cost, cost)
        return HEAD % len(body) + body


async def main(how: str) -> None:
    server = await asyncio.get_running_loop().create_server(Stamping if how == "stamped" else Answering, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().connect_read_pipe(End, sys.stdin)
    await server.serve_forever()


if __name__ == "__main__":
    try:
        uvloop.install()
        asyncio.run(main(sys.argv[1]))
    except RuntimeError as error:
        if "Event loop stopped" not in str(error):
            raise
