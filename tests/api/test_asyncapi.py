"""`notifier schema asyncapi`, against the official schema of AsyncAPI 3.0.0 and against real events.

tests/data/asyncapi-3.0.0.json is `schemas/3.0.0-without-$id.json` of the npm package @asyncapi/specs 6.11.1
(Apache-2.0), spaces removed.
"""

from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft7Validator, FormatChecker

from notifier import dead_letters
from notifier.api.asyncapi import document
from notifier.envelope import seal
from notifier.model import Attempt, Delivery, EventType
from tests.test_envelope import WATCH, an_event

OFFICIAL = Draft7Validator(orjson.loads((Path(__file__).parents[1] / "data/asyncapi-3.0.0.json").read_bytes()))


def payload(message: str) -> Draft7Validator:
    whole = document()
    told = whole["components"]["messages"][message]["payload"]
    return Draft7Validator({"allOf": [told], "components": whole["components"]}, format_checker=FormatChecker())


def test_it_is_asyncapi() -> None:
    assert [error.message for error in OFFICIAL.iter_errors(document())] == []


@pytest.mark.parametrize("part", ["info", "channels", "asyncapi"])
def test_the_official_schema_would_notice(part: str) -> None:
    broken: dict[str, Any] = {**document(), part: 5}
    assert not OFFICIAL.is_valid(broken)


def test_it_names_the_topics_of_the_prefix() -> None:
    channels = document("rides")["channels"]
    assert {channel["address"] for channel in channels.values()} == {
        "rides.events",
        "rides.watches",
        "rides.dead-letters",
    }


@pytest.mark.parametrize("type", list(EventType))
def test_events_are_as_it_says(type: EventType) -> None:
    event = seal(an_event(type), WATCH, personal_data=True)
    message = document()["components"]["messages"][type.value]
    headers = {f"ce_{name}": text for name, text in event.attributes.items() if name != "datacontenttype"}
    headers["content-type"] = event.attributes["datacontenttype"]
    assert list(Draft7Validator(message["headers"], format_checker=FormatChecker()).iter_errors(headers)) == []
    assert set(headers) == set(message["headers"]["properties"])
    assert list(payload(type.value).iter_errors(orjson.loads(event.data))) == []
    assert not payload(type.value).is_valid({**orjson.loads(event.data), "sequence": "one"})


def test_watches_are_as_it_says() -> None:
    body = {"source": "trips", "ids": {"order_id": "885e"}, "recipients": [{"email": "a@example.org"}], "labels": {}}
    assert payload("watch").is_valid(body)
    assert payload("watch").is_valid(None)
    assert not payload("watch").is_valid({"ids": {}})


def test_a_dead_delivery_is_as_it_says_and_hides_whom_it_was_for() -> None:
    delivery = Delivery(
        id="msg_1",
        key="trips/885e",
        event=seal(an_event(), WATCH, personal_data=False),
        rule="everyone",
        sink="mail",
        to="anna@example.org",
        endpoint="mail:smtp.example.org",
        state="dead",
        reason="550 no such user",
        attempts=(Attempt(at=1_795_258_800_000, outcome="dead", status="550", reason="refused", detail="no", ms=12),),
        created_at=1_795_258_800_000,
        finished_at=1_795_258_801_000,
    )
    letter = dead_letters.of_delivery(delivery, now=1_795_258_802_000)
    told = orjson.loads(letter)
    assert list(payload("dead_letter").iter_errors(told)) == []
    assert (told["reason"], told["detail"], told["at"]) == ("550 no such user", "no", "2026-11-21T11:00:01.000Z")
    assert told["event"]["data"] == orjson.loads(delivery.event.data)
    assert b"anna@" not in letter


def test_refused_input_is_as_it_says_and_tells_where_it_lies() -> None:
    letter = dead_letters.of_input(
        None, "bad_json", "x" * 900, 1_795_258_800_000, topic="notifier.watches", partition=3, offset=17
    )
    told = orjson.loads(letter)
    assert list(payload("dead_letter").iter_errors(told)) == []
    assert told["record"] == {"topic": "notifier.watches", "partition": 3, "offset": 17}
    assert len(told["detail"]) == dead_letters.MOST_DETAIL
