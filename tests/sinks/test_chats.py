"""The examples of chats and automation load, and what they send is JSON of the right shape, signed all the same."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from notifier.clock import SystemClock
from notifier.config.load import load
from notifier.sinks.base import Message
from notifier.sinks.signing import parse_keys, verify
from notifier.sinks.webhook import WebhookSettings, build
from tests.contracts.sink import T, published
from tests.sinks.make import SECRET
from tests.sinks.peer import Peer

FOLDER = Path(__file__).parents[2] / "config" / "examples" / "chats"
EXAMPLES = sorted(path.stem for path in FOLDER.glob("*.yaml"))
EVIL = 'Анна "}],"x":"\n{phase} <script> @channel \u202e{{7*7}}'


@pytest.fixture
async def other() -> AsyncIterator[Peer]:
    other = Peer()
    await other.start()
    yield other
    await other.stop()


async def sent(example: str, other: Peer) -> Any:
    environment = {
        "HOOK_SECRET": SECRET,
        f"{example.upper()}_URL": "https://chat.example.org/hooks/x",
        **dict.fromkeys(("TRIPS_TOKEN", "TRIPS_CLIENT_ID", "N8N_KEY"), "given"),
    }
    (settings,) = load(FOLDER / f"{example}.yaml", environment).sinks.values()
    assert isinstance(settings, WebhookSettings)
    here = settings.model_copy(update={"url": other.url, "allow_networks": ("127.0.0.0/8",)})
    sink = build(example, here, SystemClock())
    assert (await sink.send(Message("d1", None, published(), text=EVIL), T)).kind == "delivered"
    await sink.close()
    (taken,) = other.taken
    verify(taken.headers, taken.body, parse_keys(SECRET), T)
    return json.loads(taken.body)


def test_there_is_one_for_each() -> None:
    assert EXAMPLES == ["mattermost", "n8n", "slack"]


async def test_slack(other: Peer) -> None:
    body = await sent("slack", other)

    assert body["text"] == EVIL
    assert body["blocks"][0] == {"type": "section", "text": {"type": "plain_text", "text": EVIL}}
    assert body["blocks"][1]["elements"][0]["text"].startswith("trips/885e · arrived · ")


async def test_mattermost(other: Peer) -> None:
    body = await sent("mattermost", other)

    assert (body["username"], body["text"]) == ("Rides", EVIL)


async def test_n8n(other: Peer) -> None:
    body = await sent("n8n", other)

    assert body == {
        "event": "notifier.order.status_changed.v1",
        "order": "trips/885e",
        "phase": "arrived",
        "status": published_status(),
        "text": EVIL,
    }


def published_status() -> str:
    status: str = json.loads(published().data)["status"]
    return status
