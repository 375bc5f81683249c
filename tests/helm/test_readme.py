"""The chart's README and version are those of its values and of the program."""

import importlib.util
import tomllib
from types import ModuleType

import pytest
import yaml

from tests.helm import chart
from tests.helm.chart import CHART, ROOT


@pytest.fixture(scope="module")
def readme() -> ModuleType:
    spec = importlib.util.spec_from_file_location("helm_readme", ROOT / "helm" / "readme.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_table_is_current(readme: ModuleType) -> None:
    text = (CHART / "README.md").read_text()
    assert readme.written(text, (CHART / "values.yaml").read_text()) == text, "run: python helm/readme.py"


def test_the_table_has_every_value(readme: ModuleType) -> None:
    rows = [row.key for row in readme.rows((CHART / "values.yaml").read_text())]
    assert len(rows) == len(set(rows))
    top = {key.split(".")[0] for key in rows}
    assert top == set(yaml.safe_load((CHART / "values.yaml").read_text()))


def test_the_table_is_made_of_the_comments(readme: ModuleType) -> None:
    text = "# no\n\n# -- What a is,\n# on two lines.\na:\n  b: 1\n  # -- c | d\n  c: [x]\ne: ''\n# -- f\nf: {g: 2}\n"
    assert list(readme.rows(text)) == [
        ("a", "", "What a is, on two lines."),
        ("a.b", "1", ""),
        ("a.c", '["x"]', "c | d"),
        ("e", '""', ""),
        ("f", '{"g": 2}', "f"),
    ]
    assert r"c \| d" in readme.table(text)


def test_marks_are_missed(readme: ModuleType) -> None:
    with pytest.raises(ValueError, match="marks"):
        readme.written("no marks", "a: 1")


def test_every_value_is_in_the_schema() -> None:
    schema = chart.loaded().schema
    assert schema is not None
    assert set(schema["properties"]) - {"global"} == set(chart.loaded().values)


def test_the_chart_installs_this_release() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert chart.loaded().metadata["appVersion"] == project["version"]
    assert chart.container(chart.pod_spec(chart.render()))["image"] == f"order-notifier:{project['version']}"


def test_links_lead_somewhere() -> None:
    for example in chart.EXAMPLES.values():
        assert f"(examples/{example.name})" in (CHART / "README.md").read_text()


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "create secret generic rides-order-notifier-api"),
        ({}, "config.sources is empty"),
        ({}, "rides-order-notifier-data stays"),
        ({"persistence": {"enabled": False}}, "every restart loses all orders"),
        (chart.kafka(kind="Deployment"), "rollout status deployment/rides-order-notifier"),
    ],
)
def test_notes(values: chart.Values, told: str) -> None:
    assert told in chart.texts(values)["NOTES.txt"]


def test_notes_without_need() -> None:
    notes = chart.texts(chart.example("kafka"))["NOTES.txt"]
    assert "create secret" not in notes
    assert "!" not in notes
    assert "claim" not in notes
