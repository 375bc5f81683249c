"""Types of configuration fields that the adapters' settings share: durations and secrets."""

import re
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
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


Duration = Annotated[int, BeforeValidator(lambda value: parse_duration(value))]
"""A span of time in ms, written as `90s`, `15m`, `30d`."""


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

    def __repr__(self) -> str:
        return "Secret(…)"
