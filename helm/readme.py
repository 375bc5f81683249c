"""Writes the values' table of the chart's README, from values.yaml and its `# --` comments: `python helm/readme.py`."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import yaml

CHART = Path(__file__).parent / "order-notifier"
README = CHART / "README.md"
BEGIN, END = "<!-- values: begin -->", "<!-- values: end -->"


class Row(NamedTuple):
    key: str
    default: str
    text: str


def rows(text: str) -> Iterator[Row]:
    """One row for each value; a mapping none of whose own values is explained is one value."""
    root = yaml.compose(text)
    assert isinstance(root, yaml.MappingNode)
    yield from _of(root, "", text.splitlines())


def _of(node: yaml.MappingNode, above: str, lines: list[str]) -> Iterator[Row]:
    for key, value in node.value:
        name = f"{above}{key.value}"
        said = _comment(key, lines)
        inner = isinstance(value, yaml.MappingNode) and value.value and not value.flow_style
        if inner and (not said or _explained(value, lines)):
            if said:
                yield Row(name, "", said)
            yield from _of(value, f"{name}.", lines)
        else:
            yield Row(name, json.dumps(_plain(value), ensure_ascii=False), said)


def _explained(node: yaml.MappingNode, lines: list[str]) -> bool:
    """Whether anything in it has a comment of its own."""
    return any(
        _comment(key, lines) or (isinstance(value, yaml.MappingNode) and _explained(value, lines))
        for key, value in node.value
    )


def _comment(key: yaml.Node, lines: list[str]) -> str:
    """The comment above a key, from its `# --` on, as one line."""
    said: list[str] = []
    for line in reversed(lines[: key.start_mark.line]):
        match = re.fullmatch(r"\s*# ?(--)?\s*(.*)", line)
        if match is None:
            return ""
        said.insert(0, match[2])
        if match[1]:
            return " ".join(said)
    return ""


def _plain(node: yaml.Node) -> Any:
    return yaml.safe_load(yaml.serialize(node))


def table(text: str) -> str:
    head = "| value | what it is | default |\n|---|---|---|\n"
    return head + "".join(
        f"| `{row.key}` | {row.text.replace('|', chr(92) + '|')} | {f'`{row.default}`' if row.default else ''} |\n"
        for row in rows(text)
    )


def written(readme: str, values: str) -> str:
    """The README with its table written anew."""
    before, _, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the README has lost its marks {BEGIN} and {END}")
    return f"{before}{BEGIN}\n{table(values)}{END}{after}"


if __name__ == "__main__":
    README.write_text(written(README.read_text(), (CHART / "values.yaml").read_text()))
