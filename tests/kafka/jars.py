"""Kafka's jars: fetched once by Maven, kept for all projects and sessions of this user."""

import fcntl
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

# 4.4.0 cannot be resolved: its kafka-tools-api was never published.
VERSION = os.environ.get("KAFKA_VERSION", "4.3.1")
CACHE = Path(os.environ.get("KAFKA_HOME_CACHE") or Path.home() / ".cache" / "kafka-brokers").absolute()
HOME = CACHE / VERSION
ARCHIVE = HOME / "classes.jsa"
_OPTIONS = ("-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # a quick start, not the highest throughput

_POM = f"""<project>
  <modelVersion>4.0.0</modelVersion><groupId>local</groupId><artifactId>kafka-brokers</artifactId><version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>2.25.4</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>{VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""
_LOGGING = """rootLogger.level=INFO
rootLogger.appenderRef.stdout.ref=STDOUT
appender.console.type=Console
appender.console.name=STDOUT
appender.console.layout.type=PatternLayout
appender.console.layout.pattern=%d %p %m (%c)%n
"""


class CannotRun(Exception):
    """This machine cannot run Kafka; the text says what is missing."""


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """One process at a time; the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def install() -> None:
    """Fetches Kafka and what it needs, unless it is there. CannotRun."""
    _require_java()
    with locked(CACHE / "install.lock"):
        if (HOME / "lib").is_dir():
            return
        if not shutil.which("mvn"):
            raise CannotRun("Maven is missing: install it (Debian: maven), or set KAFKA_BOOTSTRAP_SERVERS")
        HOME.mkdir(exist_ok=True)
        (HOME / "pom.xml").write_text(_POM)
        (HOME / "log4j2.properties").write_text(_LOGGING)
        with tempfile.TemporaryDirectory(dir=HOME) as draft:
            _fetch(Path(draft) / "lib")
            (Path(draft) / "lib").rename(HOME / "lib")


def _fetch(folder: Path) -> None:
    command = ["mvn", "-q", "-B", "-f", str(HOME / "pom.xml"), "dependency:copy-dependencies"]
    maven = subprocess.run(
        [*command, "-DincludeScope=runtime", f"-DoutputDirectory={folder}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if maven.returncode:
        raise CannotRun(f"Maven could not fetch Kafka {VERSION}: {maven.stdout[-500:]}")


def _require_java() -> None:
    if not shutil.which("java"):
        raise CannotRun(
            "Java is missing: install 17 or newer (Debian: openjdk-17-jre-headless), or set KAFKA_BOOTSTRAP_SERVERS"
        )
    banner = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False).stderr
    major = banner.split('"')[1].split(".")[0] if '"' in banner else ""
    if not major.isdigit() or int(major) < 17:
        raise CannotRun(f"Kafka {VERSION} needs Java 17 or newer; this one says: {banner.strip()}")


def java(main_class: str, *arguments: object, options: Sequence[str] = ()) -> list[str]:
    """The command that runs a class of Kafka's; with an archive of its classes, where there is one (JEP 350)."""
    archive = [f"-XX:SharedArchiveFile={ARCHIVE}"] if ARCHIVE.exists() else []
    jars = ":".join(sorted(map(str, (HOME / "lib").glob("*.jar"))))
    logging = f"-Dlog4j2.configurationFile={HOME}/log4j2.properties"
    return ["java", *_OPTIONS, *archive, *options, logging, "-cp", jars, main_class, *map(str, arguments)]
