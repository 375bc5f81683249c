"""What every source keeps, whatever its API. Subclass it, and set `adapter`."""

import copy
import json
import math
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from notifier.errors import LookFailed, Reason
from notifier.instants import to_text
from notifier.model import Phase, Place, Snapshot
from notifier.net.fetch import Response
from notifier.sources import REGISTRY, Source, SourceSettings
from notifier.sources.ids import check_ids, resolve

MARKER = "Хранимое-в-тайне +79120995513"
HOSTILE = (
    "a b", "a?b=c&d", "a#b", "100%", "%2F%2e", "..%2f", "...", "a+b", "ключ", "😀", "a;b", "a&order_id=2", "{order_id}",
    "'\"<>", "~", "@:!$*,=", "x" * 128,
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Adapter:
    """One source under test: its configuration, ids that it wants, and answers that it reads."""

    keys: Mapping[str, Any]
    ids: Mapping[str, object]
    bodies: tuple[bytes, ...]
    status: tuple[str, ...] = ("status",)  # where the status stands in an answer
    refusals: tuple[bytes, ...] = field(default=())

    def settings(self, **other: Any) -> SourceSettings:
        return REGISTRY[self.keys["type"]].settings(**{**self.keys, **other})

    def build(self, **other: Any) -> Source:
        return REGISTRY[self.keys["type"]].build(self.settings(**other))

    def resolved(self, **other: object) -> dict[str, str]:
        found = self.settings()
        return resolve(found, check_ids(found, {**self.ids, **other}))


JUNK: st.SearchStrategy[Any] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.sampled_from([10**30, -(10**30), 10**400, 2**63, 2**64, 0, -1]),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(
        ["", " ", MARKER, "NaN", "inf", "1e999", "9" * 400, "2019-13-45T99:99:99Z", "0001-01-01T00:00:00+14:00",
         "9999-12-31T23:59:59-14:00", "Mon Abc 99 2019 17:18:52 GMT+9999 (X)", "/", "2019-05-27/"]
    ),
    st.just([[[[[[]]]]]]),
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=8,
    ),
)  # fmt: skip


def paths(value: object, begin: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """Every place in a JSON value."""
    found = [begin] if begin else []
    if isinstance(value, dict):
        for name, item in value.items():
            found += paths(item, (*begin, name))
    elif isinstance(value, list):
        for number, item in enumerate(value):
            found += paths(item, (*begin, number))
    return found


def put(value: Any, path: tuple[str | int, ...], new: object) -> Any:
    """A copy with another value at a path."""
    value = copy.deepcopy(value)
    inner = value
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new
    return value


def places(snapshot: Snapshot) -> list[Place]:
    found = [snapshot.location, *snapshot.route, *(entry.place for entry in snapshot.entries)]
    return [place for place in found if place is not None]


def check_whole(snapshot: Snapshot) -> None:
    """What the rest of the program relies on."""
    assert snapshot.status.strip()
    assert msgspec.json.decode(msgspec.json.encode(snapshot), type=Snapshot) == snapshot
    for place in places(snapshot):
        assert (place.lat is None) == (place.lon is None)
        assert place.lat is None or (abs(place.lat) <= 90 and abs(place.lon or 0) <= 180)
    schedule = snapshot.schedule
    times = [snapshot.updated_at, snapshot.finished_at, *(entry.at for entry in snapshot.entries)]
    times += [schedule.start, schedule.end] if schedule else []
    assert all(to_text(at) for at in times if at is not None)
    amounts = [snapshot.cost.amount, snapshot.cost.with_vat] if snapshot.cost else []
    assert all(math.isfinite(amount) for amount in amounts if amount is not None)
    identities = [entry.identity for entry in snapshot.entries]
    assert len(set(identities)) == len(identities)
    assert [entry.at for entry in snapshot.entries] == sorted(entry.at for entry in snapshot.entries)


def look(source: Source, body: bytes) -> Snapshot | None:
    """A whole snapshot, or None for an answer that is refused as unreadable; any other error is let through."""
    try:
        snapshot = source.read(body)
    except LookFailed as error:
        failed = error
    else:
        check_whole(snapshot)
        return snapshot
    assert failed.reason is Reason.UNREADABLE
    assert 0 < len(failed.detail) < 200
    assert MARKER not in str(failed)
    return None


class SourceContract:
    adapter: ClassVar[Adapter]

    def test_a_request_is_whole_and_without_authorization(self) -> None:
        request = self.adapter.build().request(self.adapter.resolved())
        assert request.method == "GET"
        assert request.body is None
        assert request.url.isascii()
        assert request.url.startswith("https://")
        assert "Accept" in dict(request.headers)
        assert "authorization" not in {name.lower() for name, _ in request.headers}
        assert request == self.adapter.build().request(self.adapter.resolved())

    @pytest.mark.parametrize("hostile", HOSTILE)
    def test_an_id_travels_as_one_segment_or_one_value(self, hostile: str) -> None:
        source = self.adapter.build()
        for name in self.adapter.settings().id_names():
            plain = source.request(self.adapter.resolved(**{name: "plain"}))
            request = source.request(self.adapter.resolved(**{name: hostile}))
            assert request.url.isascii()
            shape, sent = urlsplit(plain.url), urlsplit(request.url)
            assert (sent.scheme, sent.netloc, sent.fragment) == (shape.scheme, shape.netloc, "")
            segments = [hostile if word == "plain" else word for word in shape.path.split("/")]
            assert [unquote(segment) for segment in sent.path.split("/")] == segments
            values = [hostile if value == "plain" else value for _, value in parse_qsl(shape.query)]
            assert [value for _, value in parse_qsl(sent.query, keep_blank_values=True)] == values
            assert all(text.isascii() and text.isprintable() for header in request.headers for text in header)

    def test_good_answers_are_read_whole_and_always_alike(self) -> None:
        source = self.adapter.build()
        for body in self.adapter.bodies:
            snapshot = look(source, body)
            assert snapshot is not None
            assert self.adapter.build().read(body) == snapshot

    @pytest.mark.parametrize("bad", [None, "", "  ", [], {}, True, 1.5, ["driving"]])
    def test_without_a_status_there_is_no_snapshot(self, bad: object) -> None:
        for body in self.adapter.bodies:
            assert (
                look(self.adapter.build(), json.dumps(put(json.loads(body), self.adapter.status, bad)).encode()) is None
            )

    def test_an_order_of_its_status_alone_is_read(self) -> None:
        value: Any = "a status that nobody documented"
        for name in reversed(self.adapter.status):
            value = {name: value}
        snapshot = self.adapter.build().read(json.dumps(value).encode())
        assert snapshot == Snapshot(status="a status that nobody documented")

    def test_a_truncated_answer_is_unreadable(self) -> None:
        source = self.adapter.build()
        body = self.adapter.bodies[0].strip()
        for length in range(len(body)):
            assert look(source, body[:length]) is None

    @pytest.mark.parametrize(
        "body",
        [
            b"", b" ", b"null", b"[]", b"7", b"true", b'"text"', b"<html><body>502 Bad Gateway</body></html>", b"NaN",
            b"\xff\xfe{}", b'{"status": "\xff"}', b'{"status": "\\ud800"}', b'{"status": NaN}', b"[" * 100_000,
            b'{"a": ' * 900 + b"1" + b"}" * 900, '{"status": "нет"}'.encode("utf-16"),
        ],
    )  # fmt: skip
    def test_what_is_no_json_object_of_ours_is_unreadable(self, body: bytes) -> None:
        assert look(self.adapter.build(), body) is None

    def test_a_name_that_occurs_twice_is_unreadable(self) -> None:
        body = self.adapter.bodies[0].strip()
        assert look(self.adapter.build(), body[:-1] + b', "x": 1}') is not None
        assert look(self.adapter.build(), body[:-1] + b', "x": 1, "x": 2}') is None

    def test_a_byte_order_mark_is_read_over(self) -> None:
        source = self.adapter.build()
        assert source.read(b"\xef\xbb\xbf" + self.adapter.bodies[0]) == source.read(self.adapter.bodies[0])

    def test_a_wrong_value_anywhere_is_read_or_refused(self) -> None:
        source = self.adapter.build()

        @settings(max_examples=150, deadline=None)
        @given(data=st.data())
        def tried(data: st.DataObject) -> None:
            value = json.loads(data.draw(st.sampled_from(self.adapter.bodies)))
            for _ in range(data.draw(st.integers(1, 3))):
                value = put(value, data.draw(st.sampled_from(paths(value))), data.draw(JUNK))
            look(source, json.dumps(value).encode())

        tried()

    def test_damaged_bytes_are_read_or_refused(self) -> None:
        source = self.adapter.build()

        @settings(max_examples=100, deadline=None)
        @given(st.sampled_from(self.adapter.bodies), st.integers(0, 2_000), st.binary(max_size=6), st.integers(0, 6))
        def tried(body: bytes, at: int, new: bytes, gone: int) -> None:
            look(source, body[:at] + new + body[at + gone :])

        tried()

    def test_the_salt_tells_settings_apart_and_outlives_a_restart(self) -> None:
        salt = self.adapter.build().salt
        assert 0 < len(salt) <= 64  # blake2b's key
        assert salt == self.adapter.build().salt
        assert salt != self.adapter.build(timezone="Asia/Tokyo").salt
        others = {
            build.salt for build in (self.adapter.build(timeout="9s"), self.adapter.build(poll={"default": "9s"}))
        }
        assert others == {salt}

    def test_the_lifecycle_is_a_table_of_phases(self) -> None:
        lifecycle = self.adapter.build().lifecycle
        assert {phase for phase in lifecycle.statuses.values() if phase} & {Phase.COMPLETED, Phase.CANCELLED}
        assert Phase.UNKNOWN not in lifecycle.statuses.values()
        if lifecycle.steps is not None:
            assert set(lifecycle.steps) == set(lifecycle.statuses)
            assert set().union(*lifecycle.steps.values()) <= set(lifecycle.statuses)

    def test_a_refusal_is_one_short_line(self) -> None:
        source = self.adapter.build()

        @settings(max_examples=60, deadline=None)
        @given(
            JUNK.map(lambda value: json.dumps({"message": value, "errors": [value]}).encode()) | st.binary(max_size=60)
        )
        def tried(body: bytes) -> None:
            detail = source.refusal(Response(403, {}, body))
            assert len(detail) <= 200
            assert not any(unicodedata.category(character) == "Cc" for character in detail)

        tried()
        for refusal in self.adapter.refusals:
            assert 0 < len(source.refusal(Response(400, {}, refusal))) <= 200

    def test_a_refusal_holds_no_phone_address_or_secret(self) -> None:
        said = "Call +7 (912) 099-55-13 or write to ann@example.org: Bearer AQAAAADnT0k3n, token=hush, 79120995513"
        for body in (
            said.encode(),
            json.dumps({"message": said}).encode(),
            json.dumps([{"description": said}]).encode(),
        ):
            detail = self.adapter.build().refusal(Response(401, {}, body))
            assert detail.startswith("Call … or write to")
            assert not any(secret in detail for secret in ("912", "99-55", "ann@", "AQAAAADn", "hush"))

    def test_secrets_stay_out_of_texts(self) -> None:
        found = self.adapter.settings(token="t0p-secret")
        assert "t0p-secret" not in f"{found} {found!r}"
        assert found.secret is not None
        assert found.secret.get() == "t0p-secret"
