"""Ports and processes of this machine, and the one question of Kafka's protocol that tells whether a broker serves."""

import random
import signal
import socket
import struct
import subprocess
from os import kill
from pathlib import Path

HOST = "127.0.0.1"


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex((HOST, port)) != 0


def free_ports(count: int) -> list[int]:
    """Ports below the range from which systems give out client ports, so that a stopped broker finds its port again."""
    candidates = filter(is_free, random.sample(range(20_000, 32_000), 12_000))
    return [next(candidates) for _ in range(count)]


def command_line(pid: int) -> str:
    """The command of a process; empty when there is no such process, or only its zombie."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text()
        except OSError:
            return ""
    return subprocess.run(["ps", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout


def send(pid: int, number: signal.Signals) -> None:
    """To a process that may have ended meanwhile."""
    try:
        kill(pid, number)
    except ProcessLookupError:
        return


def brokers_seen_by(port: int, cluster_id: str) -> set[int]:
    """Ids of the brokers that the one at `port` names to clients (Metadata request, version 2), if of this cluster."""
    request = struct.pack(">hhihi", 3, 2, 1, -1, 0)
    try:
        with socket.create_connection((HOST, port), timeout=2) as connection, connection.makefile("rb") as replies:
            connection.sendall(struct.pack(">i", len(request)) + request)
            reply = replies.read(struct.unpack(">i", replies.read(4))[0])
        at, seen = 8, set()
        for _ in range(struct.unpack_from(">i", reply, 4)[0]):
            broker, host_length = struct.unpack_from(">ih", reply, at)
            (rack_length,) = struct.unpack_from(">h", reply, at + 10 + host_length)
            at += 12 + host_length + max(rack_length, 0)
            seen.add(broker)
    except (OSError, struct.error):
        return set()
    return seen if reply[at + 2 :].startswith(cluster_id.encode()) else set()
