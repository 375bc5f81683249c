"""CloudEvents as Kafka records: the published SDK reads what is written here, and writes the same."""

from datetime import datetime
from typing import Any

import orjson
from cloudevents.core.bindings.kafka import KafkaMessage, from_kafka, to_binary
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent as Theirs

from notifier.envelope import binary_headers, from_binary
from notifier.model import CloudEvent
from tests.contracts.sink import published


def with_times(attributes: dict[str, Any]) -> dict[str, Any]:
    """Texts of times are written in more than one way."""
    return {**attributes, "time": datetime.fromisoformat(attributes["time"])}


def test_the_sdk_reads_what_is_written() -> None:
    event = published(7)
    read = from_kafka(KafkaMessage(dict(binary_headers(event)), None, event.data), JSONFormat())

    assert read.get_attributes() == with_times(dict(event.attributes))
    assert read.get_data() == orjson.loads(event.data)


def test_the_sdk_writes_the_same() -> None:
    event = published(7)
    theirs = to_binary(Theirs(with_times(dict(event.attributes)), orjson.loads(event.data)), JSONFormat())

    headers = dict(binary_headers(event))
    for written in (theirs.headers, headers):
        time = written.pop("ce_time").decode()
        assert datetime.fromisoformat(time) == datetime.fromisoformat(event.attributes["time"])
    assert headers == theirs.headers
    assert headers["content-type"] == b"application/json"


def test_no_header_stands_twice() -> None:
    names = [name for name, _ in binary_headers(published())]
    assert len(names) == len(set(names)) == 9


def test_an_event_comes_back_as_it_was_whatever_stands_beside_it() -> None:
    event = published(7)
    others = [("traceparent", b"00-1-2-00"), *binary_headers(event), ("n", b"\x00\xff")]

    assert from_binary(others, event.data) == event
    assert isinstance(from_binary([], b""), CloudEvent)
