"""An adapter is a module, a line in the registry, fixtures, an example and a row in the docs: all or none."""

import importlib
import pkgutil
import re
import timeit
from pathlib import Path
from typing import get_args

import orjson
import pytest

import notifier.sources
from notifier.config.load import load
from notifier.sources import REGISTRY, SourceSettings
from tests.sources.adapters import ADAPTERS, FIXTURES, answers

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "config" / "examples" / "sources"
DOCS = ROOT / "docs" / "sources.md"


def settings_models() -> set[type[SourceSettings]]:
    """Of every module of the package, registered or not."""
    found: set[type[SourceSettings]] = set()
    for module in pkgutil.iter_modules(notifier.sources.__path__):
        loaded = importlib.import_module(f"notifier.sources.{module.name}")
        models = [item for item in vars(loaded).values() if isinstance(item, type) and issubclass(item, SourceSettings)]
        found |= {model for model in models if model.__module__ == loaded.__name__} - {SourceSettings}
    return found


def test_every_adapter_is_registered_by_its_type() -> None:
    assert {registration.settings for registration in REGISTRY.values()} == settings_models()
    for name, registration in REGISTRY.items():
        assert get_args(registration.settings.model_fields["type"].annotation) == (name,)
        assert registration.build.__module__ in (f"notifier.sources.{name}", f"notifier.sources.{name}_api")


@pytest.mark.parametrize("source", REGISTRY)
def test_every_adapter_has_fixtures(source: str) -> None:
    assert answers(source)


@pytest.mark.parametrize("source", REGISTRY)
def test_every_adapter_has_a_row_in_the_docs(source: str) -> None:
    rows = re.findall(rf"^\| `{source}` \|.*\[({source}\.yaml)\]\((.*)\) \|$", DOCS.read_text(), re.MULTILINE)
    assert [(DOCS.parent / target).resolve() for _, target in rows] == [EXAMPLES / f"{source}.yaml"]


@pytest.mark.parametrize("source", REGISTRY)
def test_every_adapter_has_an_example_that_is_valid(source: str) -> None:
    path = EXAMPLES / f"{source}.yaml"
    names = re.findall(r"\$\{(\w+)\}", path.read_text())
    config = load(path, dict.fromkeys(names, "something"))
    assert [settings.type for settings in config.sources.values()] == [source]


def test_nothing_is_left_over() -> None:
    assert {path.name for path in FIXTURES.iterdir()} == set(REGISTRY)
    assert {path.stem for path in EXAMPLES.iterdir()} == set(REGISTRY)
    assert set(re.findall(r"\[(\w+)\.yaml\]", DOCS.read_text())) == set(REGISTRY)


def test_reading_costs_little_more_than_its_json() -> None:
    """business v2: about 22 us, where orjson alone takes 2; the bound leaves room for busy machines."""
    source, body = ADAPTERS["business_v2"].build(), answers("business_v2")["active"]
    read = min(timeit.repeat(lambda: source.read(body), number=100, repeat=30))
    alone = min(timeit.repeat(lambda: orjson.loads(body), number=100, repeat=30))
    assert read < 30 * alone
