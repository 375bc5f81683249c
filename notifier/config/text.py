"""YAML as a configuration needs it: bounded, positions kept, types never guessed beyond JSON's.

Differences from PyYAML's `safe_load`, each of which has cost somebody an evening:
- plain scalars become numbers, booleans and null only where JSON would read them so: `no`, `off`, `22:00`, `0012`,
  `+79120995513`, `885e4` and dates stay the texts they are;
- keys are always texts, a key given twice is an error;
- size, depth and the number of nodes (aliases counted at every use) are bounded, other tags than plain data refused.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from notifier.errors import ConfigError, Problem

Where: TypeAlias = tuple[str | int, ...]
"""A path in the document: `('rules', 0, 'send')`."""

MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 40
MAX_NODES = 300_000

_LOADER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)
_TAGS = frozenset({f"tag:yaml.org,2002:{kind}" for kind in ("str", "seq", "map")} | {"!"})
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)\.[0-9]+")
_REFERENCE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::-[^}\n]*)?\}")
_HIDDEN = {ord(sign): 0xF0000 + ord(sign) for sign in "{}[],:#&*!|>%@?-` "}  # to a private area, one for one
_SHOWN = {hidden: sign for sign, hidden in _HIDDEN.items()}
_WORDS = {"true": True, "True": True, "false": False, "False": False, "null": None, "~": None, "": None}


def read(path: Path) -> bytes:
    """The bytes of a file; ConfigError (with the file as its path) when it cannot be read or is too large."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), f"cannot be read: {error.strerror or error}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(str(path), f"is larger than {MAX_BYTES // 1024 // 1024} MiB")])
    return data


def compose(data: bytes) -> yaml.Node | None:
    """The document's root node, None when it is empty; ConfigError for what is not YAML, or not tame."""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([Problem("", f"line {line}: not UTF-8; save the file as UTF-8")]) from None
    if not any(hidden in text for hidden in map(chr, _SHOWN)):
        # `{port: ${PORT:-8080}}`: to YAML the inner braces were structure; `tame` brings them back.
        text = _REFERENCE.sub(lambda match: match[0].translate(_HIDDEN), text)
    try:
        depth = 0
        for event in yaml.parse(text, Loader=_LOADER):
            # Checked before composing: composing recurses, and a deep document would end the stack, not the parser.
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MAX_DEPTH:
                raise ConfigError([Problem("", f"{_line(event)}: nested deeper than {MAX_DEPTH}")])
        node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        raise ConfigError([Problem("", _syntax(error, text))]) from None
    return node


def _line(at: yaml.Node | yaml.Event) -> str:
    return f"line {at.start_mark.line + 1}" if at.start_mark else ""


def _syntax(error: yaml.YAMLError, text: str) -> str:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    what = getattr(error, "problem", None) or getattr(error, "reason", None) or "cannot be read"
    if mark is None:
        return f"not YAML: {what}"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    hint = "; indent with spaces, YAML allows no tabs" if "\t" in line[: mark.column + 1] else ""
    # The words of the parser only: the line itself may hold a secret.
    return f"line {mark.line + 1}, column {mark.column + 1}: not YAML: {what}{hint}"


def typed(text: str) -> str | int | float | bool | None:
    """What a plain (unquoted) scalar stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.fullmatch(text) and len(text) <= 300:
        return int(text)
    if _NUMBER.fullmatch(text):
        return float(text)
    return text


def tame(node: yaml.Node) -> None:
    """ConfigError for alias bombs, aliases of themselves and tags of other languages. Call it once, after `compose`."""
    left = MAX_NODES
    problems: list[Problem] = []

    def visit(node: yaml.Node, above: tuple[int, ...]) -> None:
        nonlocal left
        left -= 1
        line = _line(node)
        if left < 0:
            raise ConfigError([Problem("", f"holds more than {MAX_NODES} values (aliases count at every use)")])
        if id(node) in above:
            raise ConfigError([Problem("", f"{line}: an alias that contains itself")])
        if node.tag not in _TAGS:
            problems.append(Problem("", f"{line}: the tag {node.tag[:80]} is not read here: write plain values"))
        if isinstance(node, yaml.ScalarNode):
            node.value = node.value.translate(_SHOWN)
        for child in children(node):
            visit(child, (*above, id(node)))

    visit(node, ())
    if problems:
        raise ConfigError(problems)


def children(node: yaml.Node) -> Iterator[yaml.Node]:
    if isinstance(node, yaml.SequenceNode):
        yield from node.value
    elif isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield key
            yield value


def show(where: Sequence[str | int]) -> str:
    """('rules', 0, 'send') -> 'rules[0].send'."""
    text = ""
    for part in where:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text
