"""What may not change within `.v1` (INTERFACE, 'Event'): fields, types and phases may be added, nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """What a consumer that relies on `old` could no longer rely on; both as `notifier schema event` prints them."""
    found = []
    for name, schema in old["$defs"].items():
        if name not in new["$defs"]:
            found.append(f"{name} is gone")
        else:
            there = new["$defs"][name]
            found += [f"{name}: {problem}" for problem in _compare(schema, there, schema, there, "")]
    return found


def _compare(old: Schema, new: Schema, old_root: Schema, new_root: Schema, path: str) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    where = path or "the data"
    before, after = _kinds(old, old_root), _kinds(new, new_root)
    if more := after - before:
        yield f"{where} may now also be {', '.join(sorted(more))}"
    for name in ("pattern", "format", "const"):
        if name in old and old[name] != new.get(name):
            yield f"{where} had {name} {old[name]!r}, now {new.get(name)!r}"
    old, new = _value(old, old_root), _value(new, new_root)
    for name, schema in old.get("properties", {}).items():
        here = f"{path}.{name}".lstrip(".")
        if name not in new.get("properties", {}):
            yield f"{here} is gone"
            continue
        if name in old.get("required", ()) and name not in new.get("required", ()):
            yield f"{here} is no longer always there"
        yield from _compare(schema, new["properties"][name], old_root, new_root, here)
    for name in ("items", "additionalProperties"):
        if isinstance(old.get(name), Mapping) and isinstance(new.get(name), Mapping):
            yield from _compare(old[name], new[name], old_root, new_root, f"{path}[]")


def _resolved(schema: Schema, root: Schema) -> Schema:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _choices(schema: Schema, root: Schema) -> list[Schema]:
    schema = _resolved(schema, root)
    return [_resolved(choice, root) for choice in schema["anyOf"]] if "anyOf" in schema else [schema]


def _kinds(schema: Schema, root: Schema) -> set[str]:
    return {str(choice.get("type", "anything")) for choice in _choices(schema, root)}


def _value(schema: Schema, root: Schema) -> Schema:
    """The choice that is not null."""
    return next((choice for choice in _choices(schema, root) if choice.get("type") != "null"), {})
