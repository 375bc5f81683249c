"""/openapi.json: OpenAPI 3.1, made from the list of operations and the models of bodies and answers."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any, Literal, TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from notifier.api.models import ProblemDocument
from notifier.api.operations import OPERATIONS, Answer, Operation
from notifier.metrics import release

_REFERENCE = "#/components/schemas/{model}"
_GUARDED = (401, 403)
_IN_PATH = {
    "source": "The name of a source; it begins the order key.",
    "account": "The account, where it is not its source's own.",
    "id": "An id, percent-encoded.",
    "name": "A file name, as `dataschema` of an event names it.",
}

_Mode = Literal["validation", "serialization"]
_References: TypeAlias = Mapping[Any, Any]  # (model, mode) to its "$ref"


def document() -> dict[str, Any]:
    references, definitions = models_json_schema(list(_models()), ref_template=_REFERENCE, by_alias=True)
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _operation(operation, references)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Order-status notifier",
            "version": release(),
            "description": "Which orders are followed, what is known of them, and who was told.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _models() -> Iterator[tuple[type[BaseModel], _Mode]]:
    yield ProblemDocument, "serialization"
    for operation in OPERATIONS:
        if operation.body is not None:
            yield operation.body, "validation"
        for answer in operation.answers.values():
            if isinstance(answer, type):
                yield answer, "serialization"


def _operation(it: Operation, references: _References) -> dict[str, Any]:
    in_path = [
        {"name": name, "in": "path", "required": True, "description": _IN_PATH[name], "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", it.path)
    ]
    refusals = it.errors if it.public else (*_GUARDED, *it.errors)
    told: dict[str, Any] = {
        "operationId": it.name,
        "summary": it.summary,
        "parameters": [*in_path, *it.query, *it.headers],
        "responses": {
            **{str(status): _answer(status, answer, references) for status, answer in it.answers.items()},
            **{str(status): _refusal(status, references) for status in refusals},
        },
        "security": [] if it.public else [{"token": []}],
    }
    if it.body is not None:
        schema = references[it.body, "validation"]
        told["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return told


def _answer(status: int, answer: Answer, references: _References) -> dict[str, Any]:
    told: dict[str, Any] = {"description": HTTPStatus(status).phrase}
    if isinstance(answer, str):
        told["content"] = {answer: {"schema": {}}}
    elif answer is not None:
        told["content"] = {"application/json": {"schema": references[answer, "serialization"]}}
    return told


def _refusal(status: int, references: _References) -> dict[str, Any]:
    return {
        "description": HTTPStatus(status).phrase,
        "content": {"application/problem+json": {"schema": references[ProblemDocument, "serialization"]}},
    }
