"""The pods' own commands, as a kubelet would run them: start, probes, `helm test`, changed Secrets, stop."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp

from tests.helm import chart
from tests.helm.chart import Object
from tests.helm.pod import HOME, Pod, project
from tests.outside.program import Done, free_port
from tests.outside.program import command as run
from tests.outside.waiting import until

DATA = "/var/lib/order-notifier"


class Release(NamedTuple):
    """The example for sqlite, with one pod and the pod of `helm test`."""

    objects: list[Object]
    pod: Pod
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def container(self) -> Object:
        return chart.container(chart.pod_spec(self.objects))

    @property
    def test(self) -> Object:
        spec: Object = chart.one(self.objects, "Pod")["spec"]
        return spec

    def words(self, args: list[str]) -> list[str]:
        """As they are on this machine."""
        service = f"http://rides-order-notifier.orders:{self.port}"
        return [arg.replace(HOME, str(self.pod.folder)).replace(service, self.url) for arg in args]

    async def status(self, path: str, token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            async with aiohttp.request("GET", self.url + path, headers=headers) as response:
                return response.status
        except aiohttp.ClientConnectionError:
            return 0

    async def helm_test(self) -> list[Done]:
        """One after the other, as far as they succeed."""
        (first,) = self.test["initContainers"]
        (second,) = self.test["containers"]
        done: list[Done] = []
        for each in (first, second):
            assert each["workingDir"] == HOME
            env = {**os.environ, **self.pod.env}
            done.append(await run(*self.words(each["args"]), env=env, cwd=self.pod.folder))
            if done[-1].code:
                break
        return done


def release(tmp_path: Path) -> Release:
    port = free_port()
    example: dict[str, Any] = dict(chart.example("sqlite"))
    values = {**example, "config": {**example["config"], "api": {"port": port}}, "service": {"port": port}}
    objects = chart.render(values)
    spec = chart.pod_spec(objects)
    instead = {DATA: str(tmp_path / "data"), "host: 0.0.0.0": "host: 127.0.0.1"}
    return Release(objects, Pod(objects, tmp_path / "home", spec, chart.container(spec), instead), port)


@asynccontextmanager
async def running(it: Release) -> AsyncIterator[asyncio.subprocess.Process]:
    log = it.pod.folder / "log.txt"
    with log.open("wb") as file:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "notifier",
            *it.words(it.container["args"]),
            stdout=file,
            stderr=file,
            env={**os.environ, **it.pod.env},
            cwd=it.pod.folder,
        )
    try:
        probe = it.container["startupProbe"]
        within = probe["failureThreshold"] * probe["periodSeconds"]

        async def started() -> bool:
            assert process.returncode is None, log.read_text()
            return await it.status(probe["httpGet"]["path"]) == 200

        await until(started, log.read_text, within=min(within, 60))
        yield process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_it_starts_is_probed_tested_and_stopped(tmp_path: Path) -> None:
    it = release(tmp_path)
    async with running(it) as process:
        for probe in ("livenessProbe", "readinessProbe"):
            path = it.container[probe]["httpGet"]["path"]

            async def good(path: str = path) -> bool:
                return await it.status(path) == 200

            await until(good, f"the {probe}")
        checked, asked = await it.helm_test()
        assert (checked.code, asked.code) == (0, 0), (checked, asked)
        assert asked.json == {"items": [], "next": None}
        assert it.pod.env["POD_NAME"] == "rides-order-notifier-0"

        began = time.monotonic()
        process.send_signal(signal.SIGTERM)
        grace = chart.pod_spec(it.objects)["terminationGracePeriodSeconds"]
        before = it.container["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert await asyncio.wait_for(process.wait(), 60) == 0
        assert time.monotonic() - began < grace - before


async def test_the_test_fails_where_it_must(tmp_path: Path) -> None:
    """Not without a service, not with another token; a wrong configuration ends it before."""
    it = release(tmp_path)
    assert [done.code for done in await it.helm_test()] == [0, 1]
    async with running(it):
        tokens = it.pod.here(f"{HOME}/credentials/api")
        ours = it.pod.folder.parent / "token"
        ours.write_text("another-token")
        (second,) = it.test["containers"]
        words = [*it.words(second["args"]), "--token-file", str(ours)]
        refused = await run(*words, env={**os.environ, **it.pod.env}, cwd=it.pod.folder)
        assert refused.code == 1
        assert "another-token" not in refused.out + refused.err
        project(tokens, {"token": ""})
        assert [done.code for done in await it.helm_test()] == [2]


async def test_a_changed_secret_reaches_the_running_pod(tmp_path: Path) -> None:
    it = release(tmp_path)
    async with running(it):
        assert await it.status("/v1/orders", "0123456789abcdef") == 200
        project(it.pod.here(f"{HOME}/credentials/api"), {"token": "fedcba9876543210"})

        async def taken() -> bool:
            return await it.status("/v1/orders", "fedcba9876543210") == 200

        await until(taken, "the new token")
        assert await it.status("/v1/orders", "0123456789abcdef") == 401
