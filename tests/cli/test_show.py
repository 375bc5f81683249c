"""Results on stdout: nothing that other systems tell can act on a terminal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from notifier.cli import show


@given(st.text())
def test_a_cell_is_one_line_of_printable_text(text: str) -> None:
    assert show.clean(text).isprintable()


@pytest.mark.parametrize(
    ("value", "cell"),
    [(None, ""), (True, "yes"), (5, "5"), ("a\x1b[31m\nb", "a [31m b"), (["a", 1], '["a",1]'), ({"a": 1}, '{"a":1}')],
)
def test_cells(value: object, cell: str) -> None:
    assert show.clean(value) == cell


def test_a_tree_leaves_out_what_is_not_known(capsys: pytest.CaptureFixture[str]) -> None:
    show.tree(
        {
            "status": "waiting",
            "cost": None,
            "route": [{"address": "A", "lat": 1.5}, {"address": None}],
            "labels": {},
            "performer": {"name": "Ann\x07a", "vehicle": {"model": "X", "plate": None}},
            "certain": False,
        }
    )
    assert capsys.readouterr().out == (
        "status: waiting\nroute:\n  - address=A lat=1.5\n  - \nperformer:\n  name: Ann a\n  vehicle:\n    model: X\n"
        "certain: no\n"
    )


@pytest.mark.parametrize("width", [30, 40, 80, 200])
def test_a_table_cuts_nothing_off_and_leaves_empty_columns_out(capsys: pytest.CaptureFixture[str], width: int) -> None:
    cells = [("k" * 60, "completed", "", "r" * 30)]
    Console(width=width).print(show.grid(("key", "phase", "error", "reason"), cells, width))
    header, *lines = capsys.readouterr().out.splitlines()
    assert header.split() == ["key", "phase", "reason"]
    drawn = "".join(lines)
    assert [drawn.count(letter) for letter in "kr"] == [60, 30]
    assert ("completed" in drawn) == (width >= 40)


def test_counts_and_types_are_told_as_people_say_them() -> None:
    assert [show.counted(number, "rule") for number in range(3)] == ["0 rules", "1 rule", "2 rules"]
    assert show.short_type("notifier.order.tracked.v1") == "tracked"
