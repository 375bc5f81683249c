"""The other side of the email sink, for the demo: a mail server on loopback that keeps what it gets, and shows it."""

import asyncio
import html
import logging
from collections import deque
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import default
from typing import Any

from aiohttp import web
from aiosmtpd.smtp import SMTP

KEPT = 500
"""Mails; older ones go."""

# A mail is somebody else's HTML: it may show itself, and nothing more.
_POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="3">
<meta name="viewport" content="width=device-width"><title>Mails of the demo</title><style>
:root {{ color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }} body {{ max-width: 60rem; margin: 2rem auto;
padding: 0 1rem }} table {{ border-collapse: collapse; width: 100% }} td {{ padding: .3rem .8rem .3rem 0;
border-top: 1px solid #8884; vertical-align: top }} td:nth-child(-n+2) {{ white-space: nowrap; opacity: .75 }}
</style><h1>Mails of the demo</h1><p>{count} so far, the newest first. Each is shown as its recipient sees it;
<i>source</i> is the whole of it, as the server got it.</p><table>{rows}</table></html>"""


class Mailroom:
    """Both ports are any free ones."""

    def __init__(self) -> None:
        self._mails: deque[tuple[int, bytes, EmailMessage]] = deque(maxlen=KEPT)
        self._server: asyncio.Server | None = None
        self._runner: web.AppRunner | None = None
        self.count = 0
        self.smtp_port = 0
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    async def start(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: SMTP(self, hostname="demo", loop=loop), "127.0.0.1", 0)
        self.smtp_port = self._server.sockets[0].getsockname()[1]
        app = web.Application()
        app.router.add_get("/", self._list)
        app.router.add_get(r"/{number:\d+}", self._one)
        app.router.add_get(r"/{number:\d+}.eml", self._source)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.port = self._runner.addresses[0][1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def handle_DATA(self, _server: SMTP, _session: Any, envelope: Any) -> str:  # noqa: N802 (aiosmtpd's name)
        mail = BytesParser(policy=default).parsebytes(envelope.content)
        assert isinstance(mail, EmailMessage)
        self.count += 1
        self._mails.append((self.count, envelope.content, mail))
        return "250 2.0.0 kept"

    async def _list(self, _: web.Request) -> web.Response:
        rows = "".join(_row(number, mail) for number, _, mail in reversed(self._mails))
        page = _PAGE.format(count=self.count, rows=rows)
        return _shown(page, "text/html", "default-src 'none'; style-src 'unsafe-inline'")

    async def _one(self, request: web.Request) -> web.Response:
        _, mail = self._find(request)
        body = mail.get_body(("html", "plain"))
        assert isinstance(body, EmailMessage)
        return _shown(str(body.get_content()), body.get_content_type(), _POLICY)

    async def _source(self, request: web.Request) -> web.Response:
        content, _ = self._find(request)
        return _shown(content.decode(errors="replace"), "text/plain", _POLICY)

    def _find(self, request: web.Request) -> tuple[bytes, EmailMessage]:
        for number, content, mail in self._mails:
            if number == int(request.match_info["number"]):
                return content, mail
        raise web.HTTPNotFound(text="This mail is not kept any more.\n")


def _row(number: int, mail: EmailMessage) -> str:
    at, to, subject = (html.escape(str(mail[name] or "")) for name in ("Date", "To", "Subject"))
    link = f'<a href="/{number}">{subject or "(no subject)"}</a> · <a href="/{number}.eml">source</a>'
    return f"<tr><td>{at}</td><td>{to}</td><td>{link}</td></tr>"


def _shown(text: str, type: str, policy: str) -> web.Response:
    headers = {"Content-Security-Policy": policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
    return web.Response(text=text, content_type=type, charset="utf-8", headers=headers)
