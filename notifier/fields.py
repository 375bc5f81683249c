"""Types of configuration fields that the adapters' settings share: durations, sizes and secrets."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*(ms|s|m|h|d)")
_UNIT_MS = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


def parse_duration(value: object) -> int:
    """'90s' -> 90000 ms. A bare number other than 0 is an error: its unit would be a guess."""
    if isinstance(value, int | float) and not isinstance(value, bool) and value == 0:
        return 0
    if isinstance(value, str):
        if match := _DURATION.fullmatch(value.strip()):
            return round(float(match[1]) * _UNIT_MS[match[2]])
        if value.strip() == "0":
            return 0
    raise ValueError(f"{value!r} is not a duration: write a number with ms, s, m, h or d, as in 90s")


DURATION_PATTERN = r"^\s*\d+(\.\d+)?\s*(ms|s|m|h|d)\s*$"

Duration = Annotated[
    int,
    BeforeValidator(
        parse_duration,
        json_schema_input_type=Annotated[str, Field(pattern=DURATION_PATTERN)] | Literal[0, "0"],
    ),
]
"""A span of time in ms, written as `90s`, `15m`, `30d`."""

_SIZE = re.compile(r"([0-9]+)\s*(B|KiB|MiB|GiB)?")
_UNIT_BYTES = {None: 1, "B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}


def parse_size(value: object) -> int:
    """'4MiB' -> 4194304 bytes; a bare number is bytes."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value.strip())):
        return int(match[1]) * _UNIT_BYTES[match[2]]
    raise ValueError("is not a size: write a number with KiB, MiB or GiB, as in 4MiB, or a whole number of bytes")


SIZE_PATTERN = r"^\s*\d+\s*(B|KiB|MiB|GiB)?\s*$"

Size = Annotated[
    int,
    BeforeValidator(parse_size, json_schema_input_type=Annotated[str, Field(pattern=SIZE_PATTERN)] | int),
]
"""Bytes, written as `4MiB`, `512KiB` or a whole number."""


class Secret:
    """A secret value, given in place or in a file that is read again when it changes. Its repr shows nothing."""

    __slots__ = ("_path", "_stamp", "_value")

    def __init__(self, value: str = "", path: Path | None = None) -> None:
        self._value = value
        self._path = path
        self._stamp: tuple[int, int, int] | None = None
        if path is not None:
            self.get()

    @property
    def path(self) -> Path | None:
        return self._path

    def get(self) -> str:
        """The value now, without surrounding white space. OSError or ValueError (empty) at first reading only."""
        if self._path is None:
            return self._value
        try:
            stat = self._path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
            if stamp != self._stamp:
                text = self._path.read_text(encoding="utf-8").strip()
                if not text:
                    raise ValueError(f"{self._path} is empty: put the secret into it")
                self._value, self._stamp = text, stamp
        except (OSError, ValueError):
            # A rotation may replace the file non-atomically: what was valid serves on until the new one is whole.
            if self._stamp is None:
                raise
        return self._value

    def __eq__(self, other: object) -> bool:
        """The same secret: equal files, whatever is in them now, or equal values."""
        if not isinstance(other, Secret):
            return NotImplemented
        return self._path == other._path and (self._path is not None or self._value == other._value)

    __hash__ = None  # type: ignore[assignment]  # a value that changes with its file is no key

    def __repr__(self) -> str:
        return "Secret(…)"


def number_as_text(value: object) -> object:
    """885 -> '885': ids and labels that look like numbers are texts all the same. Other values stay what they are."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Text = Annotated[str, BeforeValidator(number_as_text, json_schema_input_type=str | int)]
"""A text that may be written as a whole number."""
