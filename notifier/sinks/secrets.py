"""A secret of a sink's settings: `name`, or `name_file`, which is read again when it changes."""

import unicodedata
from typing import Any

from pydantic import ValidationInfo

from notifier.fields import Secret
from notifier.sinks.keys import read_secret


def readable(path: str | None) -> str | None:
    """For `name_file`: it must be there now, and hold one secret."""
    if path is not None:
        try:
            plain(read_secret(path).get())
        except ValueError as error:
            said = str(error)
            raise ValueError(said if said.startswith(path) else f"{path} {said}") from None
    return path


def one(value: str | None, info: ValidationInfo, needed: bool = True) -> str | None:
    """For `name`, which stands behind `name_file`: exactly one of the two is given, or none where it is not needed."""
    name = info.field_name
    file = f"{name}_file"
    if value is not None:
        plain(value)
        if info.data.get(file) is not None:
            raise ValueError(f"is one too many: give {name} or {file}, not both")
    elif needed and info.data.get(file, "") is None:
        raise ValueError(f"is missing: give {name} or {file}")
    return value


def kept(settings: Any, name: str) -> Secret:
    """The secret itself, for as long as the settings live; empty where none was given."""
    path = getattr(settings, f"{name}_file")
    return read_secret(path) if path is not None else Secret(getattr(settings, name) or "")


def plain(text: str) -> str:
    if not text.strip():
        raise ValueError("is empty: put a value there")
    if any(unicodedata.category(each) in ("Cc", "Cs") for each in text):
        raise ValueError("has a line break or another control character: give the value alone")
    return text
