"""The apprise sink over one of its services that speaks HTTP, against a server that behaves in every way."""

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from notifier.clock import SystemClock
from notifier.errors import Reason
from notifier.sinks import REGISTRY
from notifier.sinks.apprise import AppriseSettings, AppriseSink
from notifier.sinks.base import Message
from tests.contracts.sink import Rig, SinkContract, T, published
from tests.sinks import peer
from tests.sinks.peer import Peer

ANSWERS: Mapping[str, peer.Answer] = {
    "bad_request": peer.status(400, body=b"s3cret-answer"),
    "unauthorized": peer.status(401),
    "throttled": peer.status(429),
    "broken": peer.status(500),
    "hang": peer.hang,
    "reset": peer.reset,
    "silence": peer.silence,
    "short": peer.short,
    "garbage": peer.garbage,
    "drip": peer.drip,
}


def url(other: Peer) -> str:
    return f"json://user:s3cret-password@127.0.0.1:{other.port}/s3cret-path"


def sink(*urls: str, **fields: Any) -> AppriseSink:
    settings = AppriseSettings.model_validate({"type": "apprise", "urls": list(urls), "timeout": "500ms", **fields})
    built = REGISTRY["apprise"].build("chat", settings, SystemClock())
    assert isinstance(built, AppriseSink)
    return built


class AppriseRig:
    to = None
    secrets = ("s3cret", "127.0.0.1")

    def __init__(self, other: Peer) -> None:
        self._peer = other
        other.answer = peer.status(200)
        self.sink = sink(url(other))
        self.faults: dict[str, Callable[[], Awaitable[None]]] = {
            name: partial(self._answer, answer) for name, answer in ANSWERS.items()
        }
        self.faults["refuse"] = other.stop

    async def _answer(self, answer: peer.Answer) -> None:
        self._peer.answer = answer

    async def heal(self) -> None:
        self._peer.answer = peer.status(200)
        await self._peer.stop()
        await self._peer.start()

    async def received(self) -> list[bytes]:
        return [taken.body for taken in self._peer.taken]


@pytest.fixture
async def other() -> AsyncIterator[Peer]:
    other = Peer()
    await other.start()
    other.answer = peer.status(200)
    yield other
    await other.stop()
    for thread in threading.enumerate():
        if thread.name == "apprise":
            await asyncio.to_thread(thread.join, 5)


class TestApprise(SinkContract):
    faults = (*ANSWERS, "refuse")
    hangs = "hang"

    @pytest.fixture
    def rig(self, other: Peer) -> AppriseRig:
        return AppriseRig(other)

    @staticmethod
    def message(rig: Rig, sequence: int = 1) -> Message:
        return Message(
            id=f"d{sequence}", to=None, event=published(sequence), subject="Your order", text=f"It waits. {sequence}"
        )


def text(words: str) -> Message:
    return Message("d", None, published(), subject="A title", text=words)


async def test_title_and_text_arrive_as_plain_text(other: Peer) -> None:
    words = "<b>Анна</b> *звёздочка* {{ 7*7 }} \u202e & «ждёт»"
    assert (await sink(url(other)).send(text(words), T)).kind == "delivered"
    told = json.loads(other.taken[0].body)

    assert (told["title"], told["message"]) == ("A title", words)


async def test_without_a_rendered_text_the_event_is_told_in_a_sentence(other: Peer) -> None:
    await sink(url(other)).send(Message("d", None, published()), T)

    assert json.loads(other.taken[0].body)["message"].startswith("Order trips/885e has the status")


async def test_several_services_are_told_at_once_and_none_twice(other: Peer) -> None:
    second = Peer()
    await second.start()
    second.answer = peer.status(500)
    both = sink(url(other), url(second))
    outcome = await both.send(text("x"), T)
    assert (outcome.kind, outcome.reason, outcome.detail) == ("dead", Reason.REFUSED, "1 of 2 services took it")

    second.answer = peer.status(200)
    assert (await both.send(text("x"), T)).kind == "delivered"
    await second.stop()


async def test_a_service_that_hangs_has_one_thread_and_stalls_nobody(other: Peer) -> None:
    other.answer = peer.hang
    hung = sink(url(other), timeout="50ms")
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(tick())
    outcomes = await asyncio.gather(*(hung.send(text(str(n)), T) for n in range(10)))
    ticking.cancel()

    assert {(outcome.kind, outcome.reason) for outcome in outcomes} == {("again", Reason.TIMEOUT)}
    assert [thread.name for thread in threading.enumerate()].count("apprise") == 1
    assert turns > 20


async def test_the_file_of_urls_is_read_again(other: Peer, tmp_path: Path) -> None:
    file = tmp_path / "urls"
    file.write_text(f"# ours\n\n{url(other)}/first\n")
    chat = sink(urls=None, urls_file=str(file))
    await chat.send(text("x"), T)
    file.write_text(f"{url(other)}/second\n")
    await chat.send(text("x"), T)

    assert [taken.path for taken in other.taken] == ["/s3cret-path/first", "/s3cret-path/second"]


@pytest.mark.parametrize(
    ("fields", "where", "words"),
    [
        ({}, "urls", "is missing: give urls or urls_file"),
        ({"urls": []}, "urls", "at least 1"),
        ({"urls": ["# none"]}, "urls", "holds no URL"),
        ({"urls": ["json://h", "nope://s3cret"]}, "urls", "URL 2 is none that Apprise knows"),
        ({"urls_file": "/nonexistent"}, "urls_file", "cannot be read"),
    ],
)
def test_what_cannot_work_is_an_error_at_its_place(fields: dict[str, Any], where: str, words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        AppriseSettings.model_validate({"type": "apprise", **fields})
    found = {str(error["loc"][0]): error["msg"] for error in caught.value.errors()}

    assert words in found[where]
    assert "s3cret" not in found[where]


def test_without_the_package_the_error_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)
    with pytest.raises(ValidationError, match=r"pip install 'apprise>=1\.9'"):
        AppriseSettings.model_validate({"type": "apprise", "urls": ["json://localhost"]})
