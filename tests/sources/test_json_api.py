"""The `json` source: its lifecycle, its templates, and expressions that do not fit an answer."""

import json
from inspect import isclass

import jmespath.exceptions
import pytest

from notifier.errors import LookFailed, Reason
from notifier.expressions import FOREIGN, Query
from notifier.model import Cost, Phase
from tests.sources.adapters import ADAPTERS

ADAPTER = ADAPTERS["json"]


def test_phases_are_its_whole_documentation() -> None:
    lifecycle = ADAPTER.build().lifecycle
    assert lifecycle.statuses == {
        "packing": Phase.PREPARING,
        "on_the_way": Phase.IN_PROGRESS,
        "3": Phase.COMPLETED,
        "packed": None,
    }
    assert lifecycle.steps is None


def test_a_status_log_makes_a_timeline() -> None:
    lifecycle = ADAPTER.build().lifecycle
    assert lifecycle.timeline
    assert lifecycle.entries == lifecycle.statuses


def test_without_a_status_log_events_carry_no_phase() -> None:
    lifecycle = ADAPTER.build(status_log=None).lifecycle
    assert not lifecycle.timeline
    assert lifecycle.entries == {}


def test_other_phases_look_at_every_order_anew() -> None:
    assert ADAPTER.build(phases={"packing": "completed"}).salt != ADAPTER.build().salt
    assert ADAPTER.build(status="other").salt != ADAPTER.build().salt


def test_ids_in_headers_and_query() -> None:
    source = ADAPTER.build(
        url="/orders?id={order_id}&again={order_id}", headers={"X-Region": "r-{region}", "accept": "text/json"}
    )
    request = source.request({"order_id": "a&b/ю", "region": "eü 1"})
    assert request.url == "https://shop.example/orders?id=a%26b%2F%D1%8E&again=a%26b%2F%D1%8E"
    assert request.headers == (("X-Region", "r-e%C3%BC 1"), ("accept", "text/json"))


def test_an_order_id_in_a_header_is_enough() -> None:
    source = ADAPTER.build(url="/current", headers={"X-Order": "{order_id}"}, account={})
    assert ("X-Order", "42") in source.request({"order_id": "42"}).headers


def test_a_list_as_the_whole_answer() -> None:
    source = ADAPTER.build(status="[0].state", cost="[0].price")
    assert source.read(b'[{"state": "packing", "price": "7"}]').cost == Cost(amount=7)


@pytest.mark.parametrize(
    ("expression", "answer"),
    [
        ("length(order)", {"order": 5}),
        ("sum(order)", {"order": ["a"]}),
        ("order[::0]", {"order": [1]}),
        ("sort_by(order, &x)[0].x", {"order": [{"x": 1}, {"x": "a"}]}),
        ("join(',', order)", {"order": [None]}),
        ("max_by(order, &x).x", {"order": [{"x": None}]}),
    ],
)
def test_an_expression_that_does_not_fit_the_answer(expression: str, answer: object) -> None:
    source = ADAPTER.build(status=expression)
    with pytest.raises(LookFailed, match="status: its expression cannot be applied") as caught:
        source.read(json.dumps(answer).encode())
    assert caught.value.reason is Reason.UNREADABLE


def test_every_error_of_the_library_is_mapped() -> None:
    errors = [item for item in vars(jmespath.exceptions).values() if isclass(item) and issubclass(item, Exception)]
    assert len(errors) > 5
    assert all(issubclass(error, FOREIGN) for error in errors)


@pytest.mark.parametrize("error", FOREIGN)
def test_a_failing_search_is_an_unreadable_answer(error: type[Exception]) -> None:
    class Failing(dict[str, object]):
        def get(self, *_: object) -> object:
            raise error("private")

    with pytest.raises(LookFailed) as caught:
        Query("a", "status")(Failing())
    assert caught.value.reason is Reason.UNREADABLE
    assert "private" not in str(caught.value)


@pytest.mark.parametrize("log", [[{"what": "packed"}], [{"when": 1}], [{"what": "", "when": 1}], ["packed"], {}, "log"])
def test_an_entry_without_value_or_time_is_unreadable(log: object) -> None:
    with pytest.raises(LookFailed, match="history"):
        ADAPTER.build().read(json.dumps({"order": {"state": "packing"}, "log": log}).encode())
