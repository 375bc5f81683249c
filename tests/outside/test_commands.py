"""The commands, as a user types them."""

import asyncio
import json
import sqlite3
import subprocess
import time

import jsonschema
import pytest
import yaml
from openapi_spec_validator import validate
from standardwebhooks import Webhook

from tests.outside.bodies import Body, business
from tests.outside.configs import config, source, webhook
from tests.outside.conftest import Start
from tests.outside.order_api import OrderApi, failing
from tests.outside.program import NOTIFIER, command, free_port
from tests.outside.receiver import SECRET, Receiver, derived, signature
from tests.outside.telling import lines
from tests.outside.waiting import until


def ride(status: str) -> Body:
    return business(status, performer=None, cancel_rules=None)


async def test_a_session_with_the_running_service(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook, sink={"retries": []}))
    await program.start()
    for name in ("o", "p", "a b", "c"):
        api.show(name, ride("driving"))
    added = await program.run(
        "watch", "add", "trips", "o", "--id", "client_id=other", "--email", "a@example.org", "--phone", "+79120995513",
        "--webhook", "https://example.org/x", "--locale", "ru", "--label", "team=sales", "--json",
    )  # fmt: skip
    assert added.code == 0, added
    (watch,) = (await program.get("/v1/watches")).json["items"]
    assert added.json["key"] == watch["key"] == "trips/other/o"
    assert watch["labels"] == {"team": "sales"}
    assert {"email", "phone", "webhook"} <= {
        name for each in watch["recipients"] for name, value in each.items() if value
    }
    assert {each["locale"] for each in watch["recipients"]} == {"ru"}
    assert (await program.run("watch", "add", "trips", "a b")).code == 0
    file = program.folder / "watches.jsonl"
    bodies = [{"source": "trips", "ids": {"order_id": name}} for name in ("p", "c")]
    file.write_text("".join(json.dumps(body) + "\n" for body in bodies))
    imported = await program.run("watch", "import", str(file), "--json")
    assert imported.code == 0, imported
    await api.seen("c")
    file.write_text(json.dumps(bodies[0]) + "\n{broken\n" + json.dumps({"source": "nowhere", "ids": {}}) + "\n")
    partly = await program.run("watch", "import", str(file))
    assert partly.code == 1
    assert "2" in partly.err
    assert "3" in partly.err
    listed = await program.run("watch", "list", "--json")
    assert listed.code == 0
    for key in ("trips/other/o", "trips/a b", "trips/p", "trips/c"):
        assert key in listed.out
    await api.play("p", ride("waiting"))
    await until(lambda: len(hook.of("trips/p")) == 3)
    shown = {
        "orders": "arrived",
        "orders trips/p": "arrived",
        "why trips/p": "everything",
        "deliveries": "delivered",
        "events trips/p": "arrived",
    }
    for typed, word in shown.items():
        as_json = await program.run(*typed.split(), "--json")
        assert as_json.code == 0, as_json
        assert word in as_json.out, typed
        assert as_json.out.lstrip()[0] in "{[", typed
    for typed in ("orders", "why trips/p"):
        plain = await program.run(*typed.split())
        assert plain.code == 0, plain
        assert shown[typed] in plain.out, typed
    missing = await program.run("orders", "trips/none")
    assert missing.code == 1
    assert missing.err.strip()
    hook.answer = lambda _: (500, {})
    await api.play("c", ride("waiting"))

    async def dead() -> bool:
        return bool((await program.get("/v1/deliveries?state=dead")).json["items"])

    await until(dead)
    given_up = await program.run("deliveries", "--state", "dead", "--json")
    assert given_up.code == 0
    hook.answer = lambda _: (204, {})
    (id_, *_) = [each["id"] for each in (await program.get("/v1/deliveries?state=dead")).json["items"]]
    assert id_ in given_up.out
    assert (await program.run("deliveries", "retry", id_)).code == 0
    await until(lambda: id_ in {each.id for each in hook.accepted()})
    assert (await program.run("deliveries", "retry", "nonsense")).code == 1
    removed = await program.run("watch", "remove", "trips/p")
    assert removed.code == 0, removed
    assert (await program.run("watch", "remove", "trips/p")).code == 1
    wrong = await program.run("watch", "add", "nowhere", "o")
    assert wrong.code in (1, 2)
    assert "nowhere" in wrong.err or "source" in wrong.err
    for failed in (missing, wrong, partly):
        assert "Traceback" not in failed.err


async def test_events_are_followed(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    await program.start()
    following = await asyncio.create_subprocess_exec(
        *NOTIFIER, "events", "--follow", "--json", "-c", str(program.file),
        stdout=asyncio.subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=program.folder,
    )  # fmt: skip
    try:
        assert following.stdout is not None
        api.show("o", ride("driving"))
        await program.watch("trips", "o")
        await api.seen("o")

        async def line() -> object:
            assert following.stdout is not None
            return json.loads(await asyncio.wait_for(following.stdout.readline(), 15))

        number = 0
        while True:  # it says nothing of what happened before it was there
            number += 1
            api.show("o", ride(("waiting", "expired")[number % 2]))
            await api.seen("o", 3)
            try:
                first = await asyncio.wait_for(line(), 1)
                break
            except TimeoutError:
                assert number < 20
        assert isinstance(first, dict)
        assert first["subject"] == "trips/o"
        assert first in await program.events("trips/o")
    finally:
        following.terminate()
        await following.wait()


async def test_no_service(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    for arguments in (
        ["orders"],
        ["watch", "list"],
        ["watch", "add", "trips", "o"],
        ["why", "trips/o"],
        ["deliveries"],
    ):
        done = await program.run(*arguments)
        assert done.code == 1, arguments
        assert str(program.port) in done.err
        assert "Traceback" not in done.err
    assert (await program.run("orders", "--url", f"http://127.0.0.1:{free_port()}")).code == 1


async def test_check_says_everything_at_once(api: OrderApi, programs: Start) -> None:
    right = config(api, None)
    program = programs(right)
    good = await program.run("check")
    assert good.code == 0, good
    wrong = {
        "retention": 30,
        "unknown_section": 1,
        "log": {"level": "loud"},
        "events": {"personal_data": "perhaps"},
        "sources": {
            "trips": source("business_v2", api, poll={"nowhere": "5s", "default": "10ms"}, token=""),
            "plain": source("business_v2", api, base_url="http://example.org"),
            "what": {"type": "nothing"},
            "env": source("progress", api, token="${NOT_SET_ANYWHERE}"),
            "file": source("progress", api, token=None, token_file="/nowhere/token"),
            "bare": {"type": "restaurant", "token": "x"},
        },
        "sinks": {"hook": {"type": "webhook", "url": "https://example.org", "secret": "whsec_c2hvcnQ="}},
        "rules": [
            {"name": "a", "when": {"type": "exploded", "phase": "nowhere"}, "send": [{"sink": "missing"}]},
            {"name": "b", "when": {"source": "elsewhere"}, "send": [{"sink": "hook", "template": "none"}], "x": 1},
        ],
        "watches": [{"source": "elsewhere", "ids": {"order_id": "1"}}],
    }
    program.write(wrong)
    bad = await program.run("check")
    assert bad.code == 2
    for path in (
        "retention", "unknown_section", "log.level", "events.personal_data", "sources.trips.poll",
        "sources.trips.token",
        "sources.plain.base_url", "sources.what", "sources.env.token", "sources.file.token_file",
        "sources.bare.base_url", "sinks.hook.secret", "rules", "watches",
    ):  # fmt: skip
        assert path in bad.out + bad.err, path
    for word in ("exploded", "nowhere", "missing", "elsewhere", "none", "NOT_SET_ANYWHERE"):
        assert word in bad.out + bad.err, word
    assert "Traceback" not in bad.err
    process = await program.spawn()
    assert await asyncio.wait_for(process.wait(), 15) == 2
    assert "unknown_section" in program.log()
    assert not (program.folder / "var").exists()
    for text in (
        "",
        "sources: [",
        "a: &a [*a]",
        "\x00",
        "- 1",
        "sources: {trips: null}",
        "!!python/object:os.system x",
    ):
        program.file.write_text(text)
        done = await program.run("check")
        assert done.code == 2, (text, done)
        assert "Traceback" not in done.err
        assert len(done.err.splitlines()) < 12
    program.file.unlink()
    assert (await program.run("check")).code == 2


async def test_an_api_token_is_needed_off_loopback(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None, api={"host": "0.0.0.0"}))
    done = await program.run("check")
    assert done.code == 2
    assert "token" in done.err
    (program.folder / "tokens").write_text("long-enough-token\n")
    program.write(config(api, None, api={"host": "0.0.0.0", "token_file": "tokens"}))
    assert (await program.run("check")).code == 0
    (program.folder / "tokens").write_text("\n")
    assert (await program.run("check")).code == 2


async def test_check_live(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    fine = await program.run("check", "--live")
    assert fine.code == 0, fine  # 404 is what an order nobody knows gets
    assert len(api.asked) == 1
    api.tokens = set()
    refused = await program.run("check", "--live")
    assert refused.code == 1
    assert "t0ken" not in refused.out + refused.err
    api.tokens = None
    api.instead = failing(500)
    assert (await program.run("check", "--live")).code == 1
    await api.stop()
    gone = await program.run("check", "--live", within=60)
    assert gone.code == 1
    assert "trips" in gone.out + gone.err


async def test_the_environment_is_read_before_typing(api: OrderApi, hook: Receiver, programs: Start) -> None:
    settings = config(api, None, source={"token": "${TRIPS_TOKEN}", "timeout": "${NOTHING:-4s}"})
    program = programs(settings, env={"TRIPS_TOKEN": "from-env"})
    await program.start()
    api.show("o", ride("driving"))
    await program.watch("trips", "o")
    await api.seen("o", 1)
    assert api.asked[0].headers["Authorization"] == "Bearer from-env"


async def test_schemas(api: OrderApi, programs: Start) -> None:
    schemas = {}
    for name in ("config", "event", "openapi"):
        done = await command("schema", name, "--json")
        assert done.code == 0
        schemas[name] = done.json
    validate(schemas["openapi"])
    for name in ("config", "event"):
        jsonschema.Draft202012Validator.check_schema(schemas[name])
    program = programs(config(api, None))
    validator = jsonschema.Draft202012Validator(schemas["config"])
    validator.validate(yaml.safe_load(program.file.read_text()))
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"sources": {"trips": {"type": "nothing"}}})
    with pytest.raises(jsonschema.ValidationError):
        validator.validate({"no_such_section": 1})
    assert (await command("schema", "nothing")).code == 2


async def test_signing_by_the_published_vectors(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("keys")
    body = b'{"test": 2432232314}'
    id_, at = "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330"
    vectors = {
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
        "whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==": (
            "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
        ),
    }
    file = folder / "both"
    file.write_text("\n".join(vectors) + "\n")
    options = ("--secret-file", str(file), "--id", id_, "--timestamp", at)
    signed = await command("sign", *options, stdin=body)
    assert signed.code == 0
    headers = dict(line.split(": ", 1) for line in signed.out.strip().splitlines())
    assert {name.lower() for name in headers} == {"webhook-id", "webhook-timestamp", "webhook-signature"}
    given = {name.lower(): value for name, value in headers.items()}
    assert given == {"webhook-id": id_, "webhook-timestamp": at, "webhook-signature": " ".join(vectors.values())}
    for each in vectors.values():
        assert (await command("verify-signature", *options, "--signature", each, stdin=body)).code == 0
    forged = await command("verify-signature", *options, "--signature", each, stdin=body + b" ")
    assert forged.code == 1
    assert (await command("verify-signature", *options, "--signature", "v1,AAAA", stdin=body)).code == 1
    (folder / "empty").write_text("")
    empty = await command("sign", "--secret-file", str(folder / "empty"), "--id", id_, "--timestamp", at, stdin=body)
    assert empty.code == 2
    assert "Traceback" not in empty.err


async def test_listening_to_a_running_service(api: OrderApi, programs: Start) -> None:
    program = programs(config(api, None))
    port = free_port()
    (program.folder / "secret").write_text(SECRET + "\n")
    settings = config(api, None)
    settings["sinks"] = {
        "hook": {
            "type": "webhook",
            "url": f"http://127.0.0.1:{port}/",
            "secret_file": "secret",
            "allow_networks": ["127.0.0.0/8"],
            "retries": ["100ms", "100ms", "100ms"],
        }
    }
    settings["rules"] = [{"name": "all", "when": {}, "send": [{"sink": "hook"}]}]
    program.write(settings)
    printed = program.folder / "listened"
    with printed.open("wb") as out:
        listening = await asyncio.create_subprocess_exec(
            *NOTIFIER, "listen", "--port", str(port), "--secret-file", "secret", "--fail", "503,429", "--json",
            stdout=out, stderr=subprocess.DEVNULL, cwd=program.folder,
        )  # fmt: skip
    try:
        await program.start()
        api.show("o", ride("driving"))
        await program.watch("trips", "o")

        async def delivered() -> bool:
            return bool((await program.get("/v1/deliveries?state=delivered")).json["items"])

        await until(delivered)
        (delivery,) = (await program.get("/v1/deliveries")).json["items"]
        statuses = [each["status"] for each in delivery["attempts"]]
        assert statuses[-3:-1] == [503, 429]
        assert 200 <= statuses[-1] < 300
        await until(lambda: printed.read_text().count(delivery["id"]) >= 3, lambda: printed.read_text())
        assert "trips/o" in printed.read_text()
    finally:
        listening.terminate()
        assert await asyncio.wait_for(listening.wait(), 10) in (0, 130, 143, -15)


async def test_secrets_of_recipients(api: OrderApi, hook: Receiver, programs: Start) -> None:
    program = programs(config(api, hook))
    url = "https://example.org/a?b=c"
    done = await program.run("webhook-secret", "hook", url)
    assert (done.code, done.out.strip()) == (0, derived(SECRET, url))
    assert json.dumps(derived(SECRET, url)) in (await program.run("webhook-secret", "hook", url, "--json")).out
    nothing = await program.run("webhook-secret", "nothing", url)
    assert nothing.code == 2
    assert "nothing" in nothing.err
    Webhook(derived(SECRET, url)).verify(
        b"{}", {"webhook-id": "x", "webhook-timestamp": (at := str(int(time.time()))),
                "webhook-signature": signature(derived(SECRET, url), "x", int(at), b"{}")},
    )  # fmt: skip


async def test_backup_while_running_and_a_new_life_after_restore(
    api: OrderApi, hook: Receiver, programs: Start
) -> None:
    program = programs(config(api, hook))
    await program.start()
    names = [f"o{number}" for number in range(20)]
    for name in names:
        api.show(name, ride("driving"))
        await program.watch("trips", name)
    await asyncio.gather(*(api.seen(name) for name in names))
    lives = {name: (await program.order(f"trips/{name}"))["life"] for name in names}
    copy = program.folder / "backup.db"
    done = await program.run("backup", str(copy))
    assert done.code == 0, done
    with sqlite3.connect(copy) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    connection.close()
    refused = await program.run("restore", str(copy))
    assert refused.code == 1, refused  # the service is running on the file
    assert (await program.get("/readyz")).status == 200
    await asyncio.gather(*(api.play(name, ride("waiting")) for name in names))
    await until(lambda: len(hook.accepted()) == 60)
    await program.stop()
    restored = await program.run("restore", str(copy))
    if restored.code != 0:  # a file that is there is not replaced unasked
        assert "--force" in restored.err
        restored = await program.run("restore", str(copy), "--force")
    assert restored.code == 0, restored
    await program.start()
    await asyncio.gather(*(api.seen(name) for name in names))
    for name in names:
        events = await program.events(f"trips/{name}")
        new = [event for event in events if event["data"]["order"]["life"] != lives[name]]
        assert lines(new) == ["tracked waiting/arrived"], lines(events)
        assert new[0]["data"]["sequence"] == 1
        assert new[0]["data"]["order"]["life"] > lives[name]
        assert (await program.order(f"trips/{name}"))["life"] == new[0]["data"]["order"]["life"]
    ids = [each.id for each in hook.accepted()]
    await until(lambda: len(hook.accepted()) == 80, lambda: f"{len(ids)}")
    (program.folder / "broken").write_bytes(b"nothing of a database")
    await program.stop()
    before = (program.folder / "var" / "notifier.db").read_bytes()
    broken = await program.run("restore", str(program.folder / "broken"), "--force")
    assert broken.code in (1, 2)
    assert "Traceback" not in broken.err
    assert (program.folder / "var" / "notifier.db").read_bytes() == before
    missing = await program.run("restore", str(program.folder / "missing"))
    assert missing.code in (1, 2)
    assert "Traceback" not in missing.err


async def test_help_and_bad_usage() -> None:
    assert (await command("--help")).code == 0
    assert (await command("nonsense")).code == 2
    assert (await command("watch", "add")).code == 2


async def test_a_made_up_event_over_one_sink(api: OrderApi, hook: Receiver, programs: Start) -> None:
    sinks = {"hook": webhook(hook, retries=["10ms"]), "out": {"type": "console"}, "bare": webhook(None)}
    program = programs({"sources": {"trips": source("business_v2", api)}, "sinks": sinks})
    done = await program.run("send-test", "hook")
    assert (done.code, done.out) == (0, "delivered 204\n")
    own = hook.received[-1]
    assert own.signatures == [signature(SECRET, own.id, own.timestamp, own.body)]
    assert own.payload["type"] == "notifier.order.tracked.v1"
    assert own.key == "test/send-test"

    address = f"{hook.base}/recipient"
    done = await program.run("send-test", "bare", "--to", address, "--json")
    theirs = hook.received[-1]
    assert done.code == 0
    assert done.json == {
        "id": theirs.id, "sink": "bare", "to": "127.0.0.1", "delivered": True,
        "status": "204", "reason": None, "detail": "",
    }  # fmt: skip
    assert theirs.path == "/recipient"
    assert theirs.signatures == [signature(derived(SECRET, address), theirs.id, theirs.timestamp, theirs.body)]

    done = await program.run("send-test", "out")
    assert done.code == 0
    assert json.loads(done.out.splitlines()[0])["subject"] == "test/send-test"

    count = len(hook.received)
    hook.answer = lambda _: (503, {})
    done = await program.run("send-test", "hook")
    assert (done.code, done.out, done.err) == (1, "", "not delivered: server_error (503)\n")
    assert len(hook.received) == count + 1  # once
    done = await program.run("send-test", "hook", "--to", "http://10.0.0.1/")
    assert done.code == 1
    assert "forbidden_target" in done.err
    assert (await program.run("send-test", "bare")).code == 1
    assert (await program.run("send-test", "nope")).code == 2
    assert (await program.run("send-test", "out", "--to", address)).code == 2
