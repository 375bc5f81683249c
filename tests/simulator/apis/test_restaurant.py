"""The restaurant's status against its document."""

from datetime import datetime

from notifier.simulator.apis import APIS
from notifier.simulator.apis.base import Refusal
from tests.simulator.apis.shared import rendered, variants


def test_updated_at_is_when_the_status_began_whatever_the_offset() -> None:
    bodies = variants("restaurant", "sim-NEW-870ms-COOKING-5s-READY", 3_000)
    times = [datetime.fromisoformat(body["updatedAt"]) for body in bodies]
    assert {int(time.timestamp() * 1_000) for time in times} == {870}
    assert {body["updatedAt"][26:] for body in bodies} == {"+00:20", "+03:00", "-03:30", "+05:45", "Z"}
    assert any(time.microsecond % 1_000 for time in times)


def test_a_comment_is_optional() -> None:
    bodies = variants("restaurant", "sim-NEW")
    assert {"comment" in body for body in bodies} == {True, False}
    assert all(body.get("comment", "New order") == "New order" for body in bodies)


def test_errors_are_arrays_and_401_is_an_object() -> None:
    error = APIS["restaurant"].error
    assert error(Refusal(404, "x", "gone")) == [{"code": 100, "description": "gone"}]
    assert error(Refusal(401, "x", "expired")) == {"reason": "expired"}


def test_an_undocumented_status_is_told_as_it_is() -> None:
    assert rendered("restaurant", "sim-BURNT")["status"] == "BURNT"
