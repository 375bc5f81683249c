"""Typed reading of a JSON answer: a value of the right type, None where it is absent, else LookFailed(unreadable).

`where` is the path of the value (`performer.phone`); it and the found type are all that an error tells, since the
values may be personal. Null is absence everywhere. Where the documents themselves vary, both forms are taken: a number
written as text, an id written as a number.
"""

import json
import math
from collections.abc import Mapping, Sequence
from datetime import tzinfo
from typing import Any, NoReturn, TypeAlias

import orjson

from notifier.errors import LookFailed, Reason
from notifier.model import Instant, Place
from notifier.sources import times

Object: TypeAlias = Mapping[str, Any]
LONGEST_STATUS = 200  # what is remembered of an order stays small, whatever its API says
_BOM = b"\xef\xbb\xbf"
_NAMES: Mapping[type, str] = {
    dict: "an object",
    list: "a list",
    str: "a text",
    int: "a number",
    float: "a number",
    bool: "true or false",
    type(None): "null",
}


def unreadable(where: str, what: str) -> NoReturn:
    raise LookFailed(Reason.UNREADABLE, f"{where}: {what}")


def wrong_type(where: str, wanted: str, found: object) -> NoReturn:
    unreadable(where, f"{_NAMES.get(type(found), 'a value')} where {wanted} belongs")


def decode(body: bytes) -> Any:
    """The JSON value of a body. Refused is all that two readers could take for two values: NaN and Infinity, numbers
    out of range, broken UTF-8, half surrogate pairs, names that occur twice in an object."""
    body = body.removeprefix(_BOM)
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not body.strip():
            unreadable("body", "empty")
        if body.lstrip().startswith(b"<"):
            unreadable("body", "HTML or XML instead of JSON")
        unreadable("body", f"not JSON, from character {error.pos} on")
    if _plain(body, value):
        return value
    try:
        _UNIQUE.decode(body.decode())  # a second way through, since orjson keeps the last of equal names
    except _Repeated:
        unreadable("body", "a name occurs twice in an object")
    except (RecursionError, ValueError):
        unreadable("body", "nested too deeply, or not JSON in the strict sense")
    return value


def _plain(body: bytes, value: Any) -> bool:
    """Surely no name twice, in a sixth of the time of a second way through.

    Without escapes each text is two quotation marks, and the first of two equal names would be missing.
    """
    try:
        return b"\\" not in body and body.count(b'"') == orjson.dumps(value).count(b'"')
    except orjson.JSONEncodeError:  # nested deeper than it writes
        return False


def decode_object(body: bytes) -> Object:
    value = decode(body)
    if type(value) is not dict:
        wrong_type("body", "an object", value)
    return value


class _Repeated(ValueError):
    """A name occurs twice."""


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = dict(pairs)
    if len(names) != len(pairs):
        raise _Repeated
    return names


_UNIQUE = json.JSONDecoder(object_pairs_hook=_unique)


def as_object(value: object, where: str) -> Object | None:
    if value is None:
        return None
    if type(value) is not dict:
        wrong_type(where, "an object", value)
    return value


def as_list(value: object, where: str) -> Sequence[Any]:
    """Empty when absent."""
    if value is None:
        return ()
    if type(value) is not list:
        wrong_type(where, "a list", value)
    return value


def as_objects(value: object, where: str) -> list[Object]:
    """A list of objects; nulls in it are left out."""
    found: list[Object] = []
    for number, item in enumerate(as_list(value, where)):
        if item is not None:
            if type(item) is not dict:
                wrong_type(f"{where}[{number}]", "an object", item)
            found.append(item)
    return found


def as_text(value: object, where: str) -> str | None:
    """A text, or an integer in decimal; an empty text tells nothing: None."""
    if type(value) is str:
        return value or None
    if value is None:
        return None
    if type(value) is not int:
        wrong_type(where, "a text", value)
    return str(value)


def as_status(value: object, where: str) -> str:
    """A text that says something: the one thing that an answer must tell."""
    if type(value) is not str:
        wrong_type(where, "a text", value)
    if not value.strip():
        unreadable(where, "an empty text where a status belongs")
    if len(value) > LONGEST_STATUS:
        unreadable(where, "a text too long for a status")
    return value


def as_number(value: object, where: str) -> float | None:
    """A finite number, also as text; an empty text tells nothing: None."""
    if value is None or value == "":
        return None
    if type(value) is str:
        try:
            number = (
                float(value) if value.isascii() and "_" not in value else None
            )  # float() takes more than JSON writes
        except ValueError:
            number = None
        if number is None:
            wrong_type(where, "a number", value)
    elif type(value) is int or type(value) is float:
        number = float(value)
    else:
        wrong_type(where, "a number", value)
    if not math.isfinite(number):
        unreadable(where, "a number out of range")
    return number


def as_flag(value: object, where: str) -> bool | None:
    if value is None:
        return None
    if type(value) is not bool:
        wrong_type(where, "true or false", value)
    return value


def as_instant(value: object, zone: tzinfo, where: str) -> Instant | None:
    """A time in any form that `times` knows; an empty text tells nothing: None."""
    if value is None or value == "":
        return None
    try:
        return times.parse(value, zone)
    except ValueError as error:
        unreadable(where, str(error))


def as_place(lat: object, lon: object, where: str, address: str | None = None) -> Place | None:
    """A point needs both its coordinates, on the globe; without them the address alone, or None."""
    north, east = as_number(lat, where), as_number(lon, where)
    if north is None or east is None or abs(north) > 90 or abs(east) > 180:
        return None if address is None else Place(address=address)
    return Place(lat=north, lon=east, address=address)


def as_pair(value: object, where: str) -> tuple[object, object]:
    """A list of two values, (None, None) when absent or empty."""
    pair = as_list(value, where)
    if not pair:
        return None, None
    if len(pair) != 2:
        unreadable(where, "not a pair of coordinates")
    return pair[0], pair[1]
