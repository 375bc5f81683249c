"""The demo's live board: whole on a small terminal, hints included."""

import io
from collections.abc import Mapping
from typing import Any

import pytest
from rich.console import Console

from notifier.cli.board import LiveBoard
from notifier.demo import SOURCES, Story
from notifier.model import Phase


class Desk:
    def counts(self) -> Mapping[tuple[str, str], int]:
        return {(source, phase.value): 3 for source in SOURCES for phase in Phase}


def event(number: int, phase: str) -> dict[str, Any]:
    return {
        "order": {"key": f"taxi/taxi-{number:03}", "source": "taxi", "labels": {"person": "Anna"}},
        "phase": phase,
        "observed_at": "2026-11-21T10:00:00.000Z",
        "after": {"vehicle": {"model": "Volkswagen Caravelle", "color": "black", "plate": "Х093АУ77"}},
    }


@pytest.mark.parametrize(("width", "height"), [(80, 24), (124, 40), (200, 60)])
@pytest.mark.parametrize("address", ["http://127.0.0.1:8080", "http://127.0.0.1:40123"])
def test_everything_is_seen_at_once(width: int, height: int, address: str) -> None:
    story = Story()
    story.mails = "http://127.0.0.1:41234/"
    for number in range(20):
        story.hear(event(number, "arrived"), "notifier.order.performer_changed.v1")
        story.tell(event(number, "arrived"))
    board = LiveBoard()
    board.open(address, story, Desk())
    board._console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False)
    for hints in (False, True):
        with board._console.capture() as capture:
            board._console.print(board._picture(61, hints))
        lines = capture.get().splitlines()
        assert len(lines) <= height
        assert max(map(len, lines)) <= width
        shown = capture.get()
        assert "driver has arrived: black Volkswagen" in shown
        assert all(source in shown for source in SOURCES)
        assert ("watch add taxi" in shown) is hints
        assert (story.mails in shown) is hints
        assert ("--url" in shown) is (hints and not address.endswith(":8080"))
