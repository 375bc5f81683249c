"""`notifier run -c FILE` as a child process, and its HTTP door."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yaml
from yarl import URL

from tests.contracts import published
from tests.outside.waiting import until

NOTIFIER = (sys.executable, "-m", "notifier")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


class Answer(NamedTuple):
    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Done(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


class Program:
    """One configuration file in a folder of its own, and the process that runs on it."""

    def __init__(self, folder: Path, config: Mapping[str, Any], env: Mapping[str, str] | None = None) -> None:
        self.folder = folder
        self.port = free_port()
        self.env = os.environ | (env or {})
        self.file = folder / "notifier.yaml"
        self.stdout = folder / "stdout.txt"
        self.stderr = folder / "stderr.txt"
        self.process: asyncio.subprocess.Process | None = None
        self.token: str | None = None
        self.write(config)
        self._session: aiohttp.ClientSession | None = None

    def write(self, config: Mapping[str, Any]) -> None:
        whole = {
            "backend": {"type": "sqlite", "path": str(self.folder / "var" / "notifier.db")},
            "api": {"host": "127.0.0.1", "port": self.port},
            **config,
        }
        if "port" not in whole["api"]:
            whole["api"] = {**whole["api"], "port": self.port}
        self.config = whole
        self.file.write_text(yaml.safe_dump(whole, allow_unicode=True))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def spawn(self, limits: Sequence[str] = ()) -> asyncio.subprocess.Process:
        """The process, not waited for. `limits` is a command that sets some and then runs what follows it."""
        with self.stdout.open("ab") as out, self.stderr.open("ab") as err:
            self.process = await asyncio.create_subprocess_exec(
                *limits, *NOTIFIER, "run", "-c", str(self.file), stdout=out, stderr=err, env=self.env, cwd=self.folder
            )
        return self.process

    async def start(self, limits: Sequence[str] = ()) -> None:
        """Until it is ready."""
        await self.spawn(limits)
        await until(self.ready, lambda: f"the program is not ready:\n{self.log()}")

    async def ready(self) -> bool:
        assert self.process is not None
        if self.process.returncode is not None:
            raise AssertionError(f"the program ended with {self.process.returncode}:\n{self.log()}")
        try:
            return (await self.get("/readyz")).status == 200
        except aiohttp.ClientError:
            return False

    def log(self) -> str:
        text = self.stderr.read_text() if self.stderr.exists() else ""
        return text[-6000:]

    async def kill(self) -> None:
        """kill -9"""
        assert self.process is not None
        self.process.kill()
        await self.process.wait()

    async def stop(self) -> tuple[int, float]:
        """SIGTERM: exit code, and how many seconds it took."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        code = await asyncio.wait_for(self.process.wait(), 30)
        return code, time.monotonic() - began

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()
            await self.process.wait()
        backend = self.config["backend"]
        if backend["type"] == "sqlite":
            with contextlib.suppress(sqlite3.DatabaseError):  # some tests leave a damaged file behind
                published.check_file(self.folder / backend["path"])

    # HTTP

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(force_close=True), timeout=aiohttp.ClientTimeout(total=20)
            )
        return self._session

    async def ask(
        self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, headers: Mapping[str, str] = {}
    ) -> Answer:
        """`path` travels as it stands."""
        given = dict(headers)
        if self.token and "Authorization" not in given:
            given["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            raw = json.dumps(body).encode()
        if raw is not None:
            given.setdefault("Content-Type", "application/json")
        given = {name: value for name, value in given.items() if value}
        url = URL(self.url + path, encoded=True)
        skip = () if "Content-Type" in given else ("Content-Type",)
        async with self.session.request(
            method, url, data=raw, headers=given, allow_redirects=False, skip_auto_headers=skip
        ) as response:
            return Answer(response.status, dict(response.headers), await response.read())

    async def get(self, path: str, **more: Any) -> Answer:
        return await self.ask("GET", path, **more)

    async def watch(self, source: str, order: str, **more: Any) -> Any:
        ids = more.pop("ids", {})
        answer = await self.ask("POST", "/v1/watches", {"source": source, "ids": {"order_id": order, **ids}, **more})
        assert answer.status in (200, 201), answer
        return answer.json

    async def remove(self, key: str) -> int:
        return (await self.ask("DELETE", f"/v1/watches/{key}")).status

    async def order(self, key: str) -> Any:
        answer = await self.get(f"/v1/orders/{key}")
        assert answer.status == 200, answer
        return answer.json

    async def why(self, key: str) -> Any:
        answer = await self.get(f"/v1/orders/{key}/why")
        assert answer.status == 200, answer
        return answer.json

    async def items(self, path: str, limit: int = 1000) -> list[Any]:
        """All pages of a list."""
        found: list[Any] = []
        cursor = ""
        while True:
            mark = "&" if "?" in path else "?"
            answer = await self.get(f"{path}{mark}limit={limit}{cursor}")
            assert answer.status == 200, answer
            found += answer.json["items"]
            if answer.json["next"] is None:
                return found
            cursor = f"&cursor={answer.json['next']}"

    async def events(self, key: str) -> list[Any]:
        return await self.items(f"/v1/orders/{key}/events")

    # commands

    async def run(self, *args: str, stdin: bytes | None = None, within: float = 30, config: bool = True) -> Done:
        """A command; `-c FILE` is added."""
        more = ("-c", str(self.file)) if config else ()
        return await command(*args, *more, stdin=stdin, within=within, env=self.env, cwd=self.folder)


async def command(
    *args: str,
    stdin: bytes | None = None,
    within: float = 30,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Done:
    process = await asyncio.create_subprocess_exec(
        *NOTIFIER,
        *args,
        stdin=asyncio.subprocess.PIPE if stdin is not None else asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        cwd=cwd,
    )
    try:
        out, err = await asyncio.wait_for(process.communicate(stdin), within)
    except TimeoutError:
        process.kill()
        out, err = await process.communicate()
        raise AssertionError(f"{args} did not end within {within} s:\n{out.decode()}\n{err.decode()}") from None
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())
