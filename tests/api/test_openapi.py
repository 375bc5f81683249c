"""The OpenAPI document is valid, whole, and tells what is really answered."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from notifier.api.openapi import document
from notifier.api.routes import PUBLIC, ROUTES
from tests.api.conftest import Client

ASKED = [
    ("/v1/watches", "/v1/watches"),
    ("/v1/watches/{source}/{id}", "/v1/watches/trips/885e"),
    ("/v1/orders", "/v1/orders"),
    ("/v1/orders/{source}/{id}", "/v1/orders/trips/885e"),
    ("/v1/orders/{source}/{id}/events", "/v1/orders/trips/885e/events"),
    ("/v1/orders/{source}/{id}/why", "/v1/orders/trips/885e/why"),
    ("/v1/deliveries", "/v1/deliveries"),
    ("/v1/deliveries/{id}", "/v1/deliveries/dead1"),
    ("/healthz", "/healthz"),
    ("/readyz", "/readyz"),
    ("/schemas/", "/schemas/"),
]


def test_it_is_valid() -> None:
    OpenAPIV31SpecValidator(document()).validate()


def test_it_names_every_route_and_no_other() -> None:
    paths = document()["paths"]
    told = {(method, path) for path, methods in paths.items() for method in methods}
    served = set()
    for route in ROUTES:
        assert hasattr(route, "path")
        path = route.path.replace("{id:(?!retry$)[^/]+}", "{id}")
        if path == "/schemas":
            continue  # the same as /schemas/
        if "{key:.+}" not in path:
            served.add((route.method.lower(), path))
            continue
        endings = ("", "/events", "/why") if path.startswith("/v1/orders") else ("",)
        for key in ("{source}/{id}", "{source}/{account}/{id}"):
            served |= {(route.method.lower(), path.replace("{key:.+}", key) + ending) for ending in endings}
    assert told == served


def test_it_says_where_a_token_is_needed() -> None:
    for path, methods in document()["paths"].items():
        for operation in methods.values():
            assert (operation["security"] == []) == (path in PUBLIC)
            assert ("401" in operation["responses"]) == (path not in PUBLIC)


def test_operations_have_their_own_names() -> None:
    names = [operation["operationId"] for methods in document()["paths"].values() for operation in methods.values()]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(("path", "asked"), ASKED)
async def test_answers_are_as_described(client: Client, path: str, asked: str) -> None:
    answer = await client.get(asked)
    schema = document()["paths"][path]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert _problems(answer.json, schema) == []
    assert _undescribed(answer.json, schema, document()) == []


@pytest.mark.parametrize("asked", ["/v1/orders?limit=0", "/v1/orders/none/1"])
async def test_refusals_are_as_described(client: Client, asked: str) -> None:
    answer = await client.get(asked)
    assert _problems(answer.json, {"$ref": "#/components/schemas/ProblemDocument"}) == []


async def test_it_is_served(client: Client) -> None:
    assert (await client.get("/openapi.json")).json == document()


def _problems(value: Any, schema: dict[str, Any]) -> list[Any]:
    return list(Draft202012Validator(schema | {"components": document()["components"]}).iter_errors(value))


def _undescribed(value: Any, schema: dict[str, Any], root: dict[str, Any]) -> list[str]:
    """Names in `value` that the schema does not know."""
    if "$ref" in schema:
        schema = root["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        schema = next(it for it in schema["anyOf"] if it.get("type") != "null")
        return [] if value is None else _undescribed(value, schema, root)
    if isinstance(value, list):
        return [name for item in value for name in _undescribed(item, schema["items"], root)]
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return []
    known = schema["properties"]
    below = [name for key, item in value.items() if key in known for name in _undescribed(item, known[key], root)]
    return [key for key in value if key not in known] + below
