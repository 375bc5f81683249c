"""What runs without any configuration: the demo and the simulated order APIs."""

import asyncio
import re
import subprocess
from pathlib import Path

import aiohttp

from tests.outside.configs import FAST
from tests.outside.conftest import Start
from tests.outside.program import NOTIFIER, free_port
from tests.outside.receiver import SECRET, Receiver
from tests.outside.telling import check_chain
from tests.outside.waiting import until


async def test_the_demo_runs_in_an_empty_folder(tmp_path: Path) -> None:
    port = free_port()
    out = tmp_path / "out"
    folder = tmp_path / "empty"
    folder.mkdir()
    with out.open("wb") as file:
        demo = await asyncio.create_subprocess_exec(
            *NOTIFIER, "demo", "--port", str(port), "--seconds", "8", stdout=file, stderr=file, cwd=folder
        )
    try:
        async with aiohttp.ClientSession() as session:

            async def changed() -> bool:
                try:
                    async with session.get(f"http://127.0.0.1:{port}/v1/deliveries?state=delivered") as response:
                        return bool((await response.json())["items"])
                except aiohttp.ClientError:
                    return False

            await until(changed, lambda: out.read_text()[-3000:])
            async with session.get(f"http://127.0.0.1:{port}/v1/orders") as response:
                orders = (await response.json())["items"]
            assert {order["source"] for order in orders}
            async with session.get(f"http://127.0.0.1:{port}/") as response:
                assert response.status == 200
            mails = re.search(r"mailed is shown at (http\S+/)", out.read_text())
            assert mails is not None

            async def mailed() -> bool:
                async with session.get(mails[1]) as response:
                    return "@example.org" in await response.text()

            await until(mailed, lambda: out.read_text()[-3000:])
        assert await asyncio.wait_for(demo.wait(), 30) == 0
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()
    shown = out.read_text()
    assert "Traceback" not in shown
    assert "events" in shown


async def test_a_demo_that_nobody_looks_at_any_more_ends_quietly(tmp_path: Path) -> None:
    """`notifier demo | head`."""
    demo = await asyncio.create_subprocess_exec(
        *NOTIFIER, "demo", "--port", "0", "--seconds", "60",
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=tmp_path, limit=1 << 20,
    )  # fmt: skip
    assert demo.stdout is not None
    assert demo.stderr is not None
    try:
        while b"following" not in await asyncio.wait_for(demo.stdout.readline(), 30):
            pass  # then nothing comes for ten seconds but what somebody is told
        demo.stdout._transport.close()  # type: ignore[attr-defined]
        said = await asyncio.wait_for(demo.stderr.read(), 50)
        assert (await asyncio.wait_for(demo.wait(), 10), said) == (1, b"")
    finally:
        if demo.returncode is None:
            demo.kill()
            await demo.wait()


async def test_orders_of_the_simulator_are_followed(hook: Receiver, programs: Start, tmp_path: Path) -> None:
    """Two published programs and nothing of ours between them: lives a thousand times as fast."""
    port = free_port()
    simulating = await asyncio.create_subprocess_exec(
        *NOTIFIER, "simulate", "--port", str(port), "--seed", "7", "--speed", "600",
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=tmp_path,
    )  # fmt: skip
    try:
        kinds = {
            "cars": ("progress", {"client_id": "c"}),
            "rides": ("taxi_v1", {"client_id": "c"}),
            "trips": ("business_v2", {"client_id": "c"}),
            "parcels": ("track_trace", {"company_id": "5"}),
            "meals": ("restaurant", {}),
        }
        program = programs(
            {
                "sources": {
                    name: {
                        "type": kind,
                        "base_url": f"http://127.0.0.1:{port}",
                        "token": "any",
                        "account": account,
                        "poll": {"default": "100ms"},
                        "budget": FAST,
                    }
                    for name, (kind, account) in kinds.items()
                },
                "sinks": {
                    "hook": {
                        "type": "webhook",
                        "url": hook.url,
                        "secret": SECRET,
                        "allow_networks": ["127.0.0.0/8"],
                        "retries": ["100ms"] * 20,
                    }
                },
                "rules": [{"name": "all", "when": {}, "send": [{"sink": "hook"}]}],
            }
        )
        await program.start()
        keys = [(await program.watch(name, str(number)))["key"] for name in kinds for number in range(101, 105)]

        async def lively() -> bool:
            orders = await program.items("/v1/orders")
            return {order["source"] for order in orders if order["sequence"] > 1} == set(kinds)

        await until(lively, within=40)
        for key in keys:
            check_chain(await program.events(key), key)
        assert (await program.stop())[0] == 0
    finally:
        simulating.terminate()
        await simulating.wait()
