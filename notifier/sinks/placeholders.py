"""Configured texts with `{name}` in them: checked when they are loaded, filled for each message. Pure."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import Any

_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


def names(part: Any) -> Iterator[str]:
    """Those of a text, or of all texts of a mapping or list."""
    for text in texts(part):
        yield from _PLACEHOLDER.findall(text)


def check(part: Any, known: Collection[str]) -> None:
    """ValueError where a text holds a placeholder that does not exist."""
    for name in names(part):
        if name not in known:
            listed = ", ".join(f"{{{each}}}" for each in known)
            raise ValueError(f"unknown placeholder {{{name[:40]}}}: known are {listed}")


def fill(part: Any, values: Mapping[str, str], encode: Callable[[str], str] = str) -> Any:
    """The same with every placeholder replaced, by its encoded value; what is no text stays as it is."""
    if isinstance(part, str):
        return _PLACEHOLDER.sub(lambda match: encode(values[match[1]]), part)
    if isinstance(part, Mapping):
        return {name: fill(each, values, encode) for name, each in part.items()}
    if isinstance(part, list | tuple):
        return [fill(each, values, encode) for each in part]
    return part


def texts(part: Any) -> Iterator[str]:
    """All that stand in a mapping or list, or the text itself."""
    if isinstance(part, str):
        yield part
    elif isinstance(part, Mapping):
        for each in part.values():
            yield from texts(each)
    elif isinstance(part, list | tuple):
        for each in part:
            yield from texts(each)
