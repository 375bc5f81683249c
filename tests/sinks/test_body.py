import json
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.envelope import seal
from notifier.model import Event, EventType, Phase, Watch
from notifier.sinks.body import PLACEHOLDERS, check, filled, payload, sentence
from tests.contracts.sink import KEY, T, published

AFTER: dict[str, Any] = {
    "tracked": {"status": "waiting", "phase": "arrived"},
    "status_changed": {"status": "waiting"},
    "phase_changed": {"phase": "in_progress"},
    "history_added": {"event": "ARRIVAL", "at": "2026-11-21T11:00:00.000Z", "initiator": None, "status": None},
    "performer_changed": {"vehicle": {"model": "Kia", "color": "white"}},
    "schedule_changed": {"start": None, "end": None},
    "cost_changed": {"amount": 1.0, "with_vat": 1.2},
    "cancel_rules_changed": {"can_cancel": True, "state": "free"},
    "contract_violated": {"kind": "unknown_status", "value": "x"},
}


def told(type: EventType, **fields: Any) -> Any:
    values: dict[str, Any] = {
        "status": "waiting",
        "phase": Phase.ARRIVED,
        "certain": True,
        "at": T - 7,
        "not_before": None,
        "not_after": None,
        "observed_at": T,
        "before": None,
        "after": AFTER.get(type.value),
    }
    event = Event(key=KEY, life=T, sequence=3, type=type, **(values | fields))
    return seal(event, Watch(key=KEY, source="trips", ids={}, created_at=T, updated_at=T), personal_data=False)


def test_the_payload_has_the_three_fields_and_the_very_data() -> None:
    event = told(EventType.STATUS_CHANGED)
    body = payload(event)

    assert json.loads(body) == {
        "type": "notifier.order.status_changed.v1",
        "timestamp": "2026-11-21T10:59:59.993Z",
        "data": json.loads(event.data),
    }
    assert event.data in body


def test_a_body_of_ones_own_is_filled_in_wherever_it_has_text() -> None:
    template = {
        "{key}": "a key stays",
        "text": "{key}: {status}/{phase}, {type}. {key}",
        "blocks": [{"deep": ["{phase}", 1, None, True]}, "{text}"],
        "lone": "} lone {",
        "number": 7,
    }
    check(template)

    assert json.loads(filled(template, told(EventType.STATUS_CHANGED))) == {
        "{key}": "a key stays",
        "text": "trips/885e: waiting/arrived, notifier.order.status_changed.v1. trips/885e",
        "blocks": [{"deep": ["arrived", 1, None, True]}, "Order trips/885e has the status waiting now."],
        "lone": "} lone {",
        "number": 7,
    }


def test_a_rendered_text_takes_the_sentences_place() -> None:
    assert json.loads(filled({"t": "{text}"}, published(), "Your driver is here")) == {"t": "Your driver is here"}


def test_what_an_order_tells_is_never_a_template() -> None:
    event = told(EventType.STATUS_CHANGED, status="{key}", after={"status": "{key}"})

    assert json.loads(filled({"t": "{status}"}, event)) == {"t": "{key}"}


def test_an_order_never_seen_has_no_status() -> None:
    assert json.loads(filled({"t": "[{status}]"}, told(EventType.LOST, status=None))) == {"t": "[]"}


@pytest.mark.parametrize("text", ["{driver}", "{}", "{ key}", "{key!r}", "{0}", "{text.__class__}"])
def test_an_unknown_placeholder_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="unknown placeholder"):
        check({"a": [{"b": text}]})


@pytest.mark.parametrize("value", [10**30, {1: "x"}, {"a", "b"}, b"x"])
def test_what_is_no_json_is_an_error(value: Any) -> None:
    with pytest.raises(ValueError, match="cannot be written as JSON"):
        check({"a": [value]})


@pytest.mark.parametrize("type", EventType)
def test_every_type_makes_a_sentence(type: EventType) -> None:
    event = told(type)
    said = sentence(event, orjson.loads(event.data))

    assert said.startswith("Order trips/885e ")
    assert said.endswith(".")
    assert said != "Order trips/885e has changed."
    assert "None" not in said


templates = st.recursive(
    st.one_of(st.none(), st.integers(-9, 9), st.text(), st.sampled_from([f"{{{name}}}" for name in PLACEHOLDERS])),
    lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    max_leaves=8,
)


@given(st.dictionaries(st.text(), templates))
def test_what_passes_the_check_can_be_filled(template: dict[str, Any]) -> None:
    try:
        check(template)
    except ValueError:
        return
    first = filled(template, published())

    assert filled(template, published()) == first
    assert set(json.loads(first)) == set(template)


@pytest.mark.parametrize("name", ["performer", "schedule", "cost"])
def test_a_first_value_is_not_another_one(name: str) -> None:
    type = EventType(f"{name}_changed")
    first, later = told(type), told(type, before=AFTER[type.value])

    assert sentence(first, orjson.loads(first.data)) == f"Order {KEY} has a {name} now."
    assert sentence(later, orjson.loads(later.data)) == f"Order {KEY} has another {name}."
