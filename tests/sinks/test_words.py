"""What the other side said is shown without what it must not show."""

from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.sinks.words import LONGEST, shown


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ("5.1.1 <anna@example.org>: no such user", "5.1.1 <a***@example.org>: no such user"),
        ("anna.b+c@sub.example.org, boris@x.org", "a***@sub.example.org, b***@x.org"),
        ("to +79120995513 or 79120995513", "to +7•••13 or 7•••13"),
        ("to +7 (912) 099-55-13.", "to +7•••13."),
        ("code 21211, id SM0123456789abcdef, 4.7.1", "code 21211, id SM0123456789abcdef, 4.7.1"),
        ("[192.168.100.200] at 2026-11-21", "[192.168.100.200] at 2026-11-21"),
        ("two\r\nlines\tand \x1b[31m\u202ered", "two lines and [31m red"),
        ("", ""),
        ("x" * 300, "x" * (LONGEST - 1) + "…"),
    ],
)
def test_words(said: str, text: str) -> None:
    assert shown(said) == text


def test_secrets_go_in_every_form() -> None:
    encoded = b64encode(b"s3cret-word").decode()
    said = f"s3cret-word {encoded} {encoded.rstrip('=')}"

    assert shown(said, ["s3cret-word", ""]) == "*** *** ***"


@given(st.text(max_size=400))
def test_whatever_is_said_is_short_and_printable(said: str) -> None:
    assert shown(said, ["secret"]).isprintable()
    assert len(shown(said, ["secret"])) <= LONGEST
