"""`${NAME}` and `${NAME:-default}` in the texts of a configuration, read before typing.

As in a shell, the default of `:-` also stands in for an empty variable. `$${NAME}` is the text `${NAME}` itself; any
other `$` means nothing special. Defaults hold no `}` and no reference. Values are text: they never add
structure to the file.
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

_REFERENCE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}|\$\{([^}]*)\}?")


class Expanded(NamedTuple):
    """`used` says whether anything was read from the environment; `problems` are messages."""

    text: str
    used: bool
    problems: tuple[str, ...]


def expand(text: str, env: Mapping[str, str]) -> Expanded:
    """The text with its references replaced; what cannot be read stays as it was written, with a problem."""
    if "${" not in text:
        return Expanded(text, False, ())
    used = False
    problems: list[str] = []

    def replace(match: re.Match[str]) -> str:
        nonlocal used
        if match[0] == "$${":
            return "${"
        if match[1] is None:
            problems.append("a reference to the environment is written ${NAME} or ${NAME:-default}")
            return match[0]
        if "${" in (match[2] or ""):
            problems.append(f"the default of {match[1]} holds a reference itself: write a plain text there")
            return match[0]
        used = True
        value = env.get(match[1])
        if match[2] is not None:
            return value or match[2]
        if value is None:
            advice = f"set it, or give a default as in ${{{match[1]}:-value}}"
            problems.append(f"the environment variable {match[1]} is not set: {advice}")
            return match[0]
        return value

    return Expanded(_REFERENCE.sub(replace, text), used, tuple(problems))
