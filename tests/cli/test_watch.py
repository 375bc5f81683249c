"""`notifier watch`, and what `orders`, `why`, `events` and `deliveries` then tell, asked of a real service."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from click.testing import Result

from tests.cli.conftest import READING, Command, Running

Ask = Callable[..., Result]


@pytest.fixture
def ask(command: Command, service: Running) -> Ask:
    """A command that knows where the service is: the options come last."""
    return lambda *args, **more: command(*args, "-c", service.config, **more)


def json(result: Result) -> Any:
    assert result.exit_code == 0, result.stderr
    return orjson.loads(result.stdout)


def until(ask: Ask, key: str, done: Callable[[Any], bool]) -> Any:
    """What `orders KEY` tells once that is so."""
    end = time.monotonic() + 10
    while True:
        order = json(ask("orders", key, "--json"))
        if done(order):
            return order
        assert time.monotonic() < end, order


def seen(order: Any) -> bool:
    return order["status"] is not None


def test_add_tells_the_key_and_whether_it_is_new(ask: Ask) -> None:
    assert ask("watch", "add", "cars", "add-1").stdout == "cars/add-1\tadded\n"
    assert ask("watch", "add", "cars", "add-1", "--label", "team=sales").stdout == "cars/add-1\treplaced\n"


def test_add_sends_ids_labels_and_one_recipient(ask: Ask) -> None:
    options = ["--id", "client_id=other", "--email", "a@example.org", "--phone", "+7 912 099-55-13"]
    options += ["--webhook", "https://example.org/w", "--locale", "ru", "--timezone", "Europe/Moscow"]
    options += ["--label", "team=sales", "--label", "note=a=b", "--label", "empty="]
    kept = json(ask("watch", "add", "cars", "add-2", *options, "--json"))
    assert kept["key"] == "cars/other/add-2"
    assert kept["ids"] == {"order_id": "add-2", "client_id": "other"}
    assert kept["labels"] == {"team": "sales", "note": "a=b", "empty": ""}
    assert kept["recipients"] == [
        {
            "email": "a@example.org",
            "phone": "+79120995513",
            "webhook": "https://example.org/w",
            "locale": "ru",
            "timezone": "Europe/Moscow",
        }
    ]


def test_an_address_given_again_is_another_recipients(ask: Ask) -> None:
    options = ["--email", "a@example.org", "--email", "b@example.org", "--phone", "+79120995513", "--locale", "ru"]
    kept = json(ask("watch", "add", "cars", "add-3", *options, "--json"))
    assert [(each["email"], each["phone"], each["locale"]) for each in kept["recipients"]] == [
        ("a@example.org", "+79120995513", "ru"),
        ("b@example.org", None, "ru"),
    ]


def test_what_the_service_refuses_is_told_with_all_its_problems(ask: Ask) -> None:
    result = ask("watch", "add", "cars", "..", "--id", "company_id=1", "--email", "a@example.org,b@example.org")
    assert (result.exit_code, result.stdout) == (1, "")
    for path in ("ids.order_id", "ids.company_id", "recipients[0].email"):
        assert f"  {path}: " in result.stderr


@pytest.mark.parametrize(
    "options",
    [
        ["--label", "team"],
        ["--label", "=x"],
        ["--id", "a=1", "--id", "a=2"],
        ["--id", "order_id=5"],
        ["--locale", "ru"],
    ],
)
def test_options_that_make_no_sense_are_bad_usage(ask: Ask, options: list[str]) -> None:
    assert ask("watch", "add", "cars", "bad", *options).exit_code == 2


def test_a_token_that_may_only_read_does_just_that(command: Command, service: Running, tmp_path: Path) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text(f"{READING} read\n")
    where = ("--url", service.url, "--token-file", tokens)
    assert command("watch", "list", *where).exit_code == 0
    result = command("watch", "add", "cars", "forbidden", *where)
    assert (result.exit_code, "403" in result.stderr) == (1, True)


def test_without_a_token_the_service_refuses(command: Command, service: Running) -> None:
    result = command("orders", "--url", service.url)
    assert (result.exit_code, "--token-file" in result.stderr) == (1, True)


def test_list_shows_what_is_followed(ask: Ask) -> None:
    ask("watch", "add", "cars", "list-1", "--email", "a@example.org", "--label", "team=sales")
    header, *rows = ask("watch", "list").stdout.splitlines()
    assert header == "key\trecipients\tlabels\tupdated"
    (row,) = (row.split("\t") for row in rows if row.startswith("cars/list-1\t"))
    assert row[1:3] == ["email=a@example.org locale=en", "team=sales"]
    listed = json(ask("watch", "list", "--source", "cars", "--json"))
    assert listed["next"] is None
    assert "cars/list-1" in [item["key"] for item in listed["items"]]
    assert json(ask("watch", "list", "--source", "none", "--json"))["items"] == []


def test_remove_ends_it_once(ask: Ask) -> None:
    ask("watch", "add", "cars", "remove-1")
    assert ask("watch", "remove", "cars/remove-1").stdout == "cars/remove-1\tremoved\n"
    again = ask("watch", "remove", "cars/remove-1")
    assert (again.exit_code, "404" in again.stderr) == (1, True)


def test_an_id_with_signs_of_its_own_travels(ask: Ask) -> None:
    key = json(ask("watch", "add", "cars", "a b?#%2F&ü", "--json"))["key"]
    assert json(ask("orders", key, "--json"))["id"] == "a b?#%2F&ü"
    assert ask("watch", "remove", key).exit_code == 0


def test_orders_are_listed_and_shown(ask: Ask) -> None:
    ask("watch", "add", "cars", "sim-driving", "--label", "team=sales")
    order = until(ask, "cars/sim-driving", seen)
    header, *rows = ask("orders", "--source", "cars", "--phase", "assigned").stdout.splitlines()
    assert header.split("\t")[:3] == ["key", "phase", "status"]
    assert "cars/sim-driving" in [row.split("\t")[0] for row in rows]
    assert all(row.split("\t")[1] == "assigned" for row in rows)
    shown = ask("orders", "cars/sim-driving").stdout
    assert "status: driving\n" in shown
    assert "labels:\n  team: sales\n" in shown
    assert f"life: {order['life']}\n" in shown


def test_an_unknown_order_is_told(ask: Ask) -> None:
    for args in (["orders", "cars/never"], ["why", "cars/never"], ["events", "cars/never"]):
        result = ask(*args)
        assert (result.exit_code, result.stdout) == (1, "")
        assert "404" in result.stderr


@pytest.mark.parametrize(
    "args",
    [
        ["orders", "a/b", "--source", "a"],
        ["events"],
        ["events", "a/b", "--since", "x"],
        ["events", "a/b", "--key", "a/c"],
    ],
)
def test_contradictions_are_bad_usage(ask: Ask, args: list[str]) -> None:
    assert ask(*args).exit_code == 2


def test_why_tells_the_whole_way(ask: Ask) -> None:
    ask("watch", "add", "cars", "sim-search-1s-driving")
    until(ask, "cars/sim-search-1s-driving", lambda order: order["status"] == "driving" and order["sequence"] >= 3)
    story = ask("why", "cars/sim-search-1s-driving").stdout
    assert story.startswith("cars/sim-search-1s-driving: driving, phase assigned\n")
    assert "#1 tracked: nothing -> status=search phase=searching\n" in story
    assert "#2 status_changed: status=search -> status=driving\n" in story
    assert "rule all, sink out: " in story
    assert "rule refused, sink dead: dead (forbidden_target)" in story
    told = json(ask("why", "cars/sim-search-1s-driving", "--json"))
    assert [event["sequence"] for event in told["events"]][:3] == [1, 2, 3]


def test_events_of_an_order(ask: Ask) -> None:
    ask("watch", "add", "cars", "sim-waiting")
    until(ask, "cars/sim-waiting", seen)
    (line,) = ask("events", "cars/sim-waiting").stdout.splitlines()
    assert line.split("\t")[1:5] == ["cars/sim-waiting", "tracked", "waiting", "arrived"]
    (event,) = json(ask("events", "--key", "cars/sim-waiting", "--json"))["items"]
    assert event["type"] == "notifier.order.tracked.v1"


def test_deliveries_are_listed_and_tried_again(ask: Ask) -> None:
    ask("watch", "add", "cars", "sim-scheduled")
    until(ask, "cars/sim-scheduled", seen)
    end = time.monotonic() + 10
    while not (dead := json(ask("deliveries", "--state", "dead", "--key", "cars/sim-scheduled", "--json"))["items"]):
        assert time.monotonic() < end
    assert [(item["sink"], item["reason"]) for item in dead] == [("dead", "forbidden_target")]
    id = dead[0]["id"]
    header, row = ask("deliveries", "--sink", "dead", "--key", "cars/sim-scheduled").stdout.splitlines()
    assert header.split("\t")[:2] == ["id", "state"]
    assert row.split("\t")[0] == id
    assert ask("deliveries", "retry", id).stdout == f"{id}\twill be tried again\n"
    assert ask("deliveries", "retry", "no such id").exit_code == 1
    told = json(ask("deliveries", "retry", "--sink", "dead", "--until", "2020-01-01T00:00:00Z", "--json"))
    assert told == {"count": 0}


def test_the_service_may_be_named_before_retry(command: Command, service: Running) -> None:
    result = command("deliveries", "-c", service.config, "retry", "--sink", "none")
    assert (result.exit_code, result.stdout) == (0, "0 will be tried again\n")


@pytest.mark.parametrize(
    "args", [[], ["id", "--sink", "s"], ["id", "--to", "x"], ["--state", "pending", "--sink", "s"]]
)
def test_a_retry_is_of_one_or_of_a_sinks(ask: Ask, args: list[str]) -> None:
    assert ask("deliveries", "retry", *args).exit_code == 2


def test_import_adds_every_good_line_and_tells_of_the_others(ask: Ask) -> None:
    lines = (
        '{"source": "cars", "ids": {"order_id": "import-1"}}\n'
        "\n"
        "not json\n"
        '{"source": "bikes", "ids": {"order_id": "import-2"}}\n'
        '  {"source": "cars", "ids": {"order_id": 3}, "labels": {"n": 1}}\n'
        "[1]\n"
        '{"source": "cars", "ids": {"order_id": "import-4"}}'
    )
    result = ask("watch", "import", "-", "--json", input=lines)
    told = orjson.loads(result.stdout)
    assert result.exit_code == 1
    assert (told["added"], told["replaced"]) == (2, 0)
    assert [failed["line"] for failed in told["failed"]] == [3, 4, 5, 6]
    assert told["failed"][2]["errors"] == [{"path": "labels.n", "message": told["failed"][2]["errors"][0]["message"]}]
    assert "line 4: source: unknown source" in result.stderr
    keys = [item["key"] for item in json(ask("watch", "list", "--json"))["items"]]
    assert {"cars/import-1", "cars/import-4"} <= set(keys)


def test_import_of_a_file_that_is_all_good(ask: Ask, tmp_path: Path) -> None:
    file = tmp_path / "watches.jsonl"
    file.write_text("".join(f'{{"source":"cars","ids":{{"order_id":"bulk-{n % 50}"}}}}\n' for n in range(60)))
    result = ask("watch", "import", file)
    assert (result.exit_code, result.stdout, result.stderr) == (0, "added 50, replaced 10, refused 0\n", "")


def test_import_without_a_service_ends_at_once(command: Command) -> None:
    result = command("watch", "import", "-", "--url", "http://127.0.0.1:9", input='{"source":"a"}\n' * 100)
    assert result.exit_code == 1
    assert result.stderr.count("no service answers") == 1


def test_import_of_a_file_that_is_not_there_is_bad_usage(command: Command) -> None:
    assert command("watch", "import", "/nowhere/watches").exit_code == 2
