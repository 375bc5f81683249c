"""JMESPath in a configuration: checked whole when it is loaded, so that only the answer can be at fault later."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Any

import jmespath
from jmespath.exceptions import JMESPathError
from jmespath.functions import Functions
from pydantic import AfterValidator

from notifier.errors import LookFailed, Reason

FOREIGN: tuple[type[Exception], ...] = (JMESPathError, ValueError, TypeError, ArithmeticError, RecursionError)
"""What jmespath raises over a document: its own errors, ValueError of a slice without a step, and Python's own where a
function meets values that its signature lets through."""


def check(text: str) -> str:
    """The expression itself; ValueError when it does not parse, or calls a function that there is not."""
    try:
        tree = jmespath.compile(text).parsed
    except RecursionError:
        raise ValueError("is nested too deeply for a JMESPath expression") from None
    except JMESPathError as error:
        column = getattr(error, "lex_position", None)
        place = "" if column is None else f" from character {column + 1} on"
        raise ValueError(f"is not a JMESPath expression{place}: try it at https://jmespath.org") from None
    for name, given in _calls(tree):
        if name not in Functions.FUNCTION_TABLE:
            raise ValueError(f"calls {name}(), which JMESPath does not have: see https://jmespath.org")
        signature = Functions.FUNCTION_TABLE[name]["signature"]
        more = bool(signature) and signature[-1].get("variadic", False)
        if given < len(signature) or (given > len(signature) and not more):
            raise ValueError(f"calls {name}() with {given} arguments: it takes {len(signature)}")
    return text


def _calls(node: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Every function that is called, with the number of its arguments."""
    if node["type"] == "function_expression":
        yield node["value"], len(node["children"])
    for child in node["children"]:
        if isinstance(child, Mapping):
            yield from _calls(child)


class Query:
    """A compiled expression, or none: that finds nothing."""

    __slots__ = ("_search", "where")

    def __init__(self, text: str | None, where: str) -> None:
        self.where = where
        self._search = None if text is None else jmespath.compile(text).search

    def __bool__(self) -> bool:
        return self._search is not None

    def __call__(self, value: object) -> Any:
        """What it finds, None for nothing; LookFailed when it cannot be applied to this answer."""
        if self._search is None:
            return None
        try:
            return self._search(value)
        except FOREIGN as error:
            raise LookFailed(
                Reason.UNREADABLE, f"{self.where}: its expression cannot be applied ({type(error).__name__})"
            ) from None


Expression = Annotated[str, AfterValidator(check)]
