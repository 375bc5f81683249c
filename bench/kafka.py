"""`make bench-kafka`: the Kafka backend's figures, each on a line, on a broker of its own. About ten minutes.

Some of them alone: `python -m bench.kafka changes scale`. One process with a profile: `--profile FILE`.
"""

import argparse
import asyncio
import tempfile
from pathlib import Path

from bench.kafka_changes import changes
from bench.kafka_gone import PER_ORDER, gone
from bench.kafka_parts import load
from bench.kafka_restore import restores
from bench.kafka_scale import scale
from bench.kafka_transactions import transactions
from notifier import log
from tests.kafka.__main__ import brokers
from tests.kafka.properties import Wish

RATES = (500, 2_000)  # changes a second
SECONDS = 15.0
ORDERS = 100_000
PARTS = ("transactions", "changes", "scale", "restore", "gone")


def main() -> None:
    parser = argparse.ArgumentParser("bench.kafka", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all by default")
    parser.add_argument("--orders", type=int, default=ORDERS, help="that are restored; as many deliveries given up")
    parser.add_argument("--profile", type=Path, help="cProfile's statistics of the last run with changes")
    options = parser.parse_args()
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(unknown)}")
    log.set_up("error", "console")
    print(f"Kafka: one broker on this machine, 12 shards; {load()}", flush=True)
    with brokers(Wish()) as cluster, tempfile.TemporaryDirectory() as place:
        folder, servers, broker = Path(place), cluster.bootstrap_servers, cluster.running(1)
        assert broker is not None
        for part in options.parts or PARTS:
            if part == "changes":
                for rate in RATES:
                    print(asyncio.run(changes(folder, servers, broker, rate, SECONDS, options.profile)), flush=True)
            elif part == "transactions":
                print(asyncio.run(transactions(servers)), flush=True)
            elif part == "scale":
                print(asyncio.run(scale(folder, servers, broker)), flush=True)
            elif part == "gone":
                for each in PER_ORDER:
                    print(asyncio.run(gone(folder, servers, options.orders, each)), flush=True)
            else:
                print(asyncio.run(restores(folder, servers, broker, options.orders)), flush=True)


if __name__ == "__main__":
    main()
