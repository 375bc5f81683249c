"""`notifier schema`."""

from pathlib import Path

import orjson
from jsonschema import Draft202012Validator

from notifier.model import EventType
from tests.cli.conftest import Command

ROOT = Path(__file__).parents[2]


def test_the_configurations_is_the_projects_file(command: Command) -> None:
    result = command("schema", "config")
    assert result.exit_code == 0
    assert result.stdout == (ROOT / "config/schema.json").read_text(encoding="utf-8")


def test_the_events_has_every_type_and_tells_them_apart(command: Command) -> None:
    schema = orjson.loads(command("schema", "event").stdout)
    Draft202012Validator.check_schema(schema)
    names = {f"notifier.order.{kind.value}.v1.json" for kind in EventType}
    assert schema["$defs"].keys() == names
    lost = {
        "id": "5f7a12f0-e9a3-5c6e-9e16-7c0aa99be052",
        "order": {"key": "a/b", "source": "a", "id": "b", "life": 1, "labels": {}, "person_id": None, "number": None}
        | {"class": None, "cost_centers": []},
        "sequence": 1,
        "before": None,
        "after": None,
        "status": None,
        "phase": "unknown",
        "phase_certain": False,
        "occurred": {"at": None, "not_before": None, "not_after": "2026-11-21T10:00:05.120Z"},
        "observed_at": "2026-11-21T10:00:05.120Z",
        "inferred": False,
        "late": False,
    }
    validator = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(lost)] == []
    assert not validator.is_valid({**lost, "sequence": "one"})


def test_the_http_apis_is_an_openapi_document(command: Command) -> None:
    document = orjson.loads(command("schema", "openapi").stdout)
    assert document["openapi"].startswith("3.1")
    assert "/v1/watches" in document["paths"]


def test_another_is_bad_usage(command: Command) -> None:
    assert command("schema", "rules").exit_code == 2
