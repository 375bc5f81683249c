"""The published schemas against sealed events, both ways: they fit, and they would notice if they did not."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from notifier.envelope import seal
from notifier.model import EventType
from notifier.schemas import event_schemas
from tests.test_envelope import WATCH, an_event, data_of


def validator(type: EventType) -> Draft202012Validator:
    schema = event_schemas()[f"{type.full}.json"]
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema, format_checker=FormatChecker())


def test_every_type_has_its_schema_under_the_name_that_its_events_tell() -> None:
    told = {seal(an_event(type), WATCH, personal_data=False).attributes["dataschema"] for type in EventType}
    assert told == {f"/schemas/{name}" for name in event_schemas()}
    assert told == {schema["$id"] for schema in event_schemas().values()}


@pytest.mark.parametrize("personal_data", [False, True])
@pytest.mark.parametrize("type", list(EventType))
def test_sealed_events_fit(type: EventType, personal_data: bool) -> None:
    data = data_of(seal(an_event(type), WATCH, personal_data=personal_data))
    assert list(validator(type).iter_errors(data)) == []


@pytest.mark.parametrize("type", list(EventType))
def test_a_first_value_and_an_order_never_seen_fit(type: EventType) -> None:
    event = an_event(type, before=None, snapshot=None, status=None, at=1, not_before=None, not_after=None)
    assert list(validator(type).iter_errors(data_of(seal(event, WATCH, personal_data=True)))) == []


@pytest.mark.parametrize("type", list(EventType))
def test_every_field_is_described(type: EventType) -> None:
    data = data_of(seal(an_event(type), WATCH, personal_data=True))
    schema = event_schemas()[f"{type.full}.json"]
    assert _unknown(data, schema, schema) == []
    assert _unknown(data | {"rating": 5}, schema, schema) == ["rating"]


@pytest.mark.parametrize("name", ["id", "order", "before", "after", "phase", "occurred", "observed_at", "late"])
def test_a_missing_field_is_noticed(name: str) -> None:
    data = data_of(seal(an_event(), WATCH, personal_data=False))
    del data[name]
    assert not validator(EventType.STATUS_CHANGED).is_valid(data)


@pytest.mark.parametrize(
    "change", [{"sequence": 0}, {"observed_at": "yesterday"}, {"after": {"status": 5}}, {"before": "driving"}]
)
def test_a_wrong_value_is_noticed(change: dict[str, Any]) -> None:
    data = data_of(seal(an_event(), WATCH, personal_data=False))
    assert not validator(EventType.STATUS_CHANGED).is_valid(data | change)


def test_what_a_later_release_adds_is_no_error() -> None:
    data = data_of(seal(an_event(), WATCH, personal_data=False))
    added = data | {"phase": "teleporting", "rating": 5, "after": {"status": "waiting", "since": "now"}}
    assert validator(EventType.STATUS_CHANGED).is_valid(added)


def _unknown(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Names in `value` that the schema does not describe."""
    if "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(it for it in schema["anyOf"] if it.get("type") != "null")
        return [] if value is None else _unknown(value, schema, root)
    if isinstance(value, list):
        return [name for item in value for name in _unknown(item, schema["items"], root)]
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return []
    known = schema.get("properties", {})
    below = [name for key, item in value.items() if key in known for name in _unknown(item, known[key], root)]
    return [key for key in value if key not in known] + below
