"""The Jinja environment of all templates: nothing but the documented values, filters and functions. Pure.

Templates are the operator's own, values are anybody's. The sandbox (Jinja 3.1, 'Sandbox') keeps templates from Python's
insides; it does not bound what they compute, so what multiplies a text without end is left out or refused here.
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from jinja2 import FunctionLoader, StrictUndefined, pass_context
from jinja2.exceptions import SecurityError
from jinja2.filters import FILTERS
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

from notifier.rendering import segments
from notifier.rendering.speech import Speech

LONGEST_OUTPUT = 256 * 1024
"""Characters that one part of a message may have before it is cleaned and cut."""

_FILTERS = ("capitalize", "default", "d", "e", "escape", "first", "join", "last", "length", "lower", "replace", "round")
_MORE_FILTERS = ("abs", "count", "float", "int", "list", "reverse", "sort", "string", "sum", "trim", "unique", "upper")
_TESTS = ("defined", "undefined", "none", "equalto", "eq", "ne", "gt", "ge", "lt", "le", "in", "even", "odd", "true")
_MORE_TESTS = ("false", "string", "number", "mapping", "sequence")

SPEECH = "_speech"
"""Where the reader's `Speech` stands in a context. No template can name it: `Sandbox.getattr` and `check` see to it."""


class Sandbox(ImmutableSandboxedEnvironment):
    """Autoescaping for `*.html.j2`; an unknown name is an error; None is written as nothing, a time as a time."""

    intercepted_binops = frozenset({"*", "**", "%", "//"})

    def __init__(self, sources: Mapping[str, str]) -> None:
        super().__init__(
            # A file's name beside its text is what errors find their line by.
            loader=FunctionLoader(lambda name: (sources[name], name, None) if name in sources else None),
            undefined=StrictUndefined,
            autoescape=lambda name: name is not None and name.endswith(".html.j2"),
            finalize=_finalize,
            trim_blocks=True,
            lstrip_blocks=True,
            cache_size=-1,
            auto_reload=False,
        )
        self.globals = dict(FUNCTIONS)
        self.filters = {name: FILTERS[name] for name in (*_FILTERS, *_MORE_FILTERS)} | dict(OWN_FILTERS)
        self.tests = {name: TESTS[name] for name in (*_TESTS, *_MORE_TESTS)}

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:
        """Values only: methods of texts, times and lists are not documented, and some build texts without end."""
        return super().is_safe_attribute(obj, attr, value) and (not callable(value) or attr == "items")

    def wrap_str_format(self, _value: Any) -> None:
        """`"{:>1000000000}".format(1)`: a method like any other."""
        return None

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:
        if not all(isinstance(side, int | float) for side in (left, right)) or operator == "**":
            raise SecurityError(f"{operator} is for numbers only here")
        return super().call_binop(context, operator, left, right)


def speech_of(context: Context) -> Speech:
    speech = context.parent[SPEECH]
    assert isinstance(speech, Speech)
    return speech


def _day(context: Context) -> datetime | None:
    event = context.parent.get("event")
    return getattr(event, "time", None)


@pass_context
def _finalize(context: Context, value: Any) -> Any:
    if value is None:
        return ""
    return speech_of(context).when(value, _day(context)) if isinstance(value, datetime) else value


@pass_context
def _time(context: Context, at: datetime | None) -> str:
    return "" if at is None else speech_of(context).time(at)


@pass_context
def _date(context: Context, at: datetime | None) -> str:
    return "" if at is None else speech_of(context).date(at)


@pass_context
def _when(context: Context, at: datetime | None) -> str:
    return "" if at is None else speech_of(context).when(at, _day(context))


@pass_context
def _full(context: Context, at: datetime | None) -> str:
    return "" if at is None else speech_of(context).when(at)


@pass_context
def _span(context: Context, start: datetime | None, end: datetime | None) -> str:
    return speech_of(context).span(start, end, _day(context))


@pass_context
def _money(context: Context, amount: float | None) -> str:
    return "" if amount is None else speech_of(context).money(amount)


@pass_context
def _plural(context: Context, count: int, **forms: str) -> str:
    return speech_of(context).plural(count, **forms)


def _lines(text: object) -> list[str]:
    return str(text).split("\n")


def _select_known(values: Iterable[object]) -> list[object]:
    """Without what is not known, for joining the rest."""
    return [value for value in values if value not in (None, "")]


def _one_sms(first: str, *more: object) -> str:
    """`first` and as many of the rest, in their order, as one segment holds; what is empty or too long is left out."""
    said = str(first)
    for piece in more:
        longer = f"{said}, {piece}" if piece else said
        if segments.size(segments.economical(longer)).segments == 1:
            said = longer
    return said


OWN_FILTERS: Mapping[str, Callable[..., Any]] = {
    "time": _time,
    "date": _date,
    "when": _when,
    "full": _full,
    "money": _money,
    "plural": _plural,
    "lines": _lines,
    "select_known": _select_known,
}
FUNCTIONS: Mapping[str, Callable[..., Any]] = {"span": _span, "one_sms": _one_sms}
