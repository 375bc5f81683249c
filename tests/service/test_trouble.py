"""What is told of a look that has failed so far and is being repeated: an order's own error, at once."""

import asyncio
from pathlib import Path

from structlog.testing import capture_logs

from notifier.api.why import why
from notifier.backends.base import OrderQuery
from notifier.errors import LookFailed, Reason
from notifier.testing.fetch import reply
from notifier.testing.virtual import run
from tests.service.build import Program, program

AWAY = LookFailed(Reason.CONNECTION, "not connected: Connection refused", sent=False)


def live(it: Program, order: str) -> tuple[str | None, list[tuple[bool, str, str]]]:
    told = it.app.desk.live(f"shop/{order}")
    assert told is not None
    return told.last_error, [(look.ended is None, look.outcome, look.detail) for look in told.looks]


def test_a_new_order_shows_its_error_while_its_api_is_away(tmp_path: Path) -> None:
    """The first look goes on for `retry_for`, half a minute: nobody should have to wait for its end."""

    async def main() -> None:
        async with program(tmp_path) as it:
            it.api.answers["1"] = AWAY
            await it.put("1")
            began = it.clock.now()
            await asyncio.sleep(2)
            assert live(it, "1") == ("connection", [(True, "connection", AWAY.detail)])
            page = await it.app.desk.view.find(OrderQuery(key="shop/1"))
            polled = (await why(it.app.desk, page.items[0]))["polled"]
            assert (polled["last_error"], polled["failures"], polled["looks"][0]["ended"]) == ("connection", 0, None)
            told = it.app.desk.live("shop/1")
            assert told is not None
            assert 0 <= told.looks[0].began - began < 1_000
            it.api.answers["1"] = lambda _: reply(503)
            await asyncio.sleep(5)
            assert live(it, "1") == ("server_error", [(True, "server_error", "HTTP 503")])
            it.api.answers["1"] = "new"
            await asyncio.sleep(10)
            assert live(it, "1") == (None, [(False, "accepted", "")])

    run(main)


def test_the_end_of_a_look_that_failed_stands_in_its_place(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path) as it:
            await it.follow("1")
            it.api.answers["1"] = AWAY
            await asyncio.sleep(8)
            assert live(it, "1")[0] == "connection"
            it.api.answers["1"] = "new"  # unchanged
            await asyncio.sleep(10)
            assert live(it, "1") == (None, [(False, "accepted", "")])
            it.api.answers["1"] = AWAY
            await asyncio.sleep(36)
            error, looks = live(it, "1")
            assert (error, looks[1]) == ("connection", (False, "connection", AWAY.detail))

    run(main)


def test_why_says_what_is_held_against_an_answer(tmp_path: Path) -> None:
    async def main() -> None:
        async with program(tmp_path, source="    updated_at: updated") as it:
            it.api.answers["1"] = lambda _: reply(200, b'{"status": "ready", "updated": "2026-01-01T00:00:05Z"}')
            await it.put("1")
            await asyncio.sleep(6)
            it.api.answers["1"] = lambda _: reply(200, b'{"status": "new", "updated": "2026-01-01T00:00:01Z"}')
            await asyncio.sleep(6)
            _, looks = live(it, "1")
            was, known = "2026-01-01T00:00:01.000Z", "2026-01-01T00:00:05.000Z"
            assert looks[-1] == (False, "stale", f"of {was}, older than the answer of {known} that is known")

    run(main)


def test_what_an_api_says_in_words_is_for_why_and_not_for_the_log(tmp_path: Path) -> None:
    """Its words may name a person, and no pattern finds names."""

    async def main() -> None:
        body = b'{"code": "NOT_YOURS", "message": "Ivan Petrov, Godovikova 9, may not see it"}'
        async with program(tmp_path) as it:
            it.api.answers["1"] = lambda _: reply(403, body)
            it.api.answers["2"] = lambda _: reply(503, b"Ivan Petrov is away")
            with capture_logs() as logs:
                await it.put("1")
                await it.put("2")
                await asyncio.sleep(60)
            _, looks = live(it, "1")
            assert looks[0][2] == "NOT_YOURS: Ivan Petrov, Godovikova 9, may not see it"
            failed = {(one["reason"], one["detail"]) for one in logs if one["event"] == "look_failed"}
            assert failed == {("forbidden", "HTTP 403, NOT_YOURS"), ("server_error", "HTTP 503")}
            assert "Ivan" not in str(logs)

    run(main)
