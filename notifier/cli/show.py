"""Results on stdout: tables on a terminal, tab-separated lines in a pipe, JSON when asked for."""

import sys
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table
from rich.text import Text

from notifier.unseen import escaped

NARROW = 10  # characters that a column of a table always has, if it needs them


def is_terminal() -> bool:
    return sys.stdout.isatty()


def line(text: str = "") -> None:
    """One line, out at once: what follows a stream must not wait in a buffer."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def json(value: object) -> None:
    sys.stdout.write(_dumped(value, orjson.OPT_INDENT_2 if is_terminal() else None) + "\n")


def json_line(value: object) -> None:
    line(_dumped(value))


async def json_list(items: AsyncIterator[Any]) -> int:
    """`{"items": […], "next": null}`, written as the items come, nothing before the first; how many."""
    count = 0
    async for item in items:
        sys.stdout.write(("," if count else '{"items":[') + _dumped(item))
        count += 1
    sys.stdout.write(("" if count else '{"items":[') + '],"next":null}\n')
    return count


def _dumped(value: object, option: int | None = None) -> str:
    return escaped(orjson.dumps(value, option=option).decode())


def clean(value: object) -> str:
    """One cell: what other systems tell may hold line ends and control sequences of terminals."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else orjson.dumps(value).decode()
    return "".join(each if each.isprintable() else " " for each in text)


def counted(number: int, what: str) -> str:
    """'1 rule', '2 rules'."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def short_type(type: str) -> str:
    """'notifier.order.tracked.v1' -> 'tracked'."""
    return type.removeprefix("notifier.order.").removesuffix(".v1")


async def table(columns: Sequence[str], rows: AsyncIterator[Sequence[object]]) -> int:
    """Rows as they come when piped, a whole table on a terminal; how many."""
    count = 0
    if not is_terminal():
        async for row in rows:
            if not count:
                sys.stdout.write("\t".join(columns) + "\n")
            sys.stdout.write("\t".join(map(clean, row)) + "\n")
            count += 1
        return count
    cells = [[clean(cell) for cell in row] async for row in rows]
    if cells:
        console = Console()
        console.print(grid(columns, cells, console.width))
    return len(cells)


def grid(columns: Sequence[str], cells: Sequence[Sequence[str]], width: int) -> Table:
    """Empty columns are left out. Where the rest is too wide the wide columns are folded; short words stay whole as
    long as `width` has room for them. Nothing is cut off."""
    shown = [index for index in range(len(columns)) if any(row[index] for row in cells)]
    least = {index: min(NARROW, max(len(columns[index]), *(len(row[index]) for row in cells))) for index in shown}
    roomy = sum(least.values()) + 2 * len(shown) <= width
    drawn = Table(box=None, header_style="bold", pad_edge=False)
    for index in shown:
        drawn.add_column(columns[index], overflow="fold", min_width=least[index] if roomy else None)
    for row in cells:
        drawn.add_row(*(Text(row[index], overflow="fold") for index in shown))
    return drawn


def tree(value: Mapping[str, Any], indent: int = 0) -> None:
    """Nested values, one a line; what is null or empty is left out."""
    for name, below in value.items():
        if below is None or below in ("", [], {}):
            continue
        lead = "  " * indent + clean(name) + ":"
        if isinstance(below, Mapping):
            sys.stdout.write(lead + "\n")
            tree(below, indent + 1)
        elif isinstance(below, list) and any(isinstance(each, Mapping) for each in below):
            sys.stdout.write(lead + "\n")
            for each in below:
                sys.stdout.write("  " * (indent + 1) + "- " + brief(each) + "\n")
        else:
            sys.stdout.write(f"{lead} {clean(below)}\n")


def brief(value: object) -> str:
    """A small mapping in one line: 'event=ARRIVAL at=2026-…'."""
    if not isinstance(value, Mapping):
        return clean(value)
    parts: Iterable[str] = (
        f"{clean(name)}={brief(below) if not isinstance(below, Mapping) else '(' + brief(below) + ')'}"
        for name, below in value.items()
        if below is not None and below not in ("", [], {})
    )
    return " ".join(parts)
