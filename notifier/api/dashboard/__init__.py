"""The page at `/`: one self-contained document that only reads, and loads nothing from elsewhere."""

import base64
import hashlib
from functools import cache
from importlib.resources import files

from aiohttp import web


async def page(_: web.Request) -> web.Response:
    text, policy = _document()
    return web.Response(
        body=text,
        content_type="text/html",
        charset="utf-8",
        headers={"Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"},
    )


@cache
def _document() -> tuple[bytes, str]:
    """The page, and the policy that lets exactly its own style and script run."""
    style, script, html = (
        (files(__name__) / name).read_text(encoding="utf-8") for name in ("style.css", "script.js", "index.html")
    )
    policy = "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_hash(style)}'",
            f"script-src '{_hash(script)}'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    )
    return html.replace("/*style*/", style).replace("/*script*/", script).encode(), policy


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
