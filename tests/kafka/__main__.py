"""Brokers by hand: `python -m tests.kafka [options] [-- CMD…]`, from the project's folder.

Without CMD they run until Ctrl-C. With it they run beside CMD and end with it: KAFKA_BOOTSTRAP_SERVERS tells it where
they are, and `{servers}` in its arguments is replaced by the same. Where that variable is set before, no broker is
started, and CMD gets those.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.kafka.cluster import Cluster, Failed
from tests.kafka.jars import CannotRun
from tests.kafka.properties import Wish

SERVERS = "KAFKA_BOOTSTRAP_SERVERS"


def main(arguments: Sequence[str]) -> int:
    cut = list(arguments).index("--") if "--" in arguments else len(arguments)
    parser = argparse.ArgumentParser("tests.kafka", description=__doc__)
    parser.add_argument("--brokers", type=int, default=1, help="how many; default 1")
    parser.add_argument("--sasl", action="store_true", help="clients log in")
    parser.add_argument("--tls", action="store_true", help="clients speak TLS")
    options = parser.parse_args(arguments[:cut])
    command = list(arguments[cut + 1 :])
    if command and (named := os.environ.get(SERVERS)):
        return run(command, named)
    print("Starting Apache Kafka (the first time Maven fetches it, which takes a minute) …", flush=True)
    try:
        with brokers(Wish(brokers=options.brokers, sasl=options.sasl, tls=options.tls)) as cluster:
            servers = ",".join(cluster.bootstrap_servers)
            if command:
                return run(command, servers)
            tell(cluster)
            signal.sigwait([signal.SIGINT, signal.SIGTERM])
            return 0
    except (CannotRun, Failed) as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


@contextmanager
def brokers(wish: Wish) -> Iterator[Cluster]:
    with tempfile.TemporaryDirectory(prefix="kafka-", ignore_cleanup_errors=True) as folder:
        cluster = Cluster.start(Path(folder) / "cluster", wish, owner=os.getpid())
        try:
            yield cluster
        finally:
            cluster.close()


def tell(cluster: Cluster) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT, signal.SIGTERM])
    print(f"{SERVERS}={','.join(cluster.bootstrap_servers)}")
    if cluster.facts.wish.sasl:
        print(f"user {cluster.user}, password {cluster.password}; SCRAM-SHA-256 or -512, PLAIN")
    if cluster.tls:
        print(f"ca_file {cluster.tls.ca}")
    print("Ctrl-C ends it.", flush=True)


def run(command: Sequence[str], servers: str) -> int:
    """Its exit code. Ctrl-C is for it: the terminal tells it, too."""
    try:
        child = subprocess.Popen(
            [part.replace("{servers}", servers) for part in command], env=os.environ | {SERVERS: servers}
        )
    except OSError as error:
        raise Failed(f"{command[0]} cannot be run: {error.strerror}") from None
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
