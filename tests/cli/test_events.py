"""`notifier events --follow`: a stream that breaks off goes on where it was."""

import orjson
import pytest

from tests.cli.conftest import Command
from tests.cli.scripted import Answer, serving

STREAM = {"Content-Type": "text/event-stream"}
GONE = Answer(410, b'{"detail":"Events that old are no longer kept."}')


def event(number: int) -> bytes:
    data = {"status": "waiting", "phase": "arrived", "before": {"status": "driving"}, "after": {"status": "waiting"}}
    body = orjson.dumps(
        {
            "type": "notifier.order.status_changed.v1",
            "subject": f"cars/{number}",
            "time": "2026-11-21T10:00:00.000Z",
            "data": {**data, "inferred": True, "late": False},
        }
    )
    return b"event: notifier.order.status_changed.v1\nid: c%d\ndata: %b\n\n" % (number, body)


def test_it_goes_on_after_the_last_event_that_came(command: Command) -> None:
    first = Answer(200, b": connected\n\n" + event(1) + event(2) + b"id: c3\ndata: {", STREAM)
    with serving(first, Answer(200, event(3), STREAM), GONE) as script:
        result = command("events", "--follow", "--json", "--source", "cars", "--since", "t", "--url", script.url)
    assert [orjson.loads(line)["subject"] for line in result.stdout.splitlines()] == ["cars/1", "cars/2", "cars/3"]
    assert [asked.headers.get("Last-Event-ID") for asked in script.asked] == [None, "c2", "c3"]
    assert {asked.path for asked in script.asked} == {"/v1/events/stream?source=cars&since=t"}
    assert (result.exit_code, "no longer kept" in result.stderr) == (1, True)
    assert "asking again" in result.stderr


def test_an_event_is_one_line(command: Command) -> None:
    with serving(Answer(200, event(1), STREAM), GONE) as script:
        result = command("events", "--follow", "--url", script.url)
    assert result.stdout == (
        "2026-11-21T10:00:00.000Z\tcars/1\tstatus_changed\twaiting\tarrived\t"
        "status=driving -> status=waiting\tinferred\n"
    )


def test_a_service_that_is_down_for_a_while_is_waited_for(command: Command) -> None:
    down = Answer(503, b'{"detail":"down"}')
    with serving(Answer(200, event(1), STREAM), down, Answer(200, event(2), STREAM), GONE) as script:
        result = command("events", "--follow", "--json", "--url", script.url)
    assert len(result.stdout.splitlines()) == 2
    assert len(script.asked) == 4


@pytest.mark.parametrize("answer", [Answer(401, b"{}"), Answer(503, b'{"detail":"down"}'), Answer(200, b"", STREAM)])
def test_the_first_try_must_succeed(command: Command, answer: Answer) -> None:
    with serving(answer, GONE) as script:
        result = command("events", "--follow", "--url", script.url)
    assert (result.exit_code, result.stdout) == (1, "")


def test_nobody_there(command: Command) -> None:
    result = command("events", "--follow", "--url", "http://127.0.0.1:9")
    assert (result.exit_code, "no service answers" in result.stderr) == (1, True)
