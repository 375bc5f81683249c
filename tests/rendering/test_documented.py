"""docs/messages.md names everything that a template may use, and nothing else is there to be used."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from notifier.rendering import details, render, samples, shapes
from notifier.rendering.check import examine
from notifier.rendering.files import LAYOUT, PARTS, built_in
from notifier.rendering.sandbox import FUNCTIONS, OWN_FILTERS, Sandbox
from tests.rendering.told import BUILT_IN

DOCS = (Path(__file__).parents[2] / "docs/messages.md").read_text(encoding="utf-8")


def row(name: str) -> set[str]:
    """The words in backquotes of the table's row about this."""
    (line,) = [line for line in DOCS.splitlines() if line.startswith(f"| `{name}` |")]
    return set(re.findall(r"`([a-z_]+)`", line))


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("recipient", shapes.RecipientView),
        ("event", shapes.EventView),
        ("order", shapes.OrderView),
        ("driver", shapes.DriverView),
        ("old", shapes.OldView),
    ],
)
def test_every_value(name: str, shape: type) -> None:
    assert {field.name for field in fields(shape)} <= row(name)


def test_items_rows_functions_filters_parts_and_templates() -> None:
    words = set(re.findall(r"[a-z_]+", DOCS))
    for shape in (render.Item, details.Row):
        assert {field.name for field in fields(shape)} <= words
    assert {*FUNCTIONS, *OWN_FILTERS} <= words
    assert {*Sandbox({}).filters} - {*OWN_FILTERS, "d", "e"} <= words
    assert all(part in DOCS for part in PARTS)
    assert {*BUILT_IN.names, "group", "digest", LAYOUT} <= words


def test_the_example() -> None:
    (example,) = re.findall(r"^    (\{\{ one_sms\(.*\}\})$", DOCS, re.MULTILINE)
    assert examine({"ru/driver_arrived.sms.txt.j2": example}) == []


HARMFUL = (
    "{{ ''.__class__ }}",
    "{{ driver.__init__.__globals__ }}",
    "{{ event.time.strftime('%c') }}",
    "{{ event.time.__class__.now() }}",
    "{{ order.name.format(1) }}",
    "{{ '%1000000000d' % 1 }}",
    "{{ 9 ** 9 ** 9 }}",
    "{{ 'a' * 1000000000 }}",
    "{{ [0] * 1000000000 }}",
    "{{ range(10) }}",
    "{{ cycler }}",
    "{{ _speech }}",
    "{{ self._TemplateReference__context.parent }}",
    "{{ lipsum() }}",
    "{{ order.name|attr('upper') }}",
    "{{ order.name|safe }}",
    "{{ order.labels.clear() }}",
    "{{ order.labels.update({1: 2}) }}",
    "{% include order.name %}",
    "{% include '/etc/passwd' %}",
    "{% import 'os' as os %}",
    "{% for a in [1,2,3,4,5,6,7,8,9,0] %}{% for b in [1,2,3,4,5,6,7,8,9,0] %}{% for c in [1,2,3,4,5,6,7,8,9,0] %}"
    "{% for d in [1,2,3,4,5,6,7,8,9,0] %}{% for e in [1,2,3,4,5,6,7,8,9,0] %}{{ order.key }}"
    "{% endfor %}{% endfor %}{% endfor %}{% endfor %}{% endfor %}",
)


@pytest.mark.parametrize("text", HARMFUL)
def test_what_a_template_cannot_do(text: str) -> None:
    (problem,) = examine({"en/lost.message.txt.j2": text})
    assert problem[0] == "en/lost.message.txt.j2"


def test_every_built_in_file_passes_its_own_check() -> None:
    assert examine(built_in()) == []


def test_samples_are_never_called() -> None:
    assert all("+7000555" in str(samples.facts("driver_arrived", locale)) for locale in ("en", "ru"))
