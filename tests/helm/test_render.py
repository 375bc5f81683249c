"""Lint, and every example and switch against the schemas of Kubernetes and of the custom resources."""

import json
from functools import cache
from pathlib import Path
from typing import Any

import helm_python
import jsonschema
import kubernetes_validate
import pytest

from tests.helm import chart
from tests.helm.chart import Object, Values

SCHEMAS = Path(__file__).with_name("schemas")
VERSIONS = ("1.30", "1.37")  # the oldest that the chart is for, and the newest known
CASES = [pytest.param(values, id=name) for name, values in chart.cases()]


@cache
def custom(kind: str) -> jsonschema.Draft4Validator:
    schema: dict[str, Any] = json.loads((SCHEMAS / f"{kind}.json").read_text())
    return jsonschema.Draft4Validator(schema)


def valid(it: Object, version: str) -> None:
    _valid(json.dumps(it), version)


@cache
def _valid(text: str, version: str) -> None:
    """Most objects are the same in most cases: each is looked at once."""
    it = json.loads(text)
    if (SCHEMAS / f"{it['kind']}.json").exists():
        custom(it["kind"]).validate(it)
    else:
        kubernetes_validate.validate(it, version, strict=True)


@pytest.mark.parametrize("values", CASES)
def test_lint(values: Values) -> None:
    report = helm_python.lint(chart.CHART, dict(values), strict=True)
    assert [it for it in report["messages"] if it["severity"] > 1] == []
    assert report["errors"] == []


@pytest.mark.parametrize("values", CASES)
def test_schemas(values: Values) -> None:
    for it in chart.render(values):
        for version in VERSIONS:
            valid(it, version)


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        ("ServiceMonitor", ("spec", "endpoints", 0, "intervall")),
        ("PrometheusRule", ("spec", "groups", 0, "rules", 0, "expression")),
        ("ScaledObject", ("spec", "minReplicas")),
        ("HTTPRoute", ("spec", "parentRefs", 0, "gateway")),
    ],
)
def test_the_schemas_of_custom_resources_refuse_unknown_fields(kind: str, path: tuple[str | int, ...]) -> None:
    example = "kafka-sasl-tls-autoscaling" if kind == "ScaledObject" else "everything"
    it = chart.one(chart.render(chart.example(example)), kind)
    here: Any = it
    for step in path[:-1]:
        here = here[step]
    here[path[-1]] = "x"
    with pytest.raises(jsonschema.ValidationError, match=str(path[-1])):
        valid(it, VERSIONS[0])


@pytest.mark.parametrize("values", CASES)
def test_objects_are_distinct_and_labelled(values: Values) -> None:
    objects = chart.render(values)
    names = [(it["kind"], it["metadata"].get("namespace"), it["metadata"]["name"]) for it in objects]
    assert len(names) == len(set(names))
    extra = [it for it in objects if it["metadata"]["name"].endswith(("-extra", "rides-a", "rides-b"))]
    for it in objects:
        if it not in extra:
            assert it["metadata"]["namespace"] in ("orders", "monitoring")
            assert it["metadata"]["labels"]["app.kubernetes.io/instance"] == "rides"


def test_each_example_says_what_it_is() -> None:
    assert {"sqlite", "kafka", "kafka-sasl-tls-autoscaling", "everything"} == set(chart.EXAMPLES)


def test_everything_is_everything() -> None:
    """Whatever a switch can bring is in one of the examples."""
    possible = set().union(*(chart.kinds(chart.render(values)) for _, values in chart.cases()))
    shown = set().union(*(chart.kinds(chart.render(chart.example(name))) for name in chart.EXAMPLES))
    assert possible - shown == {"Deployment"}
