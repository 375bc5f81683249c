"""What the demo shows: a live view on a terminal, plain lines elsewhere."""

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol

from rich import box
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from notifier.cli.show import line
from notifier.demo import SOURCES, Story, Told
from notifier.model import Phase

COUNTS_EVERY = 10.0  # seconds, of the plain lines
MANY, FEW = 12, 6  # messages shown on a large terminal, and on a small one
WIDE, TALL = 110, 34  # columns and lines from which a terminal is large
USUAL_ADDRESS = "http://127.0.0.1:8080"  # config/notifier.yaml has it, so that commands need not be told


class Desk(Protocol):
    def counts(self) -> Mapping[tuple[str, str], int]:
        """Followed orders by source and phase."""
        ...


class Board(Protocol):
    def open(self, address: str, story: Story, desk: Desk) -> AbstractContextManager[None]: ...
    def told(self, told: Told) -> None: ...
    def draw(self, seconds: float, hints: bool) -> None: ...
    def farewell(self, story: Story, /) -> None: ...


def program() -> str:
    """The command as the reader can type it."""
    path = Path(sys.argv[0]).absolute()
    if path.name == "notifier" and path.is_relative_to(Path.cwd()):
        return str(path.relative_to(Path.cwd()))
    return "notifier"


def next_steps(address: str, mails: str) -> Sequence[tuple[str, str]]:
    """What to try now, and how."""
    me = program()
    first = address.split()[0]  # of several replicas any one
    where = "" if first == USUAL_ADDRESS else f" --url {first}"
    return (
        ("read the mails", f"open {mails}"),
        ("look at an order", f"{me} orders taxi/taxi-000{where}"),
        ("why was it told?", f"{me} why taxi/taxi-000{where}"),
        ("add a watch", f"{me} watch add taxi sim-driving-10s-waiting-20s-complete{where}"),
        ("see the events", f"{me} events --follow{where}"),
        ("a real order API", f"set its address and token in config/notifier.yaml, then: {me} run"),
    )


class PlainBoard:
    """One line for each message, and the counts now and then."""

    def open(self, address: str, story: Story, desk: Desk) -> AbstractContextManager[None]:
        self._address, self._story, self._desk = address, story, desk
        self._counted, self._hinted = -COUNTS_EVERY, False
        return self._opened()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        line(f"Five simulated order APIs are polled; the service answers at {self._address}. Ctrl-C ends it.")
        line(f"What people are mailed is shown at {self._story.mails}.")
        yield

    def told(self, told: Told) -> None:
        line(f"{told.at}  told {told.person}: {told.text}  ({told.order})")

    def draw(self, seconds: float, hints: bool) -> None:
        if seconds - self._counted >= COUNTS_EVERY:
            self._counted = seconds
            counts = ", ".join(f"{source} {sum(row.values())}" for source, row in _rows(self._desk).items())
            line(f"{seconds:6.0f} s  following {counts}; {self._story.events} events, {self._story.people} messages")
        if hints and not self._hinted:
            self._hinted = True
            line("How to go on:")
            for what, how in next_steps(self._address, self._story.mails):
                line(f"  {what}: {how}")

    def farewell(self, story: Story, /) -> None:
        _farewell(story)


class LiveBoard:
    """Redrawn in place: orders by source and phase, the last messages, and after a minute how to go on."""

    def open(self, address: str, story: Story, desk: Desk) -> AbstractContextManager[None]:
        self._address, self._story, self._desk = address, story, desk
        self._console = Console()
        self._live = Live(console=self._console, auto_refresh=False)
        return self._opened()

    @contextmanager
    def _opened(self) -> Iterator[None]:
        with self._live:
            yield

    def told(self, told: Told) -> None:
        """Shown with the next drawing."""

    def draw(self, seconds: float, hints: bool) -> None:
        self._live.update(self._picture(seconds, hints), refresh=True)

    def farewell(self, story: Story, /) -> None:
        _farewell(story)

    def _picture(self, seconds: float, hints: bool) -> RenderableType:
        head = Text.assemble(
            ("Order-status notifier", "bold"),
            f"  {seconds:.0f} s · {self._story.events} events · {self._story.people} messages · ",
            (f"{self._story.arrived} × driver arrived", "bold green"),
            f" · {self._address} · Ctrl-C ends it",
        )
        if self._console.width >= WIDE and self._console.height >= TALL:
            parts: list[RenderableType] = [head, self._table(), self._messages(MANY)]
            if hints:
                parts.append(Panel(self._steps(), title="How to go on", border_style="green"))
        else:
            parts = [head, self._lines(), self._messages(FEW // 2 if hints else FEW)]
            if hints:
                parts += [Text("How to go on", style="bold green"), self._steps()]
        return Group(*parts)

    def _steps(self) -> RenderableType:
        steps = Table.grid(padding=(0, 2))
        for what, how in next_steps(self._address, self._story.mails):
            steps.add_row(Text(what, style="bold", no_wrap=True), Text(how, overflow="fold"))
        return steps

    def _table(self) -> RenderableType:
        rows = _rows(self._desk)
        phases = [phase.value for phase in Phase if any(row.get(phase.value) for row in rows.values())]
        table = Table(title="Followed orders", title_justify="left", box=box.SIMPLE_HEAD, padding=(0, 0, 0, 1))
        table.add_column("source", no_wrap=True)
        for phase in phases:
            table.add_column(phase.replace("_", " "), justify="right", overflow="fold")
        for source, row in rows.items():
            table.add_row(source, *(str(row.get(phase) or "·") for phase in phases))
        return table

    def _lines(self) -> RenderableType:
        """The same for a small terminal."""
        table = Table.grid(padding=(0, 2))
        for source, row in _rows(self._desk).items():
            told = " · ".join(f"{row[phase]} {phase.replace('_', ' ')}" for phase in Phase if row.get(phase))
            table.add_row(Text(source, style="bold", no_wrap=True), Text(told, no_wrap=True, overflow="ellipsis"))
        return table

    def _messages(self, most: int) -> RenderableType:
        table = Table.grid(padding=(0, 2))
        for told in list(self._story.told)[-most:]:
            text = Text(told.text, style="green" if told.arrived else "", no_wrap=True, overflow="ellipsis")
            order = Text(told.order, style="dim", no_wrap=True, overflow="ellipsis")
            table.add_row(told.at, Text(told.person, style="bold"), text, order)
        for _ in range(most - len(self._story.told)):
            table.add_row("")
        return Panel(table, title="Told", title_align="left")


def _rows(desk: Desk) -> dict[str, dict[str, int]]:
    rows: dict[str, dict[str, int]] = {source: defaultdict(int) for source in SOURCES}
    for (source, phase), number in desk.counts().items():
        rows[source][phase] += number
    return rows


def _farewell(story: Story) -> None:
    line(f"Ended: {story.events} events, {story.people} messages to people, {story.arrived} of them 'driver arrived'.")
