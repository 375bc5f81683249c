"""The SMS gateways' side: servers that answer as Twilio, Vonage and one of our own do, and remember what they took."""

import base64
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

ACCOUNT, TOKEN = "AC0123456789abcdef", "twilio-t0ken-secret"
API_KEY, API_SECRET = "k3y12345", "vonage-s3cret"
OUR_SECRET = "gateway-s3cret-word"

Answer = tuple[int, Any]


@dataclass
class Text:
    """One SMS that reached a gateway whole, whatever was answered."""

    at: float  # time.time()
    gateway: str
    to: str
    text: str
    id: str
    raw: bytes


def accepts(text: Text) -> Answer:
    match text.gateway:
        case "twilio":
            return 201, {"sid": "SM0123456789", "status": "queued", "to": text.to, "body": text.text}
        case "vonage":
            part = {"to": text.to.removeprefix("+"), "message-id": "0A0", "status": "0", "remaining-balance": "3.1"}
            return 200, {"message-count": "1", "messages": [part]}
        case _:
            return 202, {"accepted": True}


class Gateways:
    """All three on one port: `/twilio`, `/vonage` and `/http` precede the documented paths. Logins are checked."""

    def __init__(self) -> None:
        self.taken: list[Text] = []
        self.answer: Callable[[Text], Answer | Awaitable[Answer]] = accepts
        self._runner: web.AppRunner | None = None
        self._port = 0

    async def start(self) -> Self:
        app = web.Application()
        app.router.add_post(f"/twilio/2010-04-01/Accounts/{ACCOUNT}/Messages.json", self._twilio)
        app.router.add_post("/vonage/sms/json", self._vonage)
        app.router.add_post("/http/send", self._http)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def sink(self, gateway: str, **more: Any) -> dict[str, Any]:
        """The settings of an SMS sink that sends here."""
        own: dict[str, Mapping[str, Any]] = {
            "twilio": {"account_sid": ACCOUNT, "auth_token": TOKEN, "from": "+15005550006"},
            "vonage": {"api_key": API_KEY, "api_secret": API_SECRET, "from": "Rides"},
            "http": {
                "url": "/send",
                "headers": {"Authorization": "Bearer {secret}"},
                "secret": OUR_SECRET,
                "json": {"to": "{to}", "text": "{text}", "id": "{id}"},
            },
        }
        return {
            "type": "sms",
            "gateway": gateway,
            "base_url": f"http://127.0.0.1:{self._port}/{gateway}",
            "retries": ["100ms", "200ms", "400ms"],
            "timeout": "5s",
            **own[gateway],
            **more,
        }

    def texts(self, gateway: str | None = None, to: str | None = None) -> list[str]:
        return [
            each.text
            for each in self.taken
            if (gateway is None or each.gateway == gateway) and (to is None or each.to == to)
        ]

    async def _twilio(self, request: web.Request) -> web.Response:
        raw = await request.read()
        login = base64.b64encode(f"{ACCOUNT}:{TOKEN}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {login}":
            return web.json_response({"code": 20003, "message": "Authenticate", "status": 401}, status=401)
        form = await request.post()
        return await self._take("twilio", str(form["To"]), str(form["Body"]), "", raw)

    async def _vonage(self, request: web.Request) -> web.Response:
        raw = await request.read()
        form = await request.post()
        if (form["api_key"], form["api_secret"]) != (API_KEY, API_SECRET):
            return web.json_response({"messages": [{"status": "4", "error-text": "Bad Credentials"}]})
        return await self._take("vonage", "+" + str(form["to"]), str(form["text"]), str(form["client-ref"]), raw)

    async def _http(self, request: web.Request) -> web.Response:
        raw = await request.read()
        if request.headers.get("Authorization") != f"Bearer {OUR_SECRET}":
            return web.json_response({"message": "who are you"}, status=401)
        body = json.loads(raw)
        return await self._take("http", body["to"], body["text"], body["id"], raw)

    async def _take(self, gateway: str, to: str, text: str, id_: str, raw: bytes) -> web.Response:
        taken = Text(time.time(), gateway, to, text, id_, raw)
        self.taken.append(taken)
        said = self.answer(taken)
        status, body = said if isinstance(said, tuple) else await said
        return web.json_response(body, status=status)
