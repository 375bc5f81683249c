"""Many watches: lines of any length, in bounded memory, the order of one key's lines kept."""

import io

import orjson
import pytest

from notifier.cli.ask import Address, Service, ServiceError, ask
from notifier.cli.bulk import LONGEST, Line, Report, put_lines, read_lines
from tests.cli.scripted import Answer, serving


def test_lines_keep_their_numbers_and_blank_ones_are_left_out() -> None:
    told: list[int] = []
    lines = list(read_lines(io.BytesIO(b"\xef\xbb\xbfone\r\n\n  \n two \nlast"), told.append))
    assert lines == [Line(1, b"one"), Line(4, b"two"), Line(5, b"last")]
    assert told[-1] == 22


@pytest.mark.parametrize("length", [LONGEST - 1, LONGEST])
def test_a_line_as_long_as_a_body_may_be_is_read(length: int) -> None:
    assert list(read_lines(io.BytesIO(b"x" * length + b"\nnext\n"))) == [Line(1, b"x" * length), Line(2, b"next")]


@pytest.mark.parametrize("length", [LONGEST + 2, 2 * LONGEST, 5 * LONGEST + 7])
def test_a_longer_line_is_skipped_without_being_kept(length: int) -> None:
    assert list(read_lines(io.BytesIO(b"x" * length + b"\nnext\n"))) == [Line(1, None), Line(2, b"next")]


def put(url: str, lines: list[Line]) -> tuple[Report, list[int]]:
    told: list[int] = []
    report = ask(
        Address(url, None), lambda service: put_lines(service, lines, 4, lambda number, _message: told.append(number))
    )
    return report, told


def test_lines_about_one_order_go_in_their_order() -> None:
    lines = [
        Line(n, orjson.dumps({"source": "a", "ids": {"order_id": str(n % 7)}, "labels": {"n": str(n)}}))
        for n in range(1, 71)
    ]
    with serving(Answer(201, b"{}")) as script:
        report, _ = put(script.url, lines)
    sent = [orjson.loads(asked.body) for asked in script.asked]
    assert report.added == len(sent) == 70
    for order in "0123456":
        numbers = [int(body["labels"]["n"]) for body in sent if body["ids"]["order_id"] == order]
        assert numbers == sorted(numbers)


def test_what_is_no_body_is_not_sent() -> None:
    with serving(Answer(200, b"{}")) as script:
        report, told = put(script.url, [Line(1, None), Line(2, b"{"), Line(3, b"{}")])
    assert sorted(told) == [1, 2]
    assert (report.replaced, [number for number, _, _ in sorted(report.failed)]) == (1, [1, 2])
    assert [asked.body for asked in script.asked] == [b"{}"]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_a_refusal_of_all_ends_it_at_the_first(status: int) -> None:
    lines = [Line(n, b'{"n": %d}' % n) for n in range(500)]
    with serving(Answer(status, b'{"detail": "no"}')) as script, pytest.raises(ServiceError):
        put(script.url, lines)
    assert len(script.asked) < 20


def test_it_can_be_asked_from_inside_a_loop_too() -> None:
    async def both(service: Service) -> int:
        report = await put_lines(service, [Line(1, b"{}")], 1, lambda _number, _message: None)
        return report.added

    with serving(Answer(201, b"{}")) as script:
        assert ask(Address(script.url, None), both) == 1
