"""Chat services of many kinds over the library Apprise, which is optional: it is imported where it is configured only.

Apprise blocks, and cannot be interrupted. So each service is asked in a thread of its own, one message at a time, and
nobody waits for a thread beyond the attempt's time-out.
"""

import asyncio
import logging
import threading
import warnings
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Literal

import orjson
from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator

from notifier.clock import Clock
from notifier.errors import Reason
from notifier.fields import Secret
from notifier.model import Instant
from notifier.sinks.base import Address, Message, Outcome, SinkSettings
from notifier.sinks.body import sentence
from notifier.sinks.keys import Followed, read_secret
from notifier.sinks.reach import Reached

INSTALL = "pip install 'apprise>=1.9'"
WIKI = "https://github.com/caronc/apprise/wiki"


class AppriseSettings(SinkSettings):
    """`urls` as Apprise writes them; `urls_file` holds one a line, `#` begins a comment. They hold secrets."""

    type: Literal["apprise"]
    urls_file: str | None = None
    urls: tuple[str, ...] | None = Field(default=None, min_length=1, repr=False, validate_default=True)

    _urls: Secret = PrivateAttr()

    @field_validator("urls_file")
    @classmethod
    def _is_readable(cls, path: str | None) -> str | None:
        if path is not None:
            services(read_secret(path).get())
        return path

    @field_validator("urls")
    @classmethod
    def _are_services(cls, urls: tuple[str, ...] | None, info: ValidationInfo) -> tuple[str, ...] | None:
        if urls is not None:
            if info.data.get("urls_file") is not None:
                raise ValueError("is one too many: give urls or urls_file, not both")
            services("\n".join(urls))
        elif info.data.get("urls_file", "") is None:
            raise ValueError("is missing: give urls or urls_file")
        return urls

    @model_validator(mode="after")
    def _keep_urls(self) -> "AppriseSettings":
        self._urls = Secret("\n".join(self.urls or ())) if self.urls_file is None else read_secret(self.urls_file)
        return self

    @property
    def at_once(self) -> int:
        return 1  # a service that is slow must not let the others' messages through alone

    @property
    def wants_text(self) -> bool:
        return True

    @property
    def secret(self) -> Secret:
        """The URLs, read again when their file changes."""
        return self._urls


class AppriseSink:
    people = False
    at_most_once = False
    address: Address | None = None

    def __init__(self, name: str, settings: AppriseSettings) -> None:
        self._name = name
        self._timeout = settings.timeout / 1000
        self._services = Followed(settings.secret, services)

    def endpoint(self, _to: str | None) -> str:
        return self._name  # the URLs are secrets

    async def send(self, message: Message, _now: Instant) -> Outcome:
        text = message.text or sentence(message.event, orjson.loads(message.event.data))
        asked = [asyncio.ensure_future(service.tell(message.subject, text)) for service in self._services.get()]
        try:
            await asyncio.wait(asked, timeout=self._timeout)
        finally:
            for each in asked:
                each.cancel()  # nobody waits any longer; its thread ends when it may
        return _outcome([each.result() if each.done() and not each.cancelled() else None for each in asked])

    async def close(self) -> None:
        """Threads that still run are daemons: they hold up nothing."""


async def reach(_settings: AppriseSettings, _clock: Clock) -> Reached:
    return Reached(None, "not tried: these services can be asked only by a message")


def build(name: str, settings: AppriseSettings, _clock: Clock) -> AppriseSink:
    return AppriseSink(name, settings)


def services(text: str) -> tuple["Service", ...]:
    """One for each line; ValueError without showing a URL."""
    lines = [line.strip() for line in text.splitlines()]
    urls = [line for line in lines if line and not line.startswith("#")]
    if not urls:
        raise ValueError(f"holds no URL: write one a line, as in slack://… ({WIKI})")
    return tuple(Service(_client(url, number)) for number, url in enumerate(urls, 1))


def _client(url: str, number: int) -> Any:
    try:
        import apprise
    except ImportError:
        raise ValueError(f"needs a package that is not installed: {INSTALL}") from None
    logging.getLogger("apprise").propagate = False  # its lines hold URLs, that is, secrets
    client = apprise.Apprise(asset=apprise.AppriseAsset(async_mode=False, secure_logging=True))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of what all its plugins import at the first URL
        known = client.add(url)
    if not known:
        raise ValueError(f"URL {number} is none that Apprise knows: see {WIKI}")
    return client


class Service:
    """One chat service. A thread that hangs keeps its turn, so that there is never more than one."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._turn = asyncio.Lock()

    async def tell(self, title: str, text: str) -> bool:
        """Whether it was taken. Plain text: what looks like markup in a name is none."""
        await self._turn.acquire()
        loop = asyncio.get_running_loop()
        told: asyncio.Future[bool] = loop.create_future()

        def finish(taken: bool) -> None:
            self._turn.release()
            if not told.done():
                told.set_result(taken)

        def run() -> None:
            try:
                taken = bool(self._client.notify(body=text, title=title, body_format="text"))
            except Exception:  # of a plugin: what it says may hold its URL
                taken = False
            with suppress(RuntimeError):  # the loop is closed: nobody wants to know any more
                loop.call_soon_threadsafe(finish, taken)

        threading.Thread(target=run, name="apprise", daemon=True).start()
        return await told


def _outcome(taken: Sequence[bool | None]) -> Outcome:
    """None is no answer in time. Sent again only where no service has taken it, for none should tell it twice."""
    count = sum(map(bool, taken))
    if count == len(taken):
        return Outcome("delivered")
    if count:
        return Outcome("dead", reason=Reason.REFUSED, detail=f"{count} of {len(taken)} services took it")
    if None in taken:
        return Outcome("again", reason=Reason.TIMEOUT, detail="no answer in time")
    return Outcome("again", reason=Reason.REJECTED, detail="not taken")
