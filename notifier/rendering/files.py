"""Template files: their names, the built-in ones, and which of them says a part of a message in a locale. Pure.

`<locale>/<template>.<part>.j2`, the parts being subject.txt, message.txt, sms.txt, email.txt and email.html. `layout`
holds the frames of all mails (email.txt, email.html), `<locale>/labels.txt` the words of their lists. A name that
begins with `_` is for including. A built-in file holds several parts of one template, each behind a line
`=== part ===`.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import NamedTuple

PARTS = ("subject.txt", "message.txt", "sms.txt", "email.txt", "email.html")
LAYOUT = "layout"
LABELS = "labels.txt"

NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_LOCALE = r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}"
_FILE = re.compile(
    rf"(?P<locale>{_LOCALE})/(?P<template>{NAME.pattern})\.(?P<part>{'|'.join(map(re.escape, PARTS))})\.j2"
)
_PARTIAL = re.compile(rf"(?:{_LOCALE}/)?_[A-Za-z0-9_.-]{{1,64}}\.(?:txt|html)\.j2")
_LABELS = re.compile(rf"(?P<locale>{_LOCALE})/{re.escape(LABELS)}")
_SECTION = re.compile(r"^=== ([a-z.]+) ===\n", re.MULTILINE)


class File(NamedTuple):
    locale: str
    template: str
    part: str


def parse(name: str) -> File | None:
    """'ru/digest.sms.txt.j2' -> File('ru', 'digest', 'sms.txt'); None for a file to be included, or with labels.

    ValueError, with what to do, for any other name.
    """
    if match := _FILE.fullmatch(name):
        file = File(**match.groupdict())
        if file.template == LAYOUT and not file.part.startswith("email."):
            raise ValueError(f"layout is the frame of mails: it has no {file.part}")
        return file
    if _PARTIAL.fullmatch(name) or _LABELS.fullmatch(name):
        return None
    parts = ", ".join(PARTS)
    raise ValueError(
        f"is no name of a template: write <locale>/<template>.<part>.j2, the part being one of {parts},"
        " or begin the file's name with _ if others include it"
    )


@cache
def built_in() -> Mapping[str, str]:
    """All built-in files by their names, one for each part."""
    found: dict[str, str] = {}
    for name, text in _read(resources.files("notifier.rendering") / "templates", ""):
        pieces = _SECTION.split(text)
        if len(pieces) == 1:
            found[name] = text
        for part, body in zip(pieces[1::2], pieces[2::2], strict=True):
            found[f"{name.removesuffix('.j2')}.{part}.j2"] = body.removesuffix("\n")
    return found


def _read(folder: Traversable, lead: str) -> Iterator[tuple[str, str]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _read(entry, f"{lead}{entry.name}/")
        elif entry.name.endswith((".j2", LABELS)):
            yield f"{lead}{entry.name}", entry.read_text(encoding="utf-8")


def templates(names: Mapping[str, str]) -> frozenset[str]:
    """What a rule may name, among these files."""
    parsed = (_FILE.fullmatch(name) for name in names)
    return frozenset(match["template"] for match in parsed if match and match["template"] != LAYOUT)


def labels(text: str) -> dict[str, str]:
    """Lines `name: words`; empty ones and those that begin with # do not count. ValueError names the line."""
    found: dict[str, str] = {}
    for number, each in enumerate(text.splitlines(), 1):
        if not each.strip() or each.startswith("#"):
            continue
        name, colon, words = each.partition(":")
        if not colon or not NAME.fullmatch(name.strip()):
            raise ValueError(f"line {number}: write name: words")
        found[name.strip()] = words.strip()
    return found
