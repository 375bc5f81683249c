"""YAML as a configuration needs it: nothing guessed, nothing unbounded."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifier.config import document, text
from notifier.errors import ConfigError


def load(tmp_path: Path, content: str | bytes, env: dict[str, str] | None = None) -> document.Document:
    path = tmp_path / "notifier.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return document.load(path, env or {})


def refused(tmp_path: Path, content: str | bytes) -> str:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, content)
    assert len(caught.value.problems) == 1
    assert caught.value.problems[0].path == str(tmp_path / "notifier.yaml")
    return caught.value.problems[0].message


@pytest.mark.parametrize(
    "plain",
    [
        "no",
        "off",
        "yes",
        "on",
        "NO",
        "22:00",
        "0012",
        "+79120995513",
        "885e4",
        "0x1f",
        "0o17",
        "1_000",
        "2026-11-21",
        ".5",
    ],
)
def test_a_text_that_only_old_yaml_takes_for_something_else_stays_a_text(tmp_path: Path, plain: str) -> None:
    assert load(tmp_path, f"a: {plain}").values == {"a": plain}


@pytest.mark.parametrize(
    ("plain", "value"),
    [("12", 12), ("-3", -3), ("1.50", 1.5), ("true", True), ("False", False), ("null", None), ("~", None), ("", None)],
)
def test_numbers_booleans_and_null_are_those_of_json(tmp_path: Path, plain: str, value: object) -> None:
    assert load(tmp_path, f"a: {plain}").values == {"a": value}


@pytest.mark.parametrize("quoted", ["'12'", '"true"', "'null'"])
def test_what_is_quoted_is_a_text(tmp_path: Path, quoted: str) -> None:
    assert load(tmp_path, f"a: {quoted}").values == {"a": quoted[1:-1]}


@given(st.integers())
def test_whole_numbers_of_any_size_keep_their_digits(number: int) -> None:
    assert text.typed(str(number)) == number


def test_a_key_given_twice_is_told_with_both_lines(tmp_path: Path) -> None:
    read = load(tmp_path, "a: 1\nb: 2\na: 3\n")
    assert read.problems == [(("a",), "is given twice, in line 1 and in line 3")]
    assert read.values["a"] == 1


def test_keys_are_texts(tmp_path: Path) -> None:
    assert load(tmp_path, "phases: {1: created, true: ready}").values == {"phases": {"1": "created", "true": "ready"}}


def test_a_key_that_is_no_scalar_is_told(tmp_path: Path) -> None:
    assert [message for _, message in load(tmp_path, "? [a, b]\n: 1\n").problems] == ["a key must be a text"]


def test_aliases_and_merges_are_read(tmp_path: Path) -> None:
    read = load(tmp_path, "base: &base {a: 1, b: 2}\nboth:\n  <<: *base\n  b: 3\nsame: *base\n")
    assert read.values["both"] == {"a": 1, "b": 3}
    assert read.values["same"] == {"a": 1, "b": 2}


def test_an_alias_bomb_is_refused_at_once(tmp_path: Path) -> None:
    lines = ["l0: &l0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]" for n in range(1, 10)]
    assert "holds more than" in refused(tmp_path, "\n".join(lines))


def test_an_alias_of_itself_is_refused(tmp_path: Path) -> None:
    assert "contains itself" in refused(tmp_path, "a: &a [*a]")


def test_a_bottomless_document_is_refused_before_it_is_built(tmp_path: Path) -> None:
    assert "nested deeper" in refused(tmp_path, "a: " + "[" * 100_000)


@pytest.mark.parametrize("tagged", ["!!python/object/apply:os.system [id]", "!!binary aGk=", "!!timestamp 2026-01-01"])
def test_tags_of_other_languages_are_refused(tmp_path: Path, tagged: str) -> None:
    assert "the tag" in refused(tmp_path, f"a: {tagged}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"# only a comment\n", "is empty"),
        (b"- a\n- b\n", "must be a mapping"),
        (b"just words", "must be a mapping"),
        (b"a: 1\n---\nb: 2\n", "not YAML"),
        (b"a: {b: 1\n", "not YAML"),
        ("a: é\n".encode("utf-16"), "not UTF-8"),
        ("a: 1\nb: é\n".encode("latin-1"), "line 2: not UTF-8"),
        (b"a: \x00\n", "not YAML"),
        (b"a:\n\tb: 1\n", "YAML allows no tabs"),
    ],
)
def test_what_is_not_a_mapping_in_yaml_is_told_in_words(tmp_path: Path, content: bytes, said: str) -> None:
    assert said in refused(tmp_path, content)


def test_a_syntax_error_does_not_show_the_line_it_is_in(tmp_path: Path) -> None:
    assert "hunter2" not in refused(tmp_path, "token: {hunter2: [\n")


def test_a_byte_order_mark_is_no_obstacle(tmp_path: Path) -> None:
    assert load(tmp_path, b"\xef\xbb\xbfa: 1").values == {"a": 1}


def test_a_large_file_is_refused_unread(tmp_path: Path) -> None:
    assert "larger than 4 MiB" in refused(tmp_path, b"a: " + b"x" * text.MAX_BYTES)


@pytest.mark.parametrize("what", ["missing.yaml", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, what: str) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        document.load(tmp_path / what, {})
    assert caught.value.problems[0].path == str(tmp_path / what)


def test_only_the_wanted_sections_are_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "notifier.yaml"
    path.write_text("api: {port: 1}\nsources: {trips: {token: '${UNSET}'}}\n")
    read = document.load(path, {}, only=("api",))
    assert read.values == {"api": {"port": 1}}
    assert read.problems == []


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused_never_a_crash(tmp_path_factory: pytest.TempPathFactory, content: str) -> None:
    path = tmp_path_factory.getbasetemp() / "any.yaml"
    path.write_bytes(content.encode("utf-8", "surrogatepass"))
    try:
        values = document.load(path, {}).values
    except ConfigError:
        return
    assert isinstance(values, dict)


@pytest.mark.parametrize(
    ("where", "shown"), [((), ""), (("rules", 0, "send", 1, "sink"), "rules[0].send[1].sink"), (("a", "b"), "a.b")]
)
def test_paths_are_shown_as_one_would_write_them(where: text.Where, shown: str) -> None:
    assert text.show(where) == shown
