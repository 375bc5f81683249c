"""The API's token file: one token a line, an optional second word `read` limits it."""

import re
from pathlib import Path
from typing import NamedTuple

_TOKEN = re.compile(r"[!-~]+")  # visible ASCII: what an Authorization header can carry


class Token(NamedTuple):
    text: str
    read_only: bool

    def __repr__(self) -> str:
        return f"Token(…, read_only={self.read_only})"


def parse_tokens(text: str) -> tuple[Token, ...]:
    """ValueError names the line that is wrong, and never shows it."""
    tokens: list[Token] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words:
            continue
        if words[1:] not in ([], ["read"]):
            raise ValueError(f"line {number}: after the token may stand only the word read")
        if _TOKEN.fullmatch(words[0]) is None:
            raise ValueError(f"line {number}: a token is made of visible ASCII characters")
        tokens.append(Token(words[0], bool(words[1:])))
    if not tokens:
        raise ValueError("holds no token: put one on a line of its own")
    return tuple(tokens)


def read_tokens(path: Path) -> tuple[Token, ...]:
    """ValueError, with the file's name, for whatever is wrong with it."""
    try:
        return parse_tokens(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise ValueError(f"{path} does not exist: create it, with one token a line") from None
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not a text in UTF-8") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None
