"""Order APIs at their worst: what is asked of them, how often, and what never becomes an event."""

import asyncio
import base64
import time
from email.utils import formatdate
from typing import Any

from aiohttp import web

from tests.outside.bodies import Body, business
from tests.outside.configs import config, source
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, dripping, dropped, failing, huge, truncated
from tests.outside.program import Program
from tests.outside.receiver import Receiver
from tests.outside.telling import lines
from tests.outside.waiting import until


def ride(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


async def error(program: Program, key: str = "trips/o") -> str | None:
    last: str | None = (await program.order(key))["last_error"]
    return last


async def fails(program: Program, reason: str, key: str = "trips/o") -> None:
    seen: list[str | None] = []

    async def failed() -> bool:
        seen.append(await error(program, key))
        return reason in seen

    await until(failed, lambda: f"last_error {reason}, but {seen[-1]}")


async def test_every_way_to_fail_is_a_failed_look_and_no_event(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"timeout": "300ms", "max_body": 100_000}))
    await program.start()
    good = ride("waiting")
    faults: dict[str, Any] = {
        "500": failing(500),
        "503": failing(503),
        "504": failing(504),
        "truncated": truncated(good),
        "dropped": dropped,
        "dripping": dripping,
        "huge": huge(1_000_000),
        "html": "<html><body>Maintenance</body></html>",
        "empty": "",
        "redirect": failing(302, headers={"Location": f"{api.url}/integration/2.0/orders/info?order_id=elsewhere"}),
        "204": failing(204, body=""),
        "not-utf8": b'{"status": "\xff\xfe"}',
        "nested": "[" * 100_000,
        "number": "7",
        "wrong-type": '{"status": ["waiting"]}',
    }
    api.show("elsewhere", good)

    async def suffer(name: str) -> None:
        api.show(name, ride("driving"))
        await program.watch("trips", name)
        await api.seen(name)
        api.show(name, faults[name])
        await api.seen(name, 3)
        api.show(name, good)
        await api.seen(name)

    await asyncio.gather(*(suffer(name) for name in faults))
    told = {name: lines(await program.events(f"trips/{name}")) for name in faults}
    right = ["tracked driving/assigned", "status driving>waiting", "phase assigned>arrived"]
    assert told == dict.fromkeys(faults, right)
    assert api.count("elsewhere") == 0
    assert all(asked.headers["Authorization"] for asked in api.asked)
    for name in faults:
        whole = str(await program.why(f"trips/{name}"))
        assert "t0ken" not in whole
        assert (await program.order(f"trips/{name}"))["last_error"] is None
    metrics = (await program.get("/metrics")).body.decode()
    assert 'notifier_looks_total{outcome="unchanged",source="trips"}' in metrics


async def test_an_api_that_is_not_there_is_no_error_at_start(api: OrderApi, programs: Start) -> None:
    await api.stop()
    program = programs(config(api, None))
    await program.start()
    await program.watch("trips", "o")

    async def shown() -> bool:
        return bool(await error(program))

    await until(shown)
    assert (await program.get("/readyz")).status == 200
    api.show("o", ride("waiting"))
    await api.start()
    await api.seen("o")
    assert lines(await program.events("trips/o")) == ["tracked waiting/arrived"]


async def test_a_look_repeats_what_may_be_repeated(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, source={"retry_for": "20s", "poll": {"default": "30s"}}))
    await program.start()
    answers = iter([failing(500), failing(504), dropped])

    async def answer(request: web.Request) -> web.StreamResponse:
        fault = next(answers, None)
        return await fault(request) if fault else web.json_response(ride("driving"))

    api.show("o", answer)
    await program.watch("trips", "o")

    async def there() -> bool:
        return bool((await program.order("trips/o"))["status"] == "driving")

    await until(there)
    assert api.count("o") == 4
    assert await error(program) is None


async def test_a_plain_token_that_is_refused_is_not_worn_out(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    api.tokens = {"Bearer other"}
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await fails(program, "unauthorized")
    await program.watch("trips", "p")
    await fails(program, "unauthorized", "trips/p")
    count = len(api.asked)
    await asyncio.sleep(0.5)
    assert len(api.asked) == count <= 2
    assert "t0ken" not in program.stderr.read_text()


async def test_a_token_file_that_changes_heals_within_five_seconds(api: OrderApi, programs: Start) -> None:
    settings = config(api, None, source={"token": None, "token_file": "token"})
    program = programs(settings)
    file = program.folder / "token"
    file.write_text("first\n")
    api.tokens = {"Bearer first"}
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o")
    api.tokens = {"Bearer second"}
    await fails(program, "unauthorized")
    count = len(api.asked)
    await asyncio.sleep(0.3)
    assert len(api.asked) == count
    file.write_text("second\n")
    changed = time.monotonic()
    api.show("o", ride("waiting"))
    await until(lambda: len(api.asked) > count)
    assert time.monotonic() - changed < 5.5
    await api.seen("o")
    assert await error(program) is None
    file.write_text("third\n")  # beforehand: the next request uses it without any failure
    api.tokens = {"Bearer second", "Bearer third"}
    await until(lambda: api.asked[-1].headers["Authorization"] == "Bearer third")
    assert lines(await program.events("trips/o")) == [
        "tracked driving/assigned",
        "status driving>waiting",
        "phase assigned>arrived",
    ]


class TokenServer:
    """Client credentials, RFC 6749 4.4."""

    def __init__(self, lives: float) -> None:
        self.lives = lives
        self.given: list[str] = []
        self.wrong: list[str] = []

    async def answer(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        basic = "Basic " + base64.b64encode(b"client:s3cr3t").decode()
        if request.headers.get("Authorization") != basic or form != {
            "grant_type": "client_credentials",
            "scope": "read",
        }:
            self.wrong.append(f"{request.headers.get('Authorization')} {form}")
            return web.json_response({"error": "invalid_client"}, status=401)
        self.given.append(f"token{len(self.given)}")
        await asyncio.sleep(0.1)
        return web.json_response({"access_token": self.given[-1], "token_type": "Bearer", "expires_in": self.lives})


async def test_oauth2_is_renewed_once_for_all(api: OrderApi, programs: Start) -> None:
    tokens = TokenServer(3600)
    app = web.Application()
    app.router.add_post("/token", tokens.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        oauth2 = {"token_url": address, "client_id": "client", "client_secret_file": "secret", "scope": "read"}
        program = programs(config(api, None, source={"token": None, "oauth2": oauth2}))
        (program.folder / "secret").write_text("s3cr3t\n")
        api.tokens = {"Bearer token0"}
        await program.start()
        names = [f"o{number}" for number in range(10)]
        for name in names:
            api.show(name, ride("driving"))
            await program.watch("trips", name)
        await asyncio.gather(*(api.seen(name) for name in names))
        assert tokens.given == ["token0"]
        api.tokens = {"Bearer token1"}  # revoked before its time
        for name in names:
            api.show(name, ride("waiting"))
        await asyncio.gather(*(api.seen(name, 6) for name in names))
        assert tokens.given == ["token0", "token1"]
        assert tokens.wrong == []
        for name in names:
            assert lines(await program.events(f"trips/{name}"))[1:] == [
                "status driving>waiting",
                "phase assigned>arrived",
            ]
        assert "s3cr3t" not in program.stderr.read_text()
        assert "token1" not in program.stderr.read_text()
    finally:
        await runner.cleanup()


async def test_oauth2_tokens_are_renewed_before_they_end(api: OrderApi, programs: Start) -> None:
    tokens = TokenServer(2)
    app = web.Application()
    app.router.add_post("/token", tokens.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/token"
        oauth2 = {"token_url": address, "client_id": "client", "client_secret": "s3cr3t", "scope": "read"}
        program = programs(config(api, None, source={"token": None, "oauth2": oauth2}))
        await program.start()
        api.show("o", ride("driving"))
        await program.watch("trips", "o")
        await until(lambda: len(tokens.given) >= 3)
        used = [asked.headers["Authorization"] for asked in api.asked]
        assert used == sorted(used)
        first = {
            value: next(asked.at for asked in api.asked if asked.headers["Authorization"] == value) for value in used
        }
        for value in first:
            last = max(asked.at for asked in api.asked if asked.headers["Authorization"] == value)
            assert last - first[value] < 2.0
        assert len(tokens.given) <= 5
    finally:
        await runner.cleanup()


async def test_retry_after_holds_the_credential_or_the_order(api: OrderApi, programs: Start) -> None:
    settings = config(api, None)
    settings["sources"]["others"] = source("business_v2", api, token="another")
    program = programs(settings)
    await program.start()
    for name in ("o", "p", "q"):
        api.show(name, ride("driving"))
    await program.watch("trips", "o")
    await program.watch("trips", "p")
    await program.watch("others", "q")
    await asyncio.gather(*(api.seen(name) for name in ("o", "p", "q")))

    async def held(names: set[str], free: set[str], fault: Any, seconds: float) -> None:
        """After `o` was answered by `fault`: `names` are not asked for `seconds`, `free` are."""
        api.show("o", fault)
        last = api.count("o")
        await until(lambda: api.count("o") > last)
        began = api.by_order["o"][last].at
        api.show("o", ride("driving"))
        await until(lambda: time.time() > began + seconds + 0.8)
        for name in names:
            early = [asked.at - began for asked in api.by_order[name] if 0.15 < asked.at - began < seconds - 0.05]
            assert early == [], name
            after = [asked for asked in api.by_order[name] if asked.at - began >= seconds - 0.05]
            assert after, name
        for name in free:
            within = [asked.at - began for asked in api.by_order[name] if 0.15 < asked.at - began < seconds]
            assert len(within) > 3, name

    await held({"o", "p"}, {"q"}, failing(429, headers={"Retry-After": "2"}), 2)
    await held({"o", "p"}, {"q"}, failing(420, headers={"Retry-After": "1"}), 1)
    await held({"o"}, {"p", "q"}, failing(503, headers={"Retry-After": "1"}), 1)
    yesterday = time.time() - 86_400  # against the answer's own clock, which runs a day behind
    dates = {"Date": formatdate(yesterday, usegmt=True), "Retry-After": formatdate(yesterday + 2, usegmt=True)}
    await held({"o", "p"}, {"q"}, failing(429, headers=dates), 2)


async def test_refused_orders_are_asked_for_rarely(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    for status in (403, 422):
        api.show(str(status), failing(status, body={"code": "SELECTED_CLIENT_ACCESS_DENIED", "message": "no"}))
        await program.watch("trips", str(status))
        await api.seen(str(status), 2)
    await asyncio.sleep(0.5)
    for status in (403, 422):
        assert api.count(str(status)) == 2
        assert await program.events(f"trips/{status}") == []
        order = await program.order(f"trips/{status}")
        assert order["last_error"]
        assert order["snapshot"] is None
    assert "SELECTED_CLIENT_ACCESS_DENIED" in str(await program.why("trips/403"))


async def test_the_budget_holds_in_every_second(api: OrderApi, programs: Start) -> None:
    rate = 30
    program = programs(config(api, None, source={"budget": {"requests_per_second": rate, "concurrency": 50}}))
    await program.start()
    for number in range(30):
        api.show(f"o{number}", ride("driving"))
        await program.watch("trips", f"o{number}")
    await until(lambda: len(api.asked) > rate * 3)
    times = sorted(asked.at for asked in api.asked)
    for first, at in enumerate(times):
        within = [each for each in times[first:] if each - at < 0.97]  # the server's clock is a little behind
        assert len(within) <= rate * 1.1 + 1
    assert {asked.order for asked in api.asked} == {f"o{number}" for number in range(30)}


async def test_the_rhythm_is_the_phases(api: OrderApi, hook: Receiver, programs: Start) -> None:
    poll = {"assigned": "100ms", "arrived": "600ms", "default": "20s"}
    program = programs(config(api, hook, source={"poll": poll}))
    await program.start()
    api.show("o", ride("driving"))
    began = time.time()
    await program.watch("trips", "o")
    await api.seen("o", 12)
    assert api.by_order["o"][0].at - began < 1
    times = [asked.at for asked in api.by_order["o"]]
    assert len(times) <= (times[-1] - times[0]) / 0.09 + 2
    api.show("o", ride("waiting"))
    await api.seen("o", 4)
    third, last = (api.by_order["o"][at].at for at in (-3, -1))
    assert 2 * 0.54 - 0.1 < last - third < 2 * 0.66 + 0.4
    api.show("o", ride("transporting"))
    await api.seen("o", 1)
    count = api.count("o")
    await asyncio.sleep(0.8)
    assert api.count("o") <= count + 1
    order = await program.order("trips/o")
    assert order["phase"] == "in_progress"
    assert order["next_poll_at"] > order["last_ok_at"]
