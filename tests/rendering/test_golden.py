"""Every built-in message, in every language, over every kind of sink, word for word.

UPDATE_GOLDEN=1 writes the files anew; the difference is then read before it is committed.
"""

import os
from pathlib import Path

import pytest

from notifier.rendering import samples
from notifier.rendering.render import KINDS, Kind, Rendered
from tests.rendering.told import BUILT_IN, sample

GOLDEN = Path(__file__).parent / "golden"
LOCALES = ("en", "ru")


def cases() -> list[tuple[str, str, Kind, bool]]:
    return [
        (name, locale, kind, bare)
        for name in samples.names()
        for locale in LOCALES
        for kind in KINDS
        for bare in (False, True)
    ]


def files(name: str, locale: str, kind: Kind, bare: bool, told: Rendered) -> dict[Path, str]:
    stem = f"{name}{'.little' if bare else ''}"
    folder = GOLDEN / locale
    if kind == "sms":
        return {folder / f"{stem}.sms.txt": told.text + "\n"}
    found = {folder / f"{stem}.email.txt": f"Subject: {told.subject}\n\n{told.text}"}
    # One frame makes all HTML: two of its forms show it, and the browser's test looks at the rest.
    return found | ({folder / f"{stem}.email.html": told.html} if name in ("driver_arrived", "digest") else {})


@pytest.mark.parametrize(("name", "locale", "kind", "bare"), cases())
def test_golden(name: str, locale: str, kind: Kind, bare: bool) -> None:
    for path, text in files(name, locale, kind, bare, sample(name, locale, kind, bare)).items():
        if os.environ.get("UPDATE_GOLDEN"):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        assert path.read_text(encoding="utf-8") == text


def test_no_file_is_left_over() -> None:
    known = {path for case in cases() for path in files(*case, sample(*case))}
    assert set(GOLDEN.rglob("*.*")) == known


def test_every_built_in_template_has_a_sample_and_every_language() -> None:
    assert set(samples.names()) == BUILT_IN.names | {"group", "digest"}
    assert all(BUILT_IN.locale(name, locale) == locale for name in samples.names() for locale in LOCALES)
