"""The events' schemas against those of the last release: consumers rely on them.

`make release-schemas` writes the file anew, at a release only.
"""

import copy
from pathlib import Path
from typing import Any

import orjson
import pytest

from notifier.cli.schema import text
from tests.schema_history import breaks

RELEASED = Path(__file__).parent / "data/released-event-schemas.json"
OLD: dict[str, Any] = orjson.loads(RELEASED.read_bytes())


def test_nothing_breaks_for_consumers_of_the_last_release() -> None:
    assert breaks(OLD, orjson.loads(text("event"))) == []


def _gone(schema: dict[str, Any]) -> None:
    del schema["$defs"]["notifier.order.lost.v1.json"]


def _field_gone(schema: dict[str, Any]) -> None:
    del schema["$defs"]["notifier.order.cost_changed.v1.json"]["$defs"]["Cost"]["properties"]["with_vat"]


def _maybe_absent(schema: dict[str, Any]) -> None:
    schema["$defs"]["notifier.order.lost.v1.json"]["required"].remove("phase")


def _another_type(schema: dict[str, Any]) -> None:
    schema["$defs"]["notifier.order.lost.v1.json"]["properties"]["sequence"]["type"] = "string"


def _null_too(schema: dict[str, Any]) -> None:
    lost = schema["$defs"]["notifier.order.lost.v1.json"]
    lost["properties"]["late"] = {"anyOf": [lost["properties"]["late"], {"type": "null"}]}


def _another_format(schema: dict[str, Any]) -> None:
    schema["$defs"]["notifier.order.lost.v1.json"]["properties"]["observed_at"]["format"] = "date"


@pytest.mark.parametrize("change", [_gone, _field_gone, _maybe_absent, _another_type, _null_too, _another_format])
def test_a_break_is_found(change: Any) -> None:
    new = copy.deepcopy(OLD)
    change(new)
    assert breaks(OLD, new)


def test_what_is_added_is_no_break() -> None:
    new = copy.deepcopy(OLD)
    lost = new["$defs"]["notifier.order.lost.v1.json"]
    lost["properties"]["rating"] = {"type": "integer"}
    new["$defs"]["notifier.order.found.v1.json"] = lost
    assert breaks(OLD, new) == []
