"""`make run-kafka` from outside: two replicas on a real broker, one of them killed, and nothing left behind."""

import asyncio
import re
from pathlib import Path
from signal import SIGINT, SIGKILL

import pytest

from tests.kafka.plugin import Kafka
from tests.kafka.processes import command_line, send
from tests.outside.program import NOTIFIER
from tests.outside.waiting import until


@pytest.mark.slow
async def test_people_are_told_though_a_replica_dies(kafka: Kafka, tmp_path: Path) -> None:
    out = tmp_path / "out"
    servers = ",".join(kafka.bootstrap_servers)
    with out.open("wb") as file:
        demo = await asyncio.create_subprocess_exec(
            *NOTIFIER, "demo", "--kafka", servers, "--seconds", "100", stdout=file, stderr=file, cwd=tmp_path
        )
    pids: list[int] = []
    try:
        await until(lambda: out.read_text().count("kill -9") == 2, out.read_text, within=60)
        found = re.findall(r"Replica \d: (http://127\.0\.0\.1:\d+)  \(kill -9 (\d+):", out.read_text())
        assert len({url for url, _ in found}) == 2
        pids = [int(pid) for _, pid in found]
        await until(lambda: "told" in out.read_text(), out.read_text, within=40)

        send(pids[1], SIGKILL)
        await until(lambda: "Replica 2 has ended" in out.read_text(), out.read_text)
        told = out.read_text().count("  told ")
        await until(lambda: out.read_text().count("  told ") > told + 2, out.read_text, within=40)

        send(demo.pid, SIGINT)
        assert await asyncio.wait_for(demo.wait(), 30) == 0
    finally:
        for pid in (demo.pid, *pids):
            if demo.returncode is None or command_line(pid):
                send(pid, SIGKILL)
        await demo.wait()
    assert "Traceback" not in out.read_text()
    assert re.search(r"Ended: \d+ events, \d+ messages to people", out.read_text())
    assert not any(map(command_line, pids))
