"""What stands in the topics: read as it was written, newer formats refused, bad input told apart."""

from typing import Any

import msgspec
import orjson
import pytest
from cloudevents.core.bindings.kafka import KafkaMessage, from_binary
from cloudevents.core.formats.json import JSONFormat

from notifier import codec
from notifier.backends.kafka import inputs, records
from notifier.backends.kafka.inputs import BadRecord, Input, read_command, read_input
from notifier.backends.kafka.records import Outgoing
from notifier.backends.partition import shard_of
from notifier.errors import BackendError, Refused
from notifier.model import Command, Fact, Recipient
from tests.backends.kafka.bench import SHARDS, parse
from tests.backends.kafka.made import Made, read
from tests.contracts.records import KEYS, T, a_delivery, a_watch, an_event

KEY = KEYS[0]
WRONG = (shard_of(KEY, SHARDS) + 1) % SHARDS


def told(record: Made, known: Any = None) -> Input:
    return read_input(record, SHARDS, known, parse)


def body(**more: object) -> bytes:
    return orjson.dumps({"source": "trips", "ids": {"order_id": "00"}, **more})


# --- what we write ---------------------------------------------------------------------------------------------------


def test_an_event_is_a_cloudevent_in_binary_mode() -> None:
    event = an_event()
    written = records.event_record(event)
    assert written.key == KEY.encode()
    assert written.value == event.data, "the very bytes"
    assert dict(written.headers)["content-type"] == b"application/json"
    assert records.read_event(read(written)) == event


def test_another_programs_reading_of_an_event_is_the_same() -> None:
    """The CloudEvents SDK, as the oracle."""
    event = an_event()
    written = records.event_record(event)
    message = KafkaMessage(headers=dict(written.headers), key=written.key, value=written.value or b"")
    seen = from_binary(message, JSONFormat())
    assert seen.get_id() == event.id
    assert seen.get_source() == event.attributes["source"]
    assert seen.get_type() == event.attributes["type"]
    assert seen.get_subject() == KEY
    assert seen.get_extension("sequence") == event.attributes["sequence"]
    assert seen.get_data() == orjson.loads(event.data)


def test_the_number_of_a_commit() -> None:
    assert records.number_of(Made(headers=records.number_header(2**40 + 7))) == 2**40 + 7
    assert records.number_of(Made(headers=(("other", b"1"),))) == 0


def test_keys_of_a_shard() -> None:
    for key, kind in ((records.watch_key("trips/é:1"), "w"), (records.state_key("trips/é:1"), "o")):
        assert records.split_key(key) == (kind, "trips/é:1")
    assert records.split_key(records.CURSORS_KEY) == ("c", "")


def test_watches_and_cursors_are_kept() -> None:
    kept = records.Kept(offset=7, removed_at=T, watch=codec.pack_watch(a_watch()))
    assert records.unpack_kept(records.pack_kept(kept)) == kept
    cursors = records.Cursors(n=9, watches=3, told=(5,), commands=4, done=(6, 8), gone=1)
    assert records.unpack_cursors(records.pack_cursors(cursors)) == cursors


@pytest.mark.parametrize("unpack", [records.unpack_kept, records.unpack_cursors])
def test_a_newer_format_is_refused_and_damage_told_without_its_bytes(unpack: Any) -> None:
    newer = {"format": 2, "offset": 1, "watch": b"", "n": 1, "watches": 0, "commands": 0, "done": []}
    with pytest.raises(Refused, match="newer release"):
        unpack(msgspec.msgpack.encode(newer))
    with pytest.raises(BackendError) as caught:
        unpack(b"personal")
    assert "personal" not in str(caught.value)
    assert not isinstance(caught.value, Refused)


def test_what_is_personal_goes_with_the_delivery() -> None:
    sent = a_delivery(state="delivered", facts=b"her name", finished_at=T)
    assert codec.unpack_delivery(records.pack_delivery(sent)).facts is None
    dead = a_delivery(state="dead", facts=b"her name", finished_at=T)
    assert codec.unpack_delivery(records.pack_delivery(dead)) == dead, "an operator may want it sent again"


def test_facts() -> None:
    fact = Fact(subject="credential:trips", held_until=T + 5, at=T)
    assert records.read_fact(read(records.fact_record(fact))) == fact
    assert records.read_fact(Made(value=b"not JSON")) is None


# --- watches ---------------------------------------------------------------------------------------------------------


def test_a_watch_of_ours_is_read_as_it_was_acknowledged_whatever_the_configuration_says_now() -> None:
    watch = a_watch(ids={"order_id": "00", "client_id": "of an older configuration"})
    said = told(read(inputs.watch_record(watch, T + 3)))
    assert said == Input(KEY, watch, T + 3)


def test_its_body_is_what_post_takes() -> None:
    watch = a_watch(recipients=(Recipient(email="a@example.org", locale="ru"),))
    value = orjson.loads(inputs.watch_record(watch, T).value or b"")
    assert parse(value, T) == watch


def test_a_body_that_was_changed_since_is_read_anew() -> None:
    written = inputs.watch_record(a_watch(), T)._replace(value=body(labels={"team": "other"}))
    watch = told(read(written)).watch
    assert watch is not None
    assert watch.labels == {"team": "other"}


def test_a_watch_of_another_service() -> None:
    watch = told(read(Outgoing(KEY.encode(), body(labels={"team": "ops"})))).watch
    assert watch is not None
    assert (watch.key, watch.ids, watch.created_at) == (KEY, {"order_id": "00", "client_id": "a2d"}, T)


def test_a_known_order_goes_on_with_its_account_and_its_life() -> None:
    known = a_watch(at=T - 50, ids={"order_id": "00", "client_id": "kept"})
    watch = told(read(Outgoing(KEY.encode(), body(labels={"team": "new"}))), known).watch
    assert watch is not None
    assert (watch.ids, watch.created_at, watch.updated_at) == (known.ids, T - 50, T)
    assert (watch.labels, watch.recipients) == ({"team": "new"}, ())


@pytest.mark.parametrize(
    "value",
    [None, b"", b"1", b"2026-11-30T10:00:00Z", b"\xff" * 8, b"20261130", bytes(9), (1 << 42).to_bytes(8, "big")],
)
@pytest.mark.parametrize("name", ["at", "watch", "n"])
def test_headers_that_another_service_has_for_itself_mean_nothing(name: str, value: bytes | None) -> None:
    put, removal = (
        read(Outgoing(KEY.encode(), each, ((name, value),)))  # type: ignore[arg-type]  # clients may write null
        for each in (body(), None)
    )
    watch = told(put).watch
    assert watch is not None
    assert (watch.created_at, watch.ids["order_id"]) == (T, "00")
    assert told(removal) == Input(KEY, None, T)


@pytest.mark.parametrize("value", [None, b"", b"yes", bytes(9)])
def test_a_removal_of_another_service_is_none_of_our_retirements(value: bytes | None) -> None:
    record = read(Outgoing(KEY.encode(), None, (("retires", value),)))  # type: ignore[arg-type]
    assert told(record) == Input(KEY, None, T)


def test_a_removal_and_a_retirement() -> None:
    assert told(read(inputs.removal_record(KEY, T + 9))) == Input(KEY, None, T + 9)
    assert told(read(Outgoing(KEY.encode(), None))) == Input(KEY, None, T)
    assert told(read(inputs.retirement_record(KEY, 41))).retires == 41
    assert told(read(inputs.retirement_record(KEY, -1))).retires == -1


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (read(Outgoing(KEY.encode(), body()), partition=WRONG), "wrong_partition"),
        (read(Outgoing(KEY.encode(), None), partition=WRONG), "wrong_partition"),
        (Made(key=b"\xff\xfe", value=body()), "bad_key"),
        (Made(key=b"", value=body()), "bad_key"),
        (Made(key=None, value=body()), "bad_key"),
        (read(Outgoing(KEY.encode(), b"{")), "bad_json"),
        (read(Outgoing(KEY.encode(), b"[]")), "bad_json"),
        (read(Outgoing(KEY.encode(), b"")), "bad_json"),
        (read(Outgoing(KEY.encode(), body(labels={"a": "x" * 300_000}))), "too_large"),
        (read(Outgoing(KEY.encode(), b'{"source": "trips"}')), "invalid"),
        (read(Outgoing(b"trips/other", body())), "key_mismatch"),
    ],
)  # fmt: skip
def test_bad_records_are_told_apart_without_their_content(record: Made, reason: str) -> None:
    with pytest.raises(BadRecord) as caught:
        told(record)
    assert caught.value.reason == reason
    assert "xxxx" not in str(caught.value)


def test_key_and_body_need_not_agree_once_the_order_is_known() -> None:
    record = read(Outgoing(b"trips/other", body()))
    known = a_watch("trips/other")
    watch = told(record, known).watch
    assert watch is not None
    assert watch.key == "trips/other"


def test_exactly_256_kib_are_read() -> None:
    short = body(labels={"a": ""})
    whole = body(labels={"a": "x" * (inputs.MOST_BYTES - len(short))})
    assert len(whole) == inputs.MOST_BYTES
    assert told(read(Outgoing(KEY.encode(), whole))).watch is not None


# --- commands --------------------------------------------------------------------------------------------------------


def test_a_retry() -> None:
    command = Command(kind="retry", key=KEY, delivery="d-1", at=T)
    assert read_command(read(inputs.command_record(command), 7), SHARDS) == msgspec.structs.replace(command, number=7)


@pytest.mark.parametrize("value", [None, b"", b"{}", b'{"kind": "dance", "delivery": "x", "at": 1}'])
def test_other_commands_are_bad(value: bytes | None) -> None:
    with pytest.raises(BadRecord, match="bad_command"):
        read_command(read(Outgoing(KEY.encode(), value)), SHARDS)


def test_a_newer_command_is_refused() -> None:
    with pytest.raises(Refused):
        read_command(read(Outgoing(KEY.encode(), b'{"format": 2, "kind": "x", "delivery": "d", "at": 1}')), SHARDS)
