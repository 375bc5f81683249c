"""`python -m notifier.simulator`: the five order APIs alone, until interrupted."""

import argparse
import asyncio
import sys
from pathlib import Path

from notifier.simulator.faults import read_faults
from notifier.simulator.server import Simulator


def main() -> None:
    """Serve, and say where."""
    parser = argparse.ArgumentParser(prog="python -m notifier.simulator", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--speed", type=float, default=1.0, help="how much faster the orders' own time runs")
    parser.add_argument("--faults", type=Path, help="JSON, as POST /sim/faults takes it")
    options = parser.parse_args()
    faults = read_faults(options.faults.read_bytes()) if options.faults else []
    simulator = Simulator(options.seed, speed=options.speed, faults=faults)
    try:
        asyncio.run(_serve(simulator, options.host, options.port))
    except KeyboardInterrupt:
        sys.stdout.write("stopped\n")


async def _serve(simulator: Simulator, host: str, port: int) -> None:
    url = await simulator.start(host, port)
    sys.stdout.write(f"order APIs at {url}, timeline at {url}/sim/timeline/{{api}}/{{order}}\n")
    sys.stdout.flush()
    try:
        await asyncio.Event().wait()
    finally:
        await simulator.close()


if __name__ == "__main__":
    main()
