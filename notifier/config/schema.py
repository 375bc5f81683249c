"""`config/schema.json`: the models' own JSON Schema, in the words of the file instead of those of the program."""

from collections.abc import Mapping
from typing import Any

from notifier.config.model import NAME_PATTERN, Config
from notifier.fields import DURATION_PATTERN

REFERENCE = r"\$\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\}"
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1))
_SHARED: Mapping[str, Any] = {
    "duration": {
        "description": "A number with ms, s, m, h or d, as in 90s.",
        "anyOf": [
            {"type": "string", "pattern": DURATION_PATTERN},
            {"enum": [0, "0"]},
            {"$ref": "#/$defs/reference"},
        ],
    },
    "reference": {
        "description": "Read from the environment: `${NAME}`, or `${NAME:-default}`.",
        "type": "string",
        "pattern": REFERENCE,
    },
}


def config_schema() -> dict[str, Any]:
    """JSON Schema 2020-12 of the configuration file."""
    schema = Config.model_json_schema(mode="validation")
    definitions = {name: _place(place) for name, place in schema.pop("$defs").items()} | dict(_SHARED)
    whole: dict[str, Any] = _place(schema)
    for section in ("sources", "sinks"):
        whole["properties"][section]["propertyNames"] = {"pattern": f"^{NAME_PATTERN}$"}
    whole["properties"] = {name: _or_empty(place) for name, place in whole["properties"].items()}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of the order notifier",
        **whole,
        "$defs": dict(sorted(definitions.items())),
    }


def _or_empty(place: dict[str, Any]) -> dict[str, Any]:
    """A section with nothing below it counts as left out."""
    about: dict[str, Any] = {key: place[key] for key in ("default", "description") if key in place}
    bare = {key: value for key, value in place.items() if key not in about}
    choices = bare["anyOf"] if bare.keys() == {"anyOf"} else [bare]
    return {"anyOf": [*(choice for choice in choices if choice != {"type": "null"}), {"type": "null"}], **about}


def _place(place: Any) -> Any:
    """Below every place: defaults as they are written, references where a value is wanted, no titles."""
    if isinstance(place, list):
        return [_place(below) for below in place]
    if not isinstance(place, Mapping):
        return place
    about = {"description": place["description"]} if "description" in place else {}
    if (default := _default(place)) is not None:
        about["default"] = default
    if _is_duration(place):
        return {"$ref": "#/$defs/duration", **about}
    built: dict[str, Any] = {}
    for key, value in place.items():
        if key == "properties":
            built[key] = {name: _place(below) for name, below in value.items()}
        elif key in ("enum", "const", "required"):
            built[key] = value
        elif key not in ("title", "default", "description", "discriminator"):
            built[key] = _place(value)
    if "anyOf" in built:
        built["anyOf"] = _choices(built["anyOf"])
    elif _is_narrow(built):
        built = {"anyOf": [built, {"$ref": "#/$defs/reference"}]}
    return built | about


def _is_narrow(place: Mapping[str, Any]) -> bool:
    """A value that is no free text may stand in the environment just as well."""
    return place.get("type") in ("integer", "number", "boolean") or "enum" in place or "pattern" in place


def _choices(choices: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The alternatives of alternatives beside them; a free text among them makes references superfluous."""
    flat = [each for choice in choices for each in (choice["anyOf"] if choice.keys() == {"anyOf"} else [choice])]
    free = {"type": "string"} in flat
    distinct: list[dict[str, Any]] = []
    for choice in flat:
        if choice not in distinct and not (free and choice == {"$ref": "#/$defs/reference"}):
            distinct.append(choice)
    return distinct


def _is_duration(place: Mapping[str, Any]) -> bool:
    return any(choice.get("pattern") == DURATION_PATTERN for choice in place.get("anyOf", ()))


def _default(place: Mapping[str, Any]) -> Any:
    """What the reader of the file would write. Those of whole sections stand at their keys."""
    value = place.get("default")
    if isinstance(value, Mapping) or value in (None, []):
        return None
    if _is_duration(place):
        return _duration(value)
    if isinstance(value, list) and _is_duration(place.get("items", {})):
        return [_duration(each) for each in value]
    return value


def _duration(ms: int) -> str:
    """900000 -> '15m'."""
    unit, size = next((unit, size) for unit, size in _UNITS if ms % size == 0)
    return f"{ms // size}{unit}"
