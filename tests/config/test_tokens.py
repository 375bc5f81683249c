"""The API's token file."""

from pathlib import Path

import pytest

from notifier.config.tokens import Token, parse_tokens, read_tokens


def test_one_token_a_line_with_an_optional_second_word() -> None:
    text = "first-token\n\n  second read  \nthird\tread\n"
    assert parse_tokens(text) == (Token("first-token", False), Token("second", True), Token("third", True))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "no token"),
        (" \n\n", "no token"),
        ("good\nhunter2 write\n", "line 2"),
        ("hunter2 read x", "line 1"),
        ("hunter2\u00e9", "line 1"),
    ],
)
def test_a_wrong_file_is_told_by_its_line_without_the_token(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said) as caught:
        parse_tokens(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b""])
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "tokens"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ValueError, match="tokens"):
        read_tokens(path)


def test_a_token_does_not_show_itself() -> None:
    assert "hunter2" not in repr(Token("hunter2", False))
