"""The gateways one by one: how they are asked, and what only they say."""

import json
from base64 import b64decode
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.sinks import REGISTRY
from tests.contracts.gateway import SECRET, TO, Dialect, GatewayContract, GatewayRig, Sms
from tests.sinks import peer
from tests.sinks.peer import Taken


def said(answer: Any, status: int = 200) -> peer.Answer:
    return peer.status(status, "content-type: application/json", body=json.dumps(answer).encode())


def form(taken: Taken) -> dict[str, str]:
    assert taken.headers["content-type"] == "application/x-www-form-urlencoded"
    return dict(parse_qsl(taken.body.decode(), strict_parsing=True))


def message_of(words: str) -> bytes:
    return json.dumps({"code": 21211, "message": words, "status": 400}).encode()


class TestTwilio(GatewayContract):
    dialect = Dialect(
        settings=lambda url: {
            "gateway": "twilio",
            "account_sid": "AC5ecret",
            "auth_token": SECRET,
            "from": "+15005550006",
            "base_url": url,
        },
        accepted=said({"sid": "SM1", "status": "queued", "error_code": None}, 201),
        read=lambda taken: Sms(form(taken)["To"], form(taken)["Body"]),
        refusal=message_of,
        secrets=("QUM1ZWNyZXQ6czNjcmV0LXRva2Vu",),
    )

    async def test_the_request_is_the_documented_one(self, rig: GatewayRig) -> None:
        await self.send(rig, self.message(rig))
        (taken,) = rig.peer.taken

        assert (taken.method, taken.path) == ("POST", "/2010-04-01/Accounts/AC5ecret/Messages.json")
        assert b64decode(taken.headers["authorization"].removeprefix("Basic ")).decode() == f"AC5ecret:{SECRET}"
        assert form(taken) == {"To": TO, "From": "+15005550006", "Body": "It waits. 1"}

    async def test_its_words_are_the_reason(self, rig: GatewayRig) -> None:
        await rig.set_answer(peer.status(400, body=message_of(f"The 'To' number {TO} is not a valid phone number.")))
        outcome = await self.send(rig, self.message(rig))

        assert outcome.detail == "21211 The 'To' number *** is not a valid phone number."

    @pytest.mark.parametrize(
        ("answer", "kind", "reason"),
        [
            ({"sid": "SM1", "status": "accepted"}, "delivered", None),
            ({"sid": "SM1", "status": "failed", "error_code": 30008, "error_message": "x"}, "dead", Reason.REFUSED),
            ({"status": "queued"}, "dead", Reason.OUTCOME_UNKNOWN),
            ([], "dead", Reason.OUTCOME_UNKNOWN),
        ],
    )
    async def test_what_it_says_of_the_message_counts(
        self, rig: GatewayRig, answer: Any, kind: str, reason: Reason | None
    ) -> None:
        await rig.set_answer(said(answer, 201))
        outcome = await self.send(rig, self.message(rig))

        assert (outcome.kind, outcome.reason) == (kind, reason)

    async def test_a_messaging_service_may_stand_for_a_sender(self, rig: GatewayRig) -> None:
        service = "MG" + "0a" * 16
        dialect = self.dialect._replace(settings=lambda url: {**self.dialect.settings(url), "from": service})
        other = GatewayRig(dialect, rig.peer)
        await self.send(other, self.message(rig))
        await other.sink.close()

        assert form(rig.peer.taken[0])["MessagingServiceSid"] == service


def parts(*statuses: str) -> dict[str, Any]:
    listed = [{"status": status, **({} if status == "0" else {"error-text": f"text {status}"})} for status in statuses]
    return {"message-count": str(len(statuses)), "messages": listed}


class TestVonage(GatewayContract):
    dialect = Dialect(
        settings=lambda url: {
            "gateway": "vonage",
            "api_key": "abcd1234",
            "api_secret": SECRET,
            "from": "Rides",
            "base_url": url,
        },
        accepted=said(parts("0")),
        read=lambda taken: Sms("+" + form(taken)["to"], form(taken)["text"]),
        refusal=lambda words: json.dumps({"type": "x", "title": "No", "detail": words}).encode(),
        secrets=(),
    )

    async def test_the_request_is_the_documented_one(self, rig: GatewayRig) -> None:
        await self.send(rig, self.message(rig))
        await self.send(rig, self.message(rig)._replace(text="Ждёт"))
        plain, cyrillic = rig.peer.taken

        assert (plain.method, plain.path) == ("POST", "/sms/json")
        assert form(plain) == {
            "api_key": "abcd1234",
            "api_secret": SECRET,
            "from": "Rides",
            "to": TO[1:],
            "text": "It waits. 1",
            "type": "text",
            "client-ref": "d1",
        }
        assert form(cyrillic)["type"] == "unicode"

    @pytest.mark.parametrize(
        ("answer", "kind", "reason", "words"),
        [
            (parts("0", "0"), "delivered", None, ""),
            (parts("1"), "again", Reason.THROTTLED, "1 text 1"),
            (parts("1", "10"), "again", Reason.THROTTLED, "1 text 1"),
            (parts("4"), "dead", Reason.UNAUTHORIZED, "4 text 4"),
            (parts("9"), "dead", Reason.REFUSED, "9 text 9"),
            (parts("1", "9"), "dead", Reason.REFUSED, "1 text 1"),
            (parts("5"), "dead", Reason.OUTCOME_UNKNOWN, "5 text 5"),
            (parts("0", "1"), "dead", Reason.OUTCOME_UNKNOWN, "1 text 1"),
            (parts(), "dead", Reason.OUTCOME_UNKNOWN, "the answer tells no status of the message"),
            ({"messages": [{}]}, "dead", Reason.OUTCOME_UNKNOWN, "the answer tells no status of the message"),
            ({"messages": "0"}, "dead", Reason.OUTCOME_UNKNOWN, "the answer tells no status of the message"),
            (["0"], "dead", Reason.OUTCOME_UNKNOWN, "the answer tells no status of the message"),
        ],
    )
    async def test_the_status_in_the_body_counts(
        self, rig: GatewayRig, answer: Any, kind: str, reason: Reason | None, words: str
    ) -> None:
        await rig.set_answer(said(answer))
        outcome = await self.send(rig, self.message(rig))

        assert (outcome.kind, outcome.status, outcome.reason, outcome.detail) == (kind, "200", reason, words)


def http(at: str, **fields: Any) -> Mapping[str, Any]:
    return {
        "gateway": "http",
        "base_url": at,
        "url": "/send?key=s3cret-key",
        "headers": {"Authorization": "Bearer {secret}", "Idempotency-Key": "{id}"},
        "secret": SECRET,
        "json": {"phones": ["{to}"], "body": {"text": "{text}"}, "flash": False, "n": 1},
        "ok": {"match": "status == 'ok'"},
        **fields,
    }


def of_json(taken: Taken) -> Sms:
    body = json.loads(taken.body)
    return Sms(body["phones"][0], body["body"]["text"])


class TestHttpJson(GatewayContract):
    dialect = Dialect(
        settings=http,
        accepted=said({"status": "ok"}, 202),
        read=of_json,
        refusal=lambda words: json.dumps({"error": words}).encode(),
        secrets=("s3cret-key",),
    )

    async def test_everything_is_filled(self, rig: GatewayRig) -> None:
        await self.send(rig, self.message(rig))
        (taken,) = rig.peer.taken

        assert (taken.method, taken.path) == ("POST", "/send?key=s3cret-key")
        assert taken.headers["authorization"] == f"Bearer {SECRET}"
        assert taken.headers["idempotency-key"] == "d1"
        assert taken.headers["content-type"] == "application/json"
        assert json.loads(taken.body) == {"phones": [TO], "body": {"text": "It waits. 1"}, "flash": False, "n": 1}

    @pytest.mark.parametrize(
        ("answer", "kind", "reason"),
        [
            (said({"status": "ok"}), "delivered", None),
            (said({"status": "ok"}, 203), "dead", Reason.OUTCOME_UNKNOWN),
            (said({"status": "no", "message": "no money"}), "dead", Reason.REFUSED),
            (said([1]), "dead", Reason.REFUSED),
            (peer.status(200, body=b"<html>ok"), "dead", Reason.OUTCOME_UNKNOWN),
            (peer.status(200), "dead", Reason.OUTCOME_UNKNOWN),
        ],
    )
    async def test_success_is_what_the_settings_say(
        self, rig: GatewayRig, answer: peer.Answer, kind: str, reason: Reason | None
    ) -> None:
        await rig.set_answer(answer)
        outcome = await self.send(rig, self.message(rig))

        assert (outcome.kind, outcome.reason) == (kind, reason)


class TestHttpForm(GatewayContract):
    dialect = Dialect(
        settings=lambda url: http(url, json=None, form={"psw": SECRET, "phones": "{to}", "mes": "{text}"}, ok={}),
        accepted=peer.status(200, body=b"OK"),
        read=lambda taken: Sms(form(taken)["phones"], form(taken)["mes"]),
        refusal=lambda words: json.dumps({"error": words}).encode(),
        secrets=(),
    )


class TestHttpQuery(GatewayContract):
    dialect = Dialect(
        settings=lambda url: http(
            url,
            base_url=None,
            url=f"{url}/sms/{{to}}?m={{text}}&p={SECRET}",
            method="GET",
            json=None,
            headers={},
            ok={"status": [204]},
        ),
        accepted=peer.status(204),
        read=lambda taken: Sms(
            urlsplit(taken.path).path.removeprefix("/sms/").replace("%2B", "+"),
            parse_qs(urlsplit(taken.path).query)["m"][0],
        ),
        refusal=lambda words: json.dumps({"detail": words}).encode(),
        secrets=(),
    )


@pytest.mark.parametrize("gateway", ["twilio", "vonage", "http"])
async def test_a_changed_secret_goes_with_the_next_request(gateway: str, tmp_path: Path) -> None:
    dialect = {"twilio": TestTwilio, "vonage": TestVonage, "http": TestHttpJson}[gateway].dialect
    file = tmp_path / "secret"
    file.write_text("first-one\n")
    name = {"twilio": "auth_token", "vonage": "api_secret", "http": "secret"}[gateway]

    def with_file(url: str) -> Mapping[str, Any]:
        values = dict(dialect.settings(url))
        del values[name]
        return {**values, f"{name}_file": str(file)}

    other = peer.Peer()
    await other.start()
    rig = GatewayRig(dialect._replace(settings=with_file), other)
    await GatewayContract.send(rig, GatewayContract.message(rig))
    file.write_text("second-one\n")
    await GatewayContract.send(rig, GatewayContract.message(rig))
    await rig.sink.close()
    await other.stop()

    shown = [b64decode(t.headers["authorization"][6:]) if gateway == "twilio" else str(t).encode() for t in other.taken]
    assert [b"first-one" in each for each in shown] == [True, False]
    assert b"second-one" in shown[1]


async def test_an_endpoint_tells_no_secret() -> None:
    for dialect in (TestTwilio.dialect, TestVonage.dialect, TestHttpJson.dialect, TestHttpQuery.dialect):
        values = {"type": "sms", **dialect.settings("http://127.0.0.1:9")}
        sink = REGISTRY["sms"].build("text", REGISTRY["sms"].settings.model_validate(values), SystemClock())
        assert sink.endpoint(TO) == "http://127.0.0.1:9"
        await sink.close()
