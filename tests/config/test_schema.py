"""config/schema.json says what the loader does, where a schema can say it."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from notifier.config import document
from notifier.config.load import load
from notifier.config.schema import config_schema
from notifier.errors import ConfigError

ROOT = Path(__file__).parents[2]
FILES = sorted((Path(__file__).parent / "files").glob("*.yaml"))
GOOD = [path for path in FILES if not path.name.endswith(".bad.yaml")]
BAD = [path for path in FILES if path.name.endswith(".bad.yaml")]
EXAMPLES = [ROOT / "config/notifier.yaml", *sorted((ROOT / "config/examples").rglob("*.yaml"))]


class Unread(Mapping[str, str]):
    """An environment in which `${NAME}` stays as an editor sees it."""

    def __getitem__(self, name: str) -> str:
        return f"${{{name}}}"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class Given(Mapping[str, str]):
    """An environment in which everything that an example wants is set."""

    def __init__(self, token_file: Path) -> None:
        self._token_file = token_file

    def __getitem__(self, name: str) -> str:
        if name.endswith("_FILE"):
            return str(self._token_file)
        if name.endswith("SECRET") and name.startswith("HOOK"):
            return "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        if name.endswith("_URL"):
            return "json://localhost" if name == "CHAT_URL" else "https://chat.example.org/hooks/x"
        if name.startswith("NOTIFIER_"):
            raise KeyError(name)  # these have defaults
        return "given"

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def schema_errors(path: Path) -> list[str]:
    values = document.load(path, Unread()).values
    return [error.json_path for error in Draft202012Validator(config_schema()).iter_errors(values)]


def claims(path: Path) -> tuple[list[str], str]:
    """The paths of the problems, and what the schema makes of them, from the file's first two lines."""
    problems, schema = path.read_text(encoding="utf-8").splitlines()[:2]
    return sorted(problems.removeprefix("# problems: ").split(", ")), schema.removeprefix("# schema: ")


def test_the_file_is_up_to_date() -> None:
    written = json.loads((ROOT / "config/schema.json").read_text(encoding="utf-8"))
    assert written == config_schema(), "run: notifier schema config > config/schema.json"


def test_it_is_a_schema() -> None:
    Draft202012Validator.check_schema(config_schema())


def test_its_defaults_are_written_as_in_the_file() -> None:
    schema = config_schema()
    assert schema["properties"]["retention"]["default"] == "30d"
    assert schema["$defs"]["LostSettings"]["properties"]["after"]["default"] == "10m"
    assert schema["$defs"]["WebhookSettings"]["properties"]["retries"]["default"][:3] == ["5s", "5m", "30m"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_example_is_valid_for_both(tmp_path: Path, path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text("given\n")
    assert schema_errors(path) == []
    load(path, Given(tokens))


@pytest.mark.parametrize("path", GOOD, ids=lambda path: path.stem)
def test_a_good_file_is_good_for_both(path: Path) -> None:
    assert schema_errors(path) == []
    load(path, {})


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_a_bad_file_is_refused_with_its_paths(path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert sorted(problem.path for problem in caught.value.problems) == claims(path)[0]


@pytest.mark.parametrize("path", BAD, ids=lambda path: path.stem)
def test_the_schema_refuses_what_it_can_see(path: Path) -> None:
    assert claims(path)[1] in ("refuses", "cannot say")
    assert bool(schema_errors(path)) == (claims(path)[1] == "refuses")


def test_every_key_of_the_documented_example_is_known_to_the_schema(tmp_path: Path) -> None:
    """The example of the public interface, as far as this release goes."""
    documented: dict[str, Any] = {
        "backend": {"type": "sqlite", "path": "var/notifier.db"},
        "api": {"host": "127.0.0.1", "port": 8080, "token_file": "/run/secrets/api-token"},
        "log": {"level": "info", "format": "json"},
        "retention": "30d",
        "shutdown_grace": "10s",
        "events": {"personal_data": False, "backlog": False, "location": {"least_distance": 100}},
        "sources": {
            "trips": {
                "type": "business_v2",
                "base_url": "https://b2b-api.go.yandex.ru",
                "token": "${TRIPS_TOKEN}",
                "account": {"client_id": "a2d"},
                "language": "en",
                "timezone": "Europe/Moscow",
                "budget": {"requests_per_second": 50, "concurrency": 100},
                "poll": {"assigned": "5s", "arrived": "5s", "in_progress": "20s", "scheduled": "2m", "default": "15s"},
            }
        },
        "sinks": {
            "hook": {"type": "webhook", "url": "https://example.org/hook", "secret_file": "/run/secrets/hook"},
            "out": {"type": "console"},
        },
        "rules": [
            {
                "name": "driver-arrived",
                "when": {"type": ["phase_changed", "tracked"], "phase": "arrived"},
                "send": [
                    {
                        "sink": "hook",
                        "to": "recipients",
                        "template": "driver_arrived",
                        "expires": "10m",
                        "once": "performer",
                        "while": {"phase": "arrived"},
                    },
                    {"sink": "hook", "to": "recipients"},
                ],
            },
            {"name": "everything", "when": {}, "send": [{"sink": "hook"}]},
        ],
        "watches": [],
    }
    assert [error.message for error in Draft202012Validator(config_schema()).iter_errors(documented)] == []
