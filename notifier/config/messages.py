"""What pydantic found, as problems with paths in the file and words that say what to do. No value of a secret."""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from notifier.config.keys import known_keys
from notifier.config.text import Where

_PLAIN = {
    "string_type": "must be a text: put it in quotes",
    "string_unicode": "holds half a surrogate pair: remove it",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "dict_type": "must be a mapping, as in {key: value}",
    "mapping_type": "must be a mapping, as in {key: value}",
    "model_type": "must be a mapping, as in {key: value}",
    "model_attributes_type": "must be a mapping, as in {key: value}",
    "list_type": "must be a list, as in [a, b]",
    "tuple_type": "must be a list, as in [a, b]",
    "none_required": "must be left out",
}


def unknown(what: str, name: str, known: Iterable[str]) -> str:
    """`unknown source 'trip': did you mean trips?`, or the list of those known."""
    names = sorted(known)
    said = f"unknown {what} {name[:80]!r}"
    if close := difflib.get_close_matches(name, names, 1, 0.6):
        return f"{said}: did you mean {close[0]}?"
    if not names:
        return f"{said}: there is none"
    return f"{said}: known are {', '.join(names)}"


def found(error: ValidationError, values: object, model: object) -> list[tuple[Where, str]]:
    """One message for each place that is wrong, `model` being what `values` were validated against."""
    places: dict[Where, str] = {}
    for detail in error.errors(include_url=False):
        where = place(detail, values, model)
        if where not in places and not _follows(detail):
            places[where] = _message(detail, model)
    return list(places.items())


def _follows(detail: ErrorDetails) -> bool:
    """A list that is too short only because its entries were wrong, which is told of each."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail["ctx"]["min_length"]


def place(detail: ErrorDetails, values: object, model: object) -> Where:
    """The error's path in the file: pydantic's own steps (a union's tag, a validator's name) are left out.

    A last step that the file does not have is a key that is missing.
    """
    where: list[str | int] = []
    here: Any = values
    for number, step in enumerate(detail["loc"]):
        last = number == len(detail["loc"]) - 1
        if _leads(here, step):
            here = here[step]
        elif not (last and (detail["type"] == "missing" or step in known_keys(model, detail["loc"][:-1]))):
            continue
        where.append(step)
    if detail["type"] in ("union_tag_not_found", "union_tag_invalid"):
        where.append(_discriminator(detail))
    return tuple(where)


def _leads(here: object, step: str | int) -> bool:
    if isinstance(here, Mapping):
        return step in here
    return isinstance(here, Sequence) and not isinstance(here, str) and isinstance(step, int) and step < len(here)


def _message(detail: ErrorDetails, model: object) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _PLAIN:
        return _PLAIN[kind]
    if kind in _TOLD:
        return _TOLD[kind](context, detail)
    if kind == "extra_forbidden":
        name = str(detail["loc"][-1])
        return unknown("key", name, known_keys(model, detail["loc"][:-1]))
    return _generic(detail["msg"])


def _generic(message: str) -> str:
    """pydantic's own words, brought into the tone of the others."""
    message = re.sub(r"^(Value error|Assertion failed), ", "", message)
    return message.replace("Input should be", "must be").replace("Input should", "must")


def _choice(context: Mapping[str, Any], detail: ErrorDetails) -> str:
    """An enum or literal: its values are listed; the value that was given is named if it is a word."""
    known = re.findall(r"'([^']*)'|\b(True|False|\d+)\b", str(context.get("expected", "")))
    names = [word or other for word, other in known]
    given = detail["input"]
    if isinstance(given, str) and re.fullmatch(r"[\w.-]{1,40}", given):
        return unknown("value", given, names)
    return f"must be one of {', '.join(names)}"


def _discriminator(detail: ErrorDetails) -> str:
    """The key that decides what the others are: `type`, or `gateway` of an SMS sink."""
    return str(detail.get("ctx", {}).get("discriminator", "type")).strip("'")


def _tag(context: Mapping[str, Any], detail: ErrorDetails) -> str:
    known = re.findall(r"'([^']*)'", str(context.get("expected_tags", "")))
    return unknown(_discriminator(detail), str(context.get("tag", "")), known)


def _length(bound: str, word: str) -> Callable[[Mapping[str, Any], ErrorDetails], str]:
    def told(context: Mapping[str, Any], detail: ErrorDetails) -> str:
        what = "characters" if "string" in detail["type"] else "entries"
        limit = context[bound]
        if limit == 1 and word == "least":
            return "must not be empty"
        return f"must have at {word} {limit} {what}"

    return told


_TOLD: Mapping[str, Callable[[Mapping[str, Any], ErrorDetails], str]] = {
    "missing": lambda *_: "is missing",
    "union_tag_not_found": lambda *_: "is missing",
    "union_tag_invalid": _tag,
    "enum": _choice,
    "literal_error": _choice,
    "too_short": _length("min_length", "least"),
    "string_too_short": _length("min_length", "least"),
    "too_long": _length("max_length", "most"),
    "string_too_long": _length("max_length", "most"),
}
