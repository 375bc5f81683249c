"""A configuration file as plain values, with the line of each, its environment read."""

import os
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from notifier.config import text
from notifier.config.environment import expand
from notifier.config.text import Where, show
from notifier.errors import ConfigError, Problem


class Document:
    """`values` are dicts with text keys, lists and scalars. `written` are the texts behind scalars that the
    environment gave: where a text is wanted, `007` from the environment is not the number 7."""

    def __init__(self, env: Mapping[str, str]) -> None:
        self.values: dict[str, Any] = {}
        self.lines: dict[Where, int] = {}
        self.written: dict[Where, str] = {}
        self.problems: list[tuple[Where, str]] = []
        self._env = env

    def problem(self, where: Where, message: str) -> Problem:
        """With the line of the nearest thing that the file has."""
        for end in range(len(where), 0, -1):
            if (line := self.lines.get(where[:end])) is not None:
                return Problem(show(where), f"{message} (line {line})")
        return Problem(show(where), message)

    def line(self, where: Where) -> int:
        return next((self.lines[where[:end]] for end in range(len(where), 0, -1) if where[:end] in self.lines), 0)

    def build(self, node: yaml.Node, where: Where) -> Any:
        self.lines.setdefault(where, node.start_mark.line + 1)
        if isinstance(node, yaml.MappingNode):
            return self.mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.build(child, (*where, number)) for number, child in enumerate(node.value)]
        assert isinstance(node, yaml.ScalarNode)
        expanded = expand(node.value, self._env)
        self.problems.extend((where, problem) for problem in expanded.problems)
        if node.style or expanded.problems:  # quoted, or a block: a text as it stands
            return expanded.text
        if expanded.used:
            self.written[where] = expanded.text
        return text.typed(expanded.text)

    def mapping(self, node: yaml.MappingNode, where: Where, only: Collection[str] | None = None) -> dict[str, Any]:
        """`<<` brings in what another mapping has and this one lacks."""
        built: dict[str, Any] = {}
        merged: list[yaml.MappingNode] = []
        for key, value in node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.lines[(*where, "?")] = line
                self.problems.append(((*where, "?"), "a key must be a text"))
            elif key.value == "<<" and not key.style:
                sources = value.value if isinstance(value, yaml.SequenceNode) else [value]
                merged.extend(source for source in sources if isinstance(source, yaml.MappingNode))
                if not all(isinstance(source, yaml.MappingNode) for source in sources):
                    self.problems.append((where, "`<<` takes a mapping, or a list of them"))
            elif key.value in built:
                first = self.lines[(*where, key.value)]
                self.problems.append(((*where, key.value), f"is given twice, in line {first} and in line {line}"))
            elif only is None or key.value in only:
                self.lines[(*where, key.value)] = line
                built[key.value] = self.build(value, (*where, key.value))
        for source in merged:
            inherited = yaml.MappingNode(source.tag, [pair for pair in source.value if pair[0].value not in built])
            built |= self.mapping(inherited, where, only)
        return built


def load(path: Path, env: Mapping[str, str] | None = None, only: Collection[str] | None = None) -> Document:
    """A file's document; with `only`, nothing but these top-level keys is looked at.

    ConfigError when it cannot be read, or is not a mapping in YAML. Problems inside it are in `problems`.
    """
    document = Document(os.environ if env is None else env)
    data = text.read(path)
    try:
        node = text.compose(data)
        if node is None:
            raise ConfigError([Problem("", "is empty: start from the project's config/notifier.yaml")])
        text.tame(node)
        if not isinstance(node, yaml.MappingNode):
            raise ConfigError([Problem("", "must be a mapping, as in `sources: {…}`")])
    except ConfigError as error:
        raise ConfigError([Problem(str(path), problem.message) for problem in error.problems]) from None
    document.values = document.mapping(node, (), only)
    return document
