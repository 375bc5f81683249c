"""A cluster is a folder: cluster.json, broker-N/{server.properties, data, broker.log}, tls/."""

import base64
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from tests.kafka import jars
from tests.kafka.certificates import Certificates, certificates
from tests.kafka.processes import HOST, brokers_seen_by, command_line, free_ports, send
from tests.kafka.properties import PASSWORD, USER, Broker, Wish, server_properties

START_TIMEOUT = float(os.environ.get("KAFKA_START_TIMEOUT", "100"))  # seconds
_PAUSE = 0.05
_ROOT = Path(__file__).parents[2]


class Failed(Exception):
    """Kafka did not do what it should; the text has its own words."""


class Facts(msgspec.Struct):
    """What cluster.json holds."""

    id: str
    wish: Wish
    brokers: list[Broker]


class Cluster:
    """Real brokers, each a process; every call blocks until it is done."""

    user, password = USER, PASSWORD

    def __init__(self, folder: Path, facts: Facts) -> None:
        self.folder = folder
        self.facts = facts
        self.tls: Certificates | None = None

    @classmethod
    def start(
        cls, folder: Path, wish: Wish, *, owner: int | None = None, options: Sequence[str] = (), attempts: int = 3
    ) -> "Cluster":
        """Fetches the jars, if need be; returns when every broker serves. It ends with the process `owner`, if told.

        `options` are the Java machine's.
        """
        jars.install()
        cluster = cls.load(folder) if (folder / "cluster.json").exists() else cls._made(folder, wish)
        try:
            if owner is not None:
                cluster._guard(owner)
            for number in cluster.numbers:
                cluster._launch(number, options)
            cluster._wait_until_serving(cluster.numbers)
        except BaseException as error:
            cluster.stop(patience=0)
            # Somebody took a port that was free a moment ago.
            if attempts > 1 and isinstance(error, Failed) and "already in use" in str(error):
                shutil.rmtree(folder)
                return cls.start(folder, wish, owner=owner, options=options, attempts=attempts - 1)
            raise
        return cluster

    @classmethod
    def _made(cls, folder: Path, wish: Wish) -> "Cluster":
        ports = iter(free_ports(3 * wish.brokers))
        id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "A")
        brokers = [Broker(n + 1, next(ports), next(ports), next(ports)) for n in range(wish.brokers)]
        cluster = cls(folder, Facts(id, wish, brokers))
        folder.mkdir(parents=True, exist_ok=True)
        if wish.encrypted:
            cluster.tls = certificates(folder / "tls")
        cluster._format()
        cluster._save()
        return cluster

    @classmethod
    def load(cls, folder: Path) -> "Cluster":
        cluster = cls(folder, msgspec.json.decode((folder / "cluster.json").read_bytes(), type=Facts))
        if cluster.facts.wish.encrypted:
            cluster.tls = Certificates(*(folder / "tls" / f"{name}.pem" for name in Certificates._fields))
        return cluster

    # --- what tests use ------------------------------------------------------------------------------------------

    @property
    def numbers(self) -> list[int]:
        return [broker.id for broker in self.facts.brokers]

    @property
    def bootstrap_servers(self) -> tuple[str, ...]:
        return tuple(f"{HOST}:{broker.port}" for broker in self.facts.brokers)

    @property
    def internal_servers(self) -> tuple[str, ...]:
        """The same brokers without TLS or login, as the user ANONYMOUS: for setting things up."""
        return tuple(f"{HOST}:{broker.internal_port}" for broker in self.facts.brokers)

    def kill(self, number: int) -> None:
        """SIGKILL: a crash."""
        self._signal(number, signal.SIGKILL)
        while self.running(number):
            time.sleep(_PAUSE)

    def pause(self, number: int) -> None:
        """SIGSTOP: a broker that hangs, its connections open."""
        self._signal(number, signal.SIGSTOP)

    def resume(self, number: int) -> None:
        self._signal(number, signal.SIGCONT)

    def restart(self, number: int) -> None:
        """On the same port and data, after ending it if it runs; returns when it serves."""
        self.stop(number)
        self._launch(number)
        self._wait_until_serving([number])

    def stop(self, *numbers: int, patience: float = 15) -> None:
        """SIGTERM, after `patience` seconds SIGKILL: a broker that lost its controllers would not end by itself."""
        chosen = numbers or self.numbers
        for sent, wait in ((signal.SIGTERM, patience), (signal.SIGKILL, 10.0)):
            for pid in filter(None, map(self.running, chosen)) if wait else ():
                send(pid, sent)
                send(pid, signal.SIGCONT)  # a paused one would not hear SIGTERM
            deadline = time.monotonic() + wait
            while any(map(self.running, chosen)) and time.monotonic() < deadline:
                time.sleep(_PAUSE)

    def close(self) -> None:
        """Ends it and removes its data."""
        self.stop(patience=0)
        shutil.rmtree(self.folder, ignore_errors=True)

    def running(self, number: int) -> int | None:
        """The pid, if that process still is this broker: pids are used again."""
        pid = self._broker(number).pid
        return pid if pid and str(self._path(number, "server.properties")) in command_line(pid) else None

    def log(self, number: int) -> str:
        return self._path(number, "broker.log").read_text(errors="replace")

    # --- how it is done ------------------------------------------------------------------------------------------

    def _broker(self, number: int) -> Broker:
        return self.facts.brokers[number - 1]

    def _path(self, number: int, name: str) -> Path:
        return self.folder / f"broker-{number}" / name

    def _save(self) -> None:
        draft = self.folder / "cluster.json.new"
        draft.write_bytes(msgspec.json.encode(self.facts))
        draft.rename(self.folder / "cluster.json")

    def _signal(self, number: int, sent: signal.Signals) -> None:
        pid = self.running(number)
        if pid is None:
            raise Failed(f"broker {number} does not run")
        send(pid, sent)

    def _format(self) -> None:
        wish, runs = self.facts.wish, []
        login = f"name={USER},password={PASSWORD}"
        users = [f"--add-scram=SCRAM-SHA-{bits}=[{login}]" for bits in (256, 512)] if wish.sasl else []
        features = [f"--feature={name}={version}" for name, version in wish.features.items()]
        for broker in self.facts.brokers:
            config = self._path(broker.id, "server.properties")
            config.parent.mkdir()
            data = self._path(broker.id, "data")
            properties = server_properties(wish, broker, self.facts.brokers, data, self.tls)
            config.write_text("".join(f"{key}={value}\n" for key, value in properties.items()))
            told = ("format", f"--config={config}", f"--cluster-id={self.facts.id}", *users, *features)
            command = jars.java("kafka.tools.StorageTool", *told)
            runs.append(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True))
        for run in runs:
            output, _ = run.communicate()
            if run.returncode:
                raise Failed(_end_of(output.splitlines(), "Kafka refused its configuration"))

    def _launch(self, number: int, options: Sequence[str] = ()) -> None:
        command = jars.java("kafka.Kafka", self._path(number, "server.properties"), options=options)
        with self._path(number, "broker.log").open("ab") as log:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
            )
        self._broker(number).pid = process.pid
        self._save()
        _reap(process)
        while process.poll() is None and not command_line(process.pid):
            time.sleep(0.01)  # a process shows its command only a moment after it was started

    def _guard(self, owner: int) -> None:
        """Ends the cluster when `owner` ends, however that ends."""
        guard = subprocess.Popen(
            [sys.executable, "-m", "tests.kafka.guard", str(owner), str(self.folder)],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        _reap(guard)

    def _wait_until_serving(self, numbers: Iterable[int]) -> None:
        wanted, deadline = set(numbers), time.monotonic() + START_TIMEOUT
        while not all(wanted <= self._seen_by(number) for number in wanted):
            for number in wanted:
                if not self.running(number):
                    raise Failed(_end_of(self.log(number).splitlines(), f"broker {number} ended while starting"))
                if time.monotonic() > deadline:
                    raise Failed(f"broker {number} does not serve after {START_TIMEOUT:g} s: see its broker.log")
            time.sleep(_PAUSE)

    def _seen_by(self, number: int) -> set[int]:
        return brokers_seen_by(self._broker(number).internal_port, self.facts.id)


_children: list["subprocess.Popen[bytes]"] = []


def _reap(process: "subprocess.Popen[bytes]") -> None:
    """Kept, and asked for its end now and then: one forgotten while it runs would be a ResourceWarning."""
    _children[:] = [child for child in _children if child.poll() is None]
    _children.append(process)


def _end_of(lines: list[str], words: str) -> str:
    causes = [line for line in lines if " ERROR " in line or "Exception" in line] or lines
    return "\n".join([f"{words}:", *causes[-8:]])
