import importlib
import pkgutil
from pathlib import Path
from typing import get_args

import pytest

from notifier import sinks
from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.sinks import REGISTRY
from notifier.sinks.base import SinkSettings
from tests.sinks.make import SECRET

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "config" / "examples" / "sinks"
ENVIRONMENT = {
    "HOOK_SECRET": SECRET,
    **dict.fromkeys(("MAIL_PASSWORD", "TWILIO_TOKEN", "VONAGE_SECRET", "SMS_SECRET", "KAFKA_PASSWORD"), "given"),
    "CHAT_URL": "json://localhost",
}


def adapters() -> set[str]:
    """The types of all settings models that any module of the package defines."""
    found: set[str] = set()
    for module in pkgutil.iter_modules(sinks.__path__):
        for value in vars(importlib.import_module(f"{sinks.__name__}.{module.name}")).values():
            if isinstance(value, type) and issubclass(value, SinkSettings) and value is not SinkSettings:
                found.update(get_args(value.model_fields["type"].annotation))
    return found


def test_every_adapter_is_registered() -> None:
    assert adapters() == set(REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_sink_has_an_example_that_loads(name: str) -> None:
    config = load(EXAMPLES / f"{name}.yaml", ENVIRONMENT)

    assert name in {settings.type for settings in config.sinks.values()}
    assert config.rules


def test_no_example_is_left_over() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.yaml")} == set(REGISTRY)


@pytest.mark.parametrize("name", REGISTRY)
def test_every_sink_has_a_row_in_the_docs(name: str) -> None:
    page = (ROOT / "docs" / "sinks.md").read_text(encoding="utf-8")

    assert f"| `{name}` |" in page
    assert f"sinks/{name}.yaml)" in page
    assert f"\n## {name}\n" in page


@pytest.mark.parametrize("name", REGISTRY)
async def test_every_sink_is_built_from_its_example(name: str) -> None:
    for key, settings in load(EXAMPLES / f"{name}.yaml", ENVIRONMENT).sinks.items():
        sink = REGISTRY[settings.type].build(key, settings, SystemClock())
        assert (sink.people, sink.address) == (settings.people, settings.address)
        await sink.close()
