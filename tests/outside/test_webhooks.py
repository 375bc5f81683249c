"""Webhooks: when they are repeated, held, given up; whom they may reach; what they are signed with."""

import asyncio
import json
import time
from typing import Any

from standardwebhooks import Webhook

from tests.outside.bodies import Body, business
from tests.outside.configs import config, source, webhook
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi
from tests.outside.program import Program
from tests.outside.receiver import SECRET, Received, Receiver, derived, signature
from tests.outside.stream import Stream
from tests.outside.telling import line
from tests.outside.waiting import until


def ride(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


async def deliveries(program: Program, query: str = "") -> list[Any]:
    return await program.items(f"/v1/deliveries?{query}")


async def follow(program: Program, api: OrderApi, name: str, status: str = "driving", **more: Any) -> str:
    api.show(name, ride(status))
    watch = await program.watch("trips", name, **more)
    await api.seen(name)
    key: str = watch["key"]
    return key


def told(hook: Receiver, key: str, path: str = "/hook") -> list[str]:
    return [line(each.type, each.data) for each in hook.of(key, path)]


async def test_the_schedule_of_repeats_and_then_dead(api: OrderApi, hook: Receiver, programs: Start) -> None:
    waits = [0.2, 0.5, 1.0]
    hook.answer = lambda _: (500, {})
    program = programs(config(api, hook, sink={"retries": ["200ms", "500ms", "1s"]}))
    await program.start()
    key = await follow(program, api, "o")

    async def dead() -> bool:
        return bool(await deliveries(program, "state=dead"))

    await until(dead)
    attempts = hook.received
    assert len(attempts) == len(waits) + 1
    for before, after, wait in zip(attempts, attempts[1:], waits, strict=False):
        gap = after.at - before.at
        assert wait - 0.02 <= gap <= wait * 1.2 + 0.5
    assert len({each.id for each in attempts}) == 1
    assert len({each.body for each in attempts}) == 1
    for each in attempts:
        assert abs(each.timestamp - each.at) < 2
        assert each.signatures == [signature(SECRET, each.id, each.timestamp, each.body)]
    (delivery,) = await deliveries(program)
    assert delivery["id"] == attempts[0].id
    assert delivery["key"] == key
    assert delivery["sequence"] == 1
    assert delivery["sink"] == "hook"
    assert delivery["state"] == "dead"
    assert delivery["type"] == "notifier.order.tracked.v1"
    assert delivery["next_attempt_at"] is None
    assert [each["status"] for each in delivery["attempts"]] == [500] * 4
    assert all(set(each) >= {"at", "status", "reason", "ms"} for each in delivery["attempts"])
    assert (await program.ask("POST", "/v1/deliveries/nothing/retry")).status == 404
    hook.answer = lambda _: (200, {})
    assert (await program.ask("POST", f"/v1/deliveries/{delivery['id']}/retry")).status == 202
    await until(lambda: hook.accepted())
    assert hook.received[-1].id == delivery["id"]

    async def delivered() -> bool:
        return bool(await deliveries(program, "state=delivered"))

    await until(delivered)
    assert (await program.ask("POST", f"/v1/deliveries/{delivery['id']}/retry")).status == 409


async def test_retry_after_is_kept_in_full_and_for_the_whole_endpoint(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    program = programs(config(api, hook))
    await program.start()
    said: list[float] = []

    def answer(each: Received) -> tuple[int, dict[str, str]]:
        if not said:
            said.append(each.at)
            return 429, {"Retry-After": "3"}
        return 204, {}

    hook.answer = answer
    await follow(program, api, "o")
    await until(lambda: said)
    await program.kill()  # it is durable
    await program.start()
    await follow(program, api, "p")
    await until(lambda: len(hook.accepted()) == 2)
    early = [each.at - said[0] for each in hook.received if 0.1 < each.at - said[0] < 2.9]
    assert early == []
    assert max(each.at for each in hook.received) - said[0] < 8


async def test_gone_disables_the_endpoint_until_a_retry_succeeds(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    program = programs(config(api, hook))
    await program.start()
    hook.answer = lambda _: (410, {})
    first = await follow(program, api, "o")
    second = await follow(program, api, "p")

    async def dead(number: int) -> bool:
        return len(await deliveries(program, "state=dead")) == number

    await until(lambda: dead(2))
    count = len(hook.received)
    assert count <= 2
    await program.kill()
    await program.start()
    await api.play("o", ride("waiting"))
    await until(lambda: dead(4))
    assert len(hook.received) == count
    reasons = {each["reason"] for each in await deliveries(program, "state=dead")}
    assert "endpoint_disabled" in reasons
    new = [each for each in await deliveries(program, f"key={first}") if each["sequence"] > 1]
    assert {each["reason"] for each in new} == {"endpoint_disabled"}
    assert [each["attempts"] for each in new] == [[], []]
    metrics = (await program.get("/metrics")).body.decode()
    assert 'notifier_endpoints_disabled{sink="hook"} 1.0' in metrics
    hook.answer = lambda _: (204, {})
    (one,) = [each for each in await deliveries(program, f"key={first}") if each["sequence"] == 1]
    assert (await program.ask("POST", f"/v1/deliveries/{one['id']}/retry")).status == 202
    await until(lambda: len(hook.accepted()) == 1)
    await api.play("p", ride("waiting"))
    await until(lambda: len(hook.of(second)) == 2)
    answer = await program.ask("POST", "/v1/deliveries/retry", {"sink": "hook", "state": "dead"})
    assert answer.status == 202
    assert answer.json == {"count": 3}
    await until(lambda: len(hook.accepted()) == 6)
    assert sorted(told(hook, first)) == ["phase assigned>arrived", "status driving>waiting", "tracked driving/assigned"]


async def test_lanes_are_in_order_and_do_not_wait_for_each_other(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    program = programs(config(api, hook, sink={"breaker": 0}))
    await program.start()
    failing = True

    def answer(each: Received) -> tuple[int, dict[str, str]]:
        return (500, {}) if failing and each.key == "trips/o" and each.type == "status_changed" else (204, {})

    hook.answer = answer
    await follow(program, api, "o")
    await follow(program, api, "p")
    await asyncio.gather(api.play("o", ride("waiting"), ride("transporting")), api.play("p", ride("waiting")))
    await until(lambda: len(hook.of("trips/p")) == 3)
    assert told(hook, "trips/o") == ["tracked driving/assigned"]
    pending = [each for each in await deliveries(program, "state=pending") if each["key"] == "trips/o"]
    assert len(pending) == 4
    failing = False
    await until(lambda: len(hook.of("trips/o")) == 5)
    sequence = [each.data["sequence"] for each in hook.of("trips/o")]
    assert sequence == [1, 2, 3, 4, 5]


async def test_what_takes_half_a_minute(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """An endpoint that only fails is held for 30 s, then probed; so is a plain token; a stream says something."""
    settings = config(api, hook, sink={"breaker": 3, "retries": ["100ms"] * 30})
    settings["sources"]["other"] = source("business_v2", api, token="wrong")
    program = programs(settings)
    await program.start()
    stream = await Stream.open(program, query="?key=trips/none")
    api.tokens = {"Bearer t0ken"}
    api.show("w", ride("driving"))
    await program.watch("other", "w")
    hook.answer = lambda _: (503, {})
    await follow(program, api, "o")
    await until(lambda: len(hook.received) >= 3)
    await asyncio.sleep(1)
    assert len(hook.received) == 3
    assert api.count("w") == 1
    metrics = (await program.get("/metrics")).body.decode()
    assert 'notifier_breaker_open{kind="sink",name="hook"} 1.0' in metrics
    assert 'notifier_breaker_open{kind="source",name="other"} 1.0' in metrics
    hook.answer = lambda _: (204, {})
    api.tokens = None
    await until(lambda: hook.accepted(), within=40)
    assert 29 < hook.received[3].at - hook.received[2].at < 34
    await until(lambda: api.count("w") >= 2, within=10)
    assert 29 < api.by_order["w"][1].at - api.by_order["w"][0].at < 38
    assert stream.comments >= 1
    await stream.close()


async def test_addresses_that_are_refused(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """Without `allow_networks` loopback is forbidden, by whatever name; no attempt is made."""
    port = hook.base.rpartition(":")[2]
    urls = [
        f"https://127.0.0.1:{port}/a",
        f"https://localhost:{port}/b",
        f"https://[::1]:{port}/c",
        f"https://0x7f.1:{port}/d",
        f"https://[::ffff:127.0.0.1]:{port}/e",
        "https://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/",
        "https://100.64.0.1/",
        f"http://127.0.0.1:{port}/f",
    ]
    settings = config(api, hook)
    settings["sinks"]["hook"] = webhook(None, allow_networks=None)
    settings["rules"] = [{"name": "to", "when": {"type": "tracked"}, "send": [{"sink": "hook", "to": "recipients"}]}]
    program = programs(settings)
    await program.start()
    await follow(program, api, "o", recipients=[{"webhook": url} for url in urls])

    async def all_dead() -> bool:
        return len(await deliveries(program, "state=dead")) == len(urls)

    await until(all_dead)
    for each in await deliveries(program, "state=dead"):
        assert each["reason"] == "forbidden_target", each
        assert each["attempts"] == []
        assert "meta-data" not in each["to"]
    assert hook.received == []


async def test_redirects_are_not_followed(api: OrderApi, hook: Receiver, programs: Start) -> None:
    hook.answer = lambda each: (302, {"Location": f"{hook.base}/elsewhere"})
    program = programs(config(api, hook, sink={"retries": ["100ms"]}))
    await program.start()
    await follow(program, api, "o")

    async def dead() -> bool:
        return bool(await deliveries(program, "state=dead"))

    await until(dead)
    assert [each.path for each in hook.received] == ["/hook", "/hook"]


async def test_recipients_sign_with_derived_secrets(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, hook)
    settings["sinks"]["hook"] = webhook(None)
    settings["rules"] = [
        {"name": "to", "when": {"type": "phase_changed"}, "send": [{"sink": "hook", "to": "recipients"}]}
    ]
    program = programs(settings)
    await program.start()
    urls = [f"{hook.base}/r/1?x=%2F", f"{hook.base}/r/2"]
    await follow(program, api, "o", recipients=[{"webhook": url} for url in urls] + [{"email": "a@example.org"}])
    await api.play("o", ride("waiting"))
    await until(lambda: len(hook.received) == 2)
    for each in hook.received:
        url = hook.base + each.path
        assert url in urls
        secret = derived(SECRET, url)
        assert each.signatures == [signature(secret, each.id, each.timestamp, each.body)]
        Webhook(secret).verify(each.body, dict(each.headers))
        printed = await program.run("webhook-secret", "hook", url)
        assert printed.code == 0
        assert printed.out.strip() == secret
    assert len({each.id for each in hook.received}) == 2
    skipped = await deliveries(program, "state=skipped")
    assert len(skipped) == 1  # the recipient without a webhook
    assert skipped[0]["reason"]


async def test_several_keys_headers_and_a_body_of_ones_own(api: OrderApi, hook: Receiver, programs: Start) -> None:
    other = "whsec_" + "bm90aGVyLXNlY3JldC1ub3RoZXItc2VjcmV0LTAwMDA="
    settings = config(
        api,
        hook,
        sink={
            "secret": f"{SECRET}\n{other}",
            "headers": {"X-Team": "sales"},
            "body": {"text": "{key} is {phase} ({status})", "kind": ["{type}"], "number": 7},
        },
    )
    program = programs(settings)
    await program.start()
    await follow(program, api, "o")
    await until(lambda: hook.received)
    (each,) = hook.received
    assert each.signatures == [signature(key, each.id, each.timestamp, each.body) for key in (SECRET, other)]
    assert each.headers["X-Team"] == "sales"
    payload = json.loads(each.body)
    assert payload["text"] == "trips/o is assigned (driving)"
    assert payload["number"] == 7
    assert payload["kind"] in (["notifier.order.tracked.v1"], ["tracked"])


async def test_expires_and_while(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, hook)
    settings["sinks"]["other"] = webhook(hook, url=f"{hook.base}/while")
    settings["rules"] = [
        {
            "name": "expires",
            "when": {"type": "phase_changed", "phase": "arrived"},
            "send": [{"sink": "hook", "expires": "1s"}, {"sink": "other", "while": {"phase": ["arrived"]}}],
        }
    ]
    program = programs(settings)
    await program.start()
    hook.answer = lambda _: (500, {})
    await follow(program, api, "o")
    api.show("o", ride("waiting"))
    await until(lambda: {each.path for each in hook.received} == {"/hook", "/while"})
    api.show("o", ride("transporting"))
    await api.seen("o")
    seen: list[Any] = []

    async def expired() -> bool:
        seen[:] = await deliveries(program, "state=expired")
        return len(seen) == 2

    await until(expired, lambda: seen)
    reasons = {each["sink"]: each["reason"] for each in seen}
    assert reasons["other"] == "overtaken"
    assert reasons["hook"]
    count = len(hook.received)
    hook.answer = lambda _: (204, {})
    await asyncio.sleep(0.5)
    assert len(hook.received) == count
    last = max(each.at for each in hook.received if each.path == "/hook")
    begun = min(each.at for each in hook.received if each.path == "/hook")
    assert last - begun < 1.5
    retry = await program.ask("POST", f"/v1/deliveries/{seen[0]['id']}/retry")
    assert retry.status == 202


async def test_a_receiver_that_hangs_holds_nobody_else(api: OrderApi, hook: Receiver, programs: Start) -> None:
    """Forty orders at an endpoint that never answers; another endpoint is told at once."""

    async def answer(each: Received) -> tuple[int, dict[str, str]]:
        if each.path == "/hangs":
            await asyncio.sleep(30)
        return 204, {}

    hook.answer = answer
    settings = config(api, hook)
    settings["sinks"]["hangs"] = webhook(hook, url=f"{hook.base}/hangs", timeout="20s")
    settings["rules"] = [{"name": "both", "when": {}, "send": [{"sink": "hangs"}, {"sink": "hook"}]}]
    program = programs(settings)
    await program.start()
    began = time.monotonic()
    for number in range(40):
        api.show(f"o{number}", ride("driving"))
        await program.watch("trips", f"o{number}")
    await until(lambda: len(hook.accepted()) == 40)
    assert time.monotonic() - began < 12
    assert (await program.get("/readyz")).status == 200


async def test_a_dead_order_api_does_not_stop_the_sending_and_the_console_prints(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    settings = config(api, hook)
    settings["sinks"]["out"] = {"type": "console"}
    settings["rules"] = [{"name": "all", "when": {}, "send": [{"sink": "out"}, {"sink": "hook"}]}]
    program = programs(settings)
    await program.start()
    await follow(program, api, "o")
    await api.play("o", ride("waiting"))
    await until(lambda: len(hook.accepted()) == 3)
    await until(lambda: len(program.stdout.read_text().splitlines()) == 3)
    printed = [json.loads(text) for text in program.stdout.read_text().splitlines()]
    events = await program.events("trips/o")
    assert [json.dumps(each, sort_keys=True).count("trips/o") > 0 for each in printed] == [True] * 3
    assert len(events) == 3


async def test_removal_drops_what_is_deferred_and_sends_what_is_due(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    settings = config(api, hook)
    settings["sinks"]["later"] = webhook(hook, url=f"{hook.base}/later")
    settings["rules"] = [
        {"name": "now", "when": {"type": "tracked"}, "send": [{"sink": "hook"}]},
        {"name": "later", "when": {"type": "tracked"}, "delay": "60s", "send": [{"sink": "later"}]},
    ]
    program = programs(settings)
    await program.start()
    failing = True
    hook.answer = lambda _: (500, {}) if failing else (204, {})
    await follow(program, api, "o")
    await until(lambda: hook.received)
    (deferred,) = await deliveries(program, "state=pending&sink=later")
    assert deferred["reason"]
    assert deferred["next_attempt_at"]
    await program.remove("trips/o")
    failing = False
    await until(lambda: told(hook, "trips/o") == ["tracked driving/assigned"])
    seen: list[Any] = []

    async def dropped() -> bool:
        seen[:] = await deliveries(program, "sink=later")
        return all(each["state"] != "pending" for each in seen)

    await until(dropped)
    assert seen[0]["reason"]
    assert seen[0]["reason"] in str(await program.why("trips/o"))
    assert hook.accepted("/later") == []
