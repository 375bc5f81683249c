"""The keys that a place of the configuration knows: for 'did you mean'. Read from the models' own JSON Schema."""

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, TypeAdapter


def known_keys(model: object, steps: Sequence[str | int]) -> set[str]:
    """The keys of the mapping at these steps (pydantic's `loc`, a union's tag included); none where any key may be."""
    schema = _schema(model)
    here = [schema]
    for step in steps:
        # A step that is none of the file's (a validator's name) leads nowhere: it stays here.
        here = [below for above in here for below in _below(schema, above, step)] or here
    return {key for place in here for whole in _choices(schema, place) for key in whole.get("properties", {})}


@lru_cache(maxsize=16)
def _schema(model: object) -> Mapping[str, Any]:
    if isinstance(model, TypeAdapter):
        return model.json_schema()
    assert isinstance(model, type)
    assert issubclass(model, BaseModel)
    return model.model_json_schema()


def _choices(schema: Mapping[str, Any], place: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The place itself, and everything it may be instead."""
    while (reference := place.get("$ref")) is not None:
        place = schema["$defs"][reference.rsplit("/", 1)[1]]
    yield place
    if "discriminator" not in place:  # where a type decides, `_below` goes by it
        for choice in (*place.get("anyOf", ()), *place.get("oneOf", ())):
            yield from _choices(schema, choice)


def _below(schema: Mapping[str, Any], place: Mapping[str, Any], step: str | int) -> Iterator[Mapping[str, Any]]:
    for choice in _choices(schema, place):
        tags = choice.get("discriminator", {}).get("mapping", {})
        if step in tags:
            inner = tags[step]  # a reference, or a union again: `gateway` below `type: sms`
            yield {"$ref": inner} if isinstance(inner, str) else inner
        elif step in choice.get("properties", {}):
            yield choice["properties"][step]
        elif isinstance(step, int) and isinstance(choice.get("items"), Mapping):
            yield choice["items"]
        elif isinstance(step, str) and isinstance(choice.get("additionalProperties"), Mapping):
            yield choice["additionalProperties"]
