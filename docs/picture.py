"""Draws docs/demo.svg, the README's picture: one real minute of the demo. `python docs/picture.py [SECONDS]`."""

import asyncio
import io
import os
import re
import sys
from pathlib import Path

import uvloop
from rich.console import Console

from notifier import log
from notifier.cli.board import LiveBoard
from notifier.cli.demo import Demo
from notifier.demo import Story

TARGET = Path(__file__).with_name("demo.svg")


class Camera(LiveBoard):
    """The live board on a large terminal, whose last drawing is kept."""

    def farewell(self, _story: Story, /) -> None:
        console = Console(record=True, width=124, file=io.StringIO())
        console.print(self._last)
        svg = console.export_svg(title="make run")
        TARGET.write_text(re.sub(r"@font-face \{.*?\}\n", "", svg, flags=re.DOTALL))  # no fonts from elsewhere

    def draw(self, seconds: float, hints: bool) -> None:
        self._last = self._picture(seconds, hints)


async def main(seconds: float) -> None:
    await Demo(Camera()).run(None, seconds)


if __name__ == "__main__":
    log.set_up("error", "console")
    os.environ |= {"COLUMNS": "124", "LINES": "40"}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else 62))
