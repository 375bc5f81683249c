"""The helpers by themselves: what each takes, what is absence, and what is refused in which words."""

import json
from datetime import UTC
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as some

from notifier.errors import LookFailed
from notifier.sources import reading


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (reading.as_text, "x", "x"),
        (reading.as_text, 7, "7"),
        (reading.as_text, "", None),
        (reading.as_text, None, None),
        (reading.as_number, "55.75", 55.75),
        (reading.as_number, 540, 540.0),
        (reading.as_number, "", None),
        (reading.as_number, None, None),
        (reading.as_flag, False, False),
        (reading.as_flag, None, None),
        (reading.as_list, None, ()),
        (reading.as_objects, [{}, None], [{}]),
        (reading.as_object, None, None),
        (reading.as_pair, [], (None, None)),
        (reading.as_pair, None, (None, None)),
    ],
)
def test_read(read: Any, value: object, found: object) -> None:
    assert read(value, "here") == found


@pytest.mark.parametrize(
    ("read", "value", "said"),
    [
        (reading.as_text, 1.5, "here: a number where a text belongs"),
        (reading.as_text, True, "here: true or false where a text belongs"),
        (reading.as_text, [], "here: a list where a text belongs"),
        (reading.as_status, None, "here: null where a text belongs"),
        (reading.as_status, 5, "here: a number where a text belongs"),
        (reading.as_status, " ", "here: an empty text where a status belongs"),
        (reading.as_status, "x" * 201, "here: a text too long for a status"),
        (reading.as_number, True, "here: true or false where a number belongs"),
        (reading.as_number, "a lot", "here: a text where a number belongs"),
        (reading.as_number, "1_000", "here: a text where a number belongs"),
        (reading.as_number, "١", "here: a text where a number belongs"),
        (reading.as_number, "NaN", "here: a number out of range"),
        (reading.as_number, "1e999", "here: a number out of range"),
        (reading.as_flag, "true", "here: a text where true or false belongs"),
        (reading.as_flag, 1, "here: a number where true or false belongs"),
        (reading.as_object, [], "here: a list where an object belongs"),
        (reading.as_list, {}, "here: an object where a list belongs"),
        (reading.as_objects, [{}, "x"], r"here\[1\]: a text where an object belongs"),
        (reading.as_pair, [1], "here: not a pair of coordinates"),
        (reading.as_pair, [1, 2, 3], "here: not a pair of coordinates"),
    ],
)
def test_refused(read: Any, value: object, said: str) -> None:
    with pytest.raises(LookFailed, match=f"unreadable: {said}"):
        read(value, "here")


@pytest.mark.parametrize("value", ["soon", "2019-13-01", True, [], 1e300])
def test_a_time_that_is_none(value: object) -> None:
    with pytest.raises(LookFailed, match="unreadable: here: n"):
        reading.as_instant(value, UTC, "here")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "body: empty"),
        (b"  <!DOCTYPE html><html>", "body: HTML or XML instead of JSON"),
        (b'{"a": 1', "body: not JSON, from character 7 on"),
        (b'{"a": 1, "a": 2}', "body: a name occurs twice in an object"),
        (b'{"a": 1, "\\u0061": 2}', "body: a name occurs twice in an object"),
        (b'[{"a": {"b": 1, "b": 1}}]', "body: a name occurs twice in an object"),
        (b"[" * 990 + b"]" * 990, "body: nested too deeply"),
        (b'{"a": 1e999}', "body: not JSON"),
        (b'{"a": Infinity}', "body: not JSON"),
    ],
)
def test_a_body_that_is_none(body: bytes, said: str) -> None:
    with pytest.raises(LookFailed, match=f"unreadable: {said}"):
        reading.decode(body)


class Pairs(list[tuple[str, Any]]):
    """An object with its names as they were written, equal ones too."""


NAMES = some.sampled_from(["a", "b", "c", '"', "\\", "ж", ""])
VALUES = some.recursive(
    NAMES | some.integers(-9, 9) | some.none(),
    lambda inner: some.lists(inner, max_size=3) | some.lists(some.tuples(NAMES, inner), max_size=4).map(Pairs),
    max_leaves=12,
)


def written(value: object, ascii: bool) -> str:
    if isinstance(value, Pairs):
        pairs = (f"{json.dumps(name, ensure_ascii=ascii)}: {written(inner, ascii)}" for name, inner in value)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, list):
        return f"[{','.join(written(inner, ascii) for inner in value)}]"
    return json.dumps(value, ensure_ascii=ascii)


def repeats(value: object) -> bool:
    if isinstance(value, Pairs):
        return len({name for name, _ in value}) < len(value) or any(repeats(inner) for _, inner in value)
    return isinstance(value, list) and any(repeats(inner) for inner in value)


@given(VALUES, some.booleans())
def test_a_name_that_occurs_twice_is_found_wherever_it_is_and_nowhere_else(value: object, ascii: bool) -> None:
    body = written(value, ascii).encode()
    if not repeats(value):
        assert reading.decode(body) == json.loads(body)
        return
    with pytest.raises(LookFailed, match="a name occurs twice"):
        reading.decode(body)
