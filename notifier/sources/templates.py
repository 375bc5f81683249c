"""Texts with `{name}` in them, to be filled with ids: the url and the headers of a json source."""

import re
from collections.abc import Callable, Mapping

_NAME = re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")


class Template:
    """ValueError when a brace is not part of a `{name}`."""

    __slots__ = ("_parts", "names")

    def __init__(self, text: str) -> None:
        parts = _NAME.split(text)  # text, name, text, name, …, text
        if any("{" in literal or "}" in literal for literal in parts[::2]):
            raise ValueError("has a brace that is not part of a {name}: write ids as {order_id}")
        self._parts = parts
        self.names = tuple(dict.fromkeys(parts[1::2]))

    def fill(self, ids: Mapping[str, str], encode: Callable[[str], str]) -> str:
        return "".join(encode(ids[part]) if number % 2 else part for number, part in enumerate(self._parts))
