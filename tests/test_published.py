"""The check that every published event of the test suite goes through, and that it is in force."""

import orjson
import pytest

from notifier import envelope
from notifier.model import CloudEvent
from tests.contracts import published
from tests.test_envelope import WATCH, an_event


def test_whatever_is_sealed_in_a_test_is_checked() -> None:
    broken = an_event(after={"status": 5})
    with pytest.raises(AssertionError, match="status_changed"):
        envelope.seal(broken, WATCH, personal_data=False)


@pytest.mark.parametrize("change", [{"sequence": 0}, {"late": "no"}, {"observed_at": None}])
def test_a_wrong_event_is_noticed(change: dict[str, object]) -> None:
    event = envelope.seal(an_event(), WATCH, personal_data=False)
    data = orjson.dumps({**orjson.loads(event.data), **change})
    with pytest.raises(AssertionError):
        published.check(CloudEvent(attributes=event.attributes, data=data))
