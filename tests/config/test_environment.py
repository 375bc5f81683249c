"""`${NAME}` and `${NAME:-default}`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import document
from notifier.config.environment import expand

ENV = {"NAME": "value", "EMPTY": "", "PORT": "8080", "TRICKY": "a: {b}, # c\n- d", "SELF": "${NAME}"}


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("${NAME}", "value"),
        ("a-${NAME}-${PORT}", "a-value-8080"),
        ("${UNSET:-default}", "default"),
        ("${EMPTY:-default}", "default"),
        ("${NAME:-default}", "value"),
        ("${UNSET:-}", ""),
        ("${EMPTY}", ""),
        ("${UNSET:-https://x/y?a=b}", "https://x/y?a=b"),
        ("$${NAME}", "${NAME}"),
        ("pa$$word $NAME $", "pa$$word $NAME $"),
        ("${SELF}", "${NAME}"),
    ],
)
def test_references_are_replaced_once(written: str, read: str) -> None:
    assert expand(written, ENV).text == read
    assert expand(written, ENV).problems == ()


def test_an_unset_variable_is_named() -> None:
    assert expand("${UNSET}", ENV).problems[0].startswith("the environment variable UNSET is not set")


@pytest.mark.parametrize("written", ["${}", "${1A}", "${NAME-x}", "${NAME", "${a b}"])
def test_what_only_resembles_a_reference_is_told(written: str) -> None:
    assert expand(written, ENV).problems == ("a reference to the environment is written ${NAME} or ${NAME:-default}",)


def test_a_default_holds_no_reference() -> None:
    told = expand("${UNSET:-${NAME}}", ENV)
    assert told.problems == ("the default of UNSET holds a reference itself: write a plain text there",)


@given(st.text(alphabet=st.characters(exclude_characters="$")))
def test_other_texts_stay_what_they_are(written: str) -> None:
    assert expand(written, ENV) == (written, False, ())


def read(tmp_path: Path, content: str) -> document.Document:
    path = tmp_path / "notifier.yaml"
    path.write_text(content)
    return document.load(path, ENV)


@pytest.mark.parametrize(
    ("content", "value"),
    [
        ("a: ${PORT}", 8080),
        ("a: '${PORT}'", "8080"),
        ("a: ${EMPTY}", None),
        ("{a: ${PORT}}", 8080),
        ("{a: ${UNSET:-80}, b: 1}", 80),
        ("a: [${PORT}, ${UNSET:-x, y: [z]}]", [8080, "x, y: [z]"]),
        ("a: ${UNSET:-a: b # c}", "a: b # c"),
        ("a: $${NAME}", "${NAME}"),
        ("a: |\n  x ${NAME}\n", "x value\n"),
    ],
)
def test_it_is_read_before_typing_in_block_and_flow_style(tmp_path: Path, content: str, value: object) -> None:
    got = read(tmp_path, content)
    assert got.problems == []
    assert got.values["a"] == value


def test_a_value_never_adds_structure(tmp_path: Path) -> None:
    assert read(tmp_path, "a: ${TRICKY}").values == {"a": ENV["TRICKY"]}


def test_comments_are_not_read(tmp_path: Path) -> None:
    assert read(tmp_path, "a: 1  # ${UNSET}\n").problems == []
