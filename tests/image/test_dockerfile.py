"""The Dockerfile as far as it can be held to its promises without building it."""

import fnmatch
import re
import shlex
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CHART = ROOT / "helm" / "order-notifier"


class Instruction(NamedTuple):
    name: str
    rest: str


class Stage(NamedTuple):
    base: str
    name: str
    instructions: list[Instruction]

    def of(self, name: str) -> list[str]:
        return [it.rest for it in self.instructions if it.name == name]


def parse(text: str) -> list[Stage]:
    """Instructions by stage, continued lines joined; what stands before the first FROM is a stage without a base."""
    joined = re.sub(r"\\\n", " ", "".join(line for line in text.splitlines(True) if not line.lstrip().startswith("#")))
    stages = [Stage("", "", [])]
    for line in filter(None, (line.strip() for line in joined.splitlines())):
        name, rest = line.split(None, 1)
        assert name == name.upper(), f"no instruction: {line}"
        if name == "FROM":
            base, _, alias = rest.partition(" AS ")
            stages.append(Stage(base, alias, []))
        else:
            stages[-1].instructions.append(Instruction(name, rest))
    return stages


STAGES = parse((ROOT / "Dockerfile").read_text())
FINAL = STAGES[-1]


def ignored(path: str) -> bool:
    """Docker's rules: the last line that fits a path, or one of its parents, decides."""
    verdict = False
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        rule = line.strip()
        if not rule or rule.startswith("#"):
            continue
        pattern = rule.removeprefix("!").removeprefix("**/")
        parts = path.split("/")
        candidates = parts if "**/" in rule else ["/".join(parts[: n + 1]) for n in range(len(parts))]
        if any(fnmatch.fnmatch(candidate, pattern) for candidate in candidates):
            verdict = not rule.startswith("!")
    return verdict


def test_stages() -> None:
    assert [stage.name for stage in STAGES[1:]] == ["build", "sbom", "sbom-file", "runtime"]
    assert FINAL.name == "runtime", "what `docker build` builds without a target"


def test_bases_are_an_argument_a_stage_or_nothing() -> None:
    """The digest comes with the argument; no tag is written where it could not be replaced."""
    (argument,) = STAGES[0].of("ARG")
    assert argument.startswith("PYTHON_IMAGE=docker.io/library/python:3.")
    assert not argument.endswith("latest")
    known = {"${PYTHON_IMAGE}", "scratch"}
    for stage in STAGES[1:]:
        assert stage.base in known
        known.add(stage.name)


def test_the_base_has_a_python_that_we_support() -> None:
    (argument,) = STAGES[0].of("ARG")
    found = re.search(r":3\.(\d+)-slim", argument)
    assert found is not None
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert int(found[1]) >= int(project["requires-python"].removeprefix(">=3."))


def test_everything_installed_is_locked_by_hash() -> None:
    installs = [
        command
        for stage in STAGES
        for run in stage.of("RUN")
        for command in map(str.strip, run.split("&&"))
        if re.search(r"\bpip\b.*\b(install|wheel)\b", command) and "uninstall" not in command
    ]
    assert len(installs) >= 5
    for command in installs:
        words = shlex.split(command)
        assert "--require-hashes" in words or {"--no-index", "--no-deps"} <= set(words), command
        for lock in (words[at + 1] for at, word in enumerate(words) if word == "-r"):
            assert lock.endswith(".lock")


@pytest.mark.parametrize("lock", sorted(path.name for path in ROOT.glob("requirements*.lock")))
def test_locks_have_versions_and_hashes_for_all(lock: str) -> None:
    entries = re.sub(r"\\\n", " ", (ROOT / lock).read_text()).splitlines()
    packages = [line for line in entries if line.strip() and not line.startswith("#")]
    assert packages
    for line in packages:
        assert re.match(r"[a-z0-9][a-z0-9._-]*(\[[a-z0-9,]+\])?==[^ ]+ .*--hash=sha256:[0-9a-f]{64}", line), line[:60]


def test_locks_agree() -> None:
    """One version of each package in what is installed together."""
    versions: dict[str, set[str]] = {}
    for lock in ("requirements.lock", "requirements-apprise.lock"):
        for name, version in re.findall(r"^([a-z0-9._-]+)==([^ ]+)", (ROOT / lock).read_text(), re.MULTILINE):
            versions.setdefault(name, set()).add(version)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    copied = {
        source
        for stage in STAGES
        for copy in stage.of("COPY")
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    }
    for source in copied:
        assert (ROOT / source).exists(), source
        assert not ignored(source), source
    sent = {path.name for path in ROOT.iterdir() if not ignored(path.name)}
    assert sent - {".dockerignore", "Dockerfile"} == copied
    assert ignored("notifier/__pycache__/app.pyc")
    assert ignored(".git")
    assert ignored("var/notifier.db")
    assert not ignored("notifier/backends/tables.sql")


def test_every_file_of_the_package_is_sent_and_built_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    built = {"*.py", *(data.removeprefix("**/") for data in project["tool"]["setuptools"]["package-data"]["notifier"])}
    files = [path for path in (ROOT / "notifier").rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    assert len(files) > 300
    for path in files:
        assert not ignored(path.relative_to(ROOT).as_posix()), path
        assert any(fnmatch.fnmatch(path.name, pattern) for pattern in built), path


def test_the_packages_license_and_readme_are_sent() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for name in (project["readme"], *project["license-files"]):
        assert not ignored(name)


def test_nobody_and_nothing_to_write() -> None:
    (user,) = FINAL.of("USER")
    assert user == "10001:10001", "a number: Kubernetes cannot tell a name from root"
    names = [it.name for it in FINAL.instructions]
    assert "RUN" not in names[names.index("USER") :]
    assert not any("chmod" in run or "777" in run for run in FINAL.of("RUN"))
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    assert values["podSecurityContext"]["runAsUser"] == int(user.split(":")[0])
    assert values["podSecurityContext"]["fsGroup"] == int(user.split(":")[1])


def test_how_it_starts_and_stops() -> None:
    assert FINAL.of("ENTRYPOINT") == ['["notifier"]'], "no shell between the signal and the program"
    assert FINAL.of("CMD") == ['["run", "-c", "config/notifier.yaml"]']
    assert FINAL.of("STOPSIGNAL") == ["SIGTERM"]
    assert FINAL.of("WORKDIR") == ["/etc/order-notifier"], "where commands find config/notifier.yaml"


def test_no_secrets_and_no_downloads() -> None:
    for stage in STAGES:
        assert not stage.of("ADD")
        for it in stage.instructions:
            if it.name in ("ARG", "ENV"):
                assert not re.search(r"token|secret|password|_key", it.rest, re.IGNORECASE)
            assert not re.search(r"\b(curl|wget)\b|\bapt(-get)? ", it.rest)


def test_the_list_of_what_is_in_it_comes_with_it() -> None:
    (sbom,) = [stage for stage in STAGES if stage.name == "sbom"]
    assert sbom.base == "build", "it describes the very environment that is copied"
    assert "cyclonedx-py environment" in sbom.of("RUN")[0]
    assert any("order-notifier.cdx.json" in copy for copy in FINAL.of("COPY"))
    (file,) = [stage for stage in STAGES if stage.name == "sbom-file"]
    assert file.base == "scratch"


def test_labels() -> None:
    text = " ".join(FINAL.of("LABEL"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert f'licenses="{project["license"]}"' in text
    assert f"VERSION={project['version']}" in FINAL.of("ARG")
    assert project["description"] in text
